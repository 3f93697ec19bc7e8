"""The closed list of what an audit event can say.

A code is `<subject>.<what happened to it>`, lower-case words joined by dots, blanks inside a word as underscores. Codes, sentences
and numbers of the first part are NetBird's, with NetBird's meaning: it *happened*. Who tried in vain leaves `request.refuse`,
`sign_in.fail` or the same code with another outcome than `success`, which readers of the compatible API see in the sentence.

Codes are written to disk: never change one, only add.
"""

from enum import StrEnum
from typing import Self


class TargetType(StrEnum):
    """What an event's target is."""

    ai_budget = "ai_budget"
    """A budget for language models."""
    ai_guardrail = "ai_guardrail"
    """A guardrail for language models."""
    ai_policy = "ai_policy"
    """A policy for language models."""
    ai_provider = "ai_provider"
    """A provider of language models."""
    anything = "anything"
    """Whatever was asked for."""
    dns_record = "dns_record"
    """A record of a DNS zone."""
    dns_zone = "dns_zone"
    domain = "domain"
    """A domain for services."""
    enrolment_key = "enrolment_key"
    """A key that turns a machine into a peer (NetBird: setup key)."""
    group = "group"
    identity_provider = "identity_provider"
    integration = "integration"
    invite = "invite"
    """A link that lets somebody join."""
    log = "log"
    """Events of a family."""
    nameserver_group = "nameserver_group"
    network = "network"
    organisation = "organisation"
    """The tenant itself and its settings (NetBird: account)."""
    peer = "peer"
    policy = "policy"
    posture_check = "posture_check"
    resource = "resource"
    """What stands in a network."""
    route = "route"
    router = "router"
    """Which peers lead into a network."""
    rule = "rule"
    server = "server"
    """This server."""
    service = "service"
    """A published service."""
    service_user = "service_user"
    """A user for programs."""
    stream = "stream"
    """A destination that events are sent to."""
    token = "token"  # noqa: S105 (a word)
    user = "user"
    view = "view"
    """A saved view of a list."""


T = TargetType


class Activity(StrEnum):
    """A code, with what belongs to it."""

    sentence: str
    """What happened, for people: `Policy updated`."""
    target: TargetType
    """What the event's target is."""
    number: int | None
    """NetBird's numeric id; None for codes that are ours."""
    doc: str
    """What it means, in a sentence."""

    def __new__(cls, code: str, sentence: str, target: TargetType, number: int | None, doc: str) -> Self:
        """A member: its value is the code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence, member.target, member.number, member.doc = sentence, target, number, doc
        return member

    # fmt: off
    # NetBird's, in the order of their numbers.
    peer_user_add = "peer.user.add", "Peer added", T.peer, 0, "A person enrolled a machine by signing in on it."
    peer_setupkey_add = ("peer.setupkey.add", "Peer added", T.peer, 1,
        "A machine was enrolled with an enrolment key; the key is the initiator.")
    user_join = "user.join", "User joined", T.user, 2, "A person came into the organisation."
    user_invite = "user.invite", "User invited", T.user, 3, "A person was invited."
    account_create = "account.create", "Account created", T.organisation, 4, "An organisation was made."
    user_peer_delete = "user.peer.delete", "Peer deleted", T.peer, 5, "A peer was taken out of the network."
    rule_add = "rule.add", "Rule added", T.rule, 6, "A rule of the kind before policies was made."
    rule_update = "rule.update", "Rule updated", T.rule, 7, "Such a rule was changed."
    rule_delete = "rule.delete", "Rule deleted", T.rule, 8, "Such a rule was deleted."
    policy_add = "policy.add", "Policy added", T.policy, 9, "A policy was made."
    policy_update = "policy.update", "Policy updated", T.policy, 10, "A policy or one of its rules was changed; it has a new version."
    policy_delete = "policy.delete", "Policy deleted", T.policy, 11, "A policy was deleted."
    setupkey_add = "setupkey.add", "Setup key created", T.enrolment_key, 12, "An enrolment key was made."
    setupkey_update = ("setupkey.update", "Setup key updated", T.enrolment_key, 13,
        "An enrolment key was changed other than by revoking it or in its groups.")
    setupkey_revoke = "setupkey.revoke", "Setup key revoked", T.enrolment_key, 14, "An enrolment key was revoked: it enrols nothing more."
    setupkey_overuse = "setupkey.overuse", "Setup key overused", T.enrolment_key, 15, "An enrolment key was used more often than it allows."
    group_add = "group.add", "Group created", T.group, 16, "A group was made."
    group_update = "group.update", "Group updated", T.group, 17, "A group was renamed."
    peer_group_add = "peer.group.add", "Group added to peer", T.peer, 18, "A peer came into a group."
    peer_group_delete = "peer.group.delete", "Group removed from peer", T.peer, 19, "A peer left a group."
    user_group_add = "user.group.add", "Group added to user", T.user, 20, "A group was added to those that a user's peers come into."
    user_group_delete = "user.group.delete", "Group removed from user", T.user, 21, "A group was removed from those."
    user_role_update = "user.role.update", "User role updated", T.user, 22, "A user has another role."
    setupkey_group_add = ("setupkey.group.add", "Group added to setup key", T.enrolment_key, 23,
        "A group was added to those that peers of the key come into.")
    setupkey_group_delete = ("setupkey.group.delete", "Group removed from user setup key", T.enrolment_key, 24,
        "A group was removed from those.")
    dns_setting_disabled_management_group_add = (
        "dns.setting.disabled.management.group.add", "Group added to disabled management DNS setting", T.organisation, 25,
        "Peers of a group no longer get their DNS settings from the server.")
    dns_setting_disabled_management_group_delete = (
        "dns.setting.disabled.management.group.delete", "Group removed from disabled management DNS setting", T.organisation, 26,
        "Peers of a group get their DNS settings from the server again.")
    route_add = "route.add", "Route created", T.route, 27, "A route was made."
    route_delete = "route.delete", "Route deleted", T.route, 28, "A route was deleted."
    route_update = "route.update", "Route updated", T.route, 29, "A route was changed."
    peer_ssh_enable = "peer.ssh.enable", "Peer SSH server enabled", T.peer, 30, "The SSH server of a peer was switched on."
    peer_ssh_disable = "peer.ssh.disable", "Peer SSH server disabled", T.peer, 31, "The SSH server of a peer was switched off."
    peer_rename = "peer.rename", "Peer renamed", T.peer, 32, "A peer has another name."
    peer_login_expiration_enable = ("peer.login.expiration.enable", "Peer login expiration enabled", T.peer, 33,
        "The peer's sign-in expires from now on.")
    peer_login_expiration_disable = ("peer.login.expiration.disable", "Peer login expiration disabled", T.peer, 34,
        "The peer's sign-in no longer expires.")
    nameserver_group_add = "nameserver.group.add", "Nameserver group created", T.nameserver_group, 35, "A group of name servers was made."
    nameserver_group_delete = ("nameserver.group.delete", "Nameserver group deleted", T.nameserver_group, 36,
        "A group of name servers was deleted.")
    nameserver_group_update = ("nameserver.group.update", "Nameserver group updated", T.nameserver_group, 37,
        "A group of name servers was changed.")
    account_setting_peer_login_expiration_enable = (
        "account.setting.peer.login.expiration.enable", "Account peer login expiration enabled", T.organisation, 38,
        "Sign-ins of peers expire from now on.")
    account_setting_peer_login_expiration_disable = (
        "account.setting.peer.login.expiration.disable", "Account peer login expiration disabled", T.organisation, 39,
        "Sign-ins of peers no longer expire.")
    account_setting_peer_login_expiration_update = (
        "account.setting.peer.login.expiration.update", "Account peer login expiration duration updated", T.organisation, 40,
        "The time after which peers have to sign in again was changed.")
    personal_access_token_create = ("personal.access.token.create", "Personal access token created", T.token, 41,
        "A user made a token, or one was made for a service user.")
    personal_access_token_delete = "personal.access.token.delete", "Personal access token deleted", T.token, 42, "Such a token was deleted."
    service_user_create = "service.user.create", "Service user created", T.service_user, 43, "A user for programs was made."
    service_user_delete = "service.user.delete", "Service user deleted", T.service_user, 44, "A user for programs was deleted."
    user_block = "user.block", "User blocked", T.user, 45, "A user may no longer sign in."
    user_unblock = "user.unblock", "User unblocked", T.user, 46, "A blocked user may sign in again."
    user_delete = "user.delete", "User deleted", T.user, 47, "A user was deleted."
    group_delete = "group.delete", "Group deleted", T.group, 48, "A group was deleted."
    user_peer_login = "user.peer.login", "User logged in peer", T.peer, 49, "A person signed in on a peer again."
    peer_login_expire = ("peer.login.expire", "Peer login expired", T.peer, 50,
        "The sign-in of a peer ran out, or was ended; `meta.reason` says why.")
    dashboard_login = ("dashboard.login", "Dashboard login", T.user, 51,
        "A person signed in to the dashboard; once for each sign-in, not for each request.")
    integration_create = "integration.create", "Integration created", T.integration, 52, "A connection to another system was set up."
    integration_update = "integration.update", "Integration updated", T.integration, 53, "Such a connection was changed."
    integration_delete = "integration.delete", "Integration deleted", T.integration, 54, "Such a connection was removed."
    account_setting_peer_approval_enable = ("account.setting.peer.approval.enable", "Account peer approval enabled", T.organisation, 55,
        "New peers wait for approval from now on.")
    account_setting_peer_approval_disable = ("account.setting.peer.approval.disable", "Account peer approval disabled", T.organisation, 56,
        "New peers no longer wait for approval.")
    peer_approve = "peer.approve", "Peer approved", T.peer, 57, "A waiting peer was let in."
    peer_approval_revoke = "peer.approval.revoke", "Peer approval revoked", T.peer, 58, "A peer that was let in has to wait again."
    transferred_owner_role = "transferred.owner.role", "Transferred owner role", T.user, 59, "The organisation has another owner."
    posture_check_create = "posture.check.create", "Posture check created", T.posture_check, 60, "A posture check was made."
    posture_check_update = "posture.check.update", "Posture check updated", T.posture_check, 61, "A posture check was changed."
    posture_check_delete = "posture.check.delete", "Posture check deleted", T.posture_check, 62, "A posture check was deleted."
    peer_inactivity_expiration_enable = ("peer.inactivity.expiration.enable", "Peer inactivity expiration enabled", T.peer, 63,
        "The peer has to sign in again when it was not connected for long.")
    peer_inactivity_expiration_disable = ("peer.inactivity.expiration.disable", "Peer inactivity expiration disabled", T.peer, 64,
        "The peer no longer has to.")
    account_peer_inactivity_expiration_enable = (
        "account.peer.inactivity.expiration.enable", "Account peer inactivity expiration enabled", T.organisation, 65,
        "Peers have to sign in again when they were not connected for long.")
    account_peer_inactivity_expiration_disable = (
        "account.peer.inactivity.expiration.disable", "Account peer inactivity expiration disabled", T.organisation, 66,
        "Peers no longer have to.")
    account_peer_inactivity_expiration_update = (
        "account.peer.inactivity.expiration.update", "Account peer inactivity expiration duration updated", T.organisation, 67,
        "The time that counts as long was changed.")
    setupkey_delete = "setupkey.delete", "Setup key deleted", T.enrolment_key, 68, "An enrolment key was deleted."
    account_setting_group_propagation_enable = (
        "account.setting.group.propagation.enable", "User group propagation enabled", T.organisation, 69,
        "Groups of a user become groups of the user's peers from now on.")
    account_setting_group_propagation_disable = (
        "account.setting.group.propagation.disable", "User group propagation disabled", T.organisation, 70,
        "Groups of a user no longer become groups of the user's peers.")
    account_setting_routing_peer_dns_resolution_enable = (
        "account.setting.routing.peer.dns.resolution.enable", "Account routing peer DNS resolution enabled", T.organisation, 71,
        "Routing peers resolve names for others from now on.")
    account_setting_routing_peer_dns_resolution_disable = (
        "account.setting.routing.peer.dns.resolution.disable", "Account routing peer DNS resolution disabled", T.organisation, 72,
        "Routing peers no longer resolve names for others.")
    network_create = "network.create", "Network created", T.network, 73, "A network was made."
    network_update = "network.update", "Network updated", T.network, 74, "A network was changed."
    network_delete = "network.delete", "Network deleted", T.network, 75, "A network was deleted."
    network_resource_create = "network.resource.create", "Network resource created", T.resource, 76, "A resource was added to a network."
    network_resource_update = "network.resource.update", "Network resource updated", T.resource, 77, "A resource of a network was changed."
    network_resource_delete = ("network.resource.delete", "Network resource deleted", T.resource, 78,
        "A resource was taken out of a network.")
    network_router_create = ("network.router.create", "Network router created", T.router, 79,
        "A routing peer, or groups of them, were given to a network.")
    network_router_update = "network.router.update", "Network router updated", T.router, 80, "The routing peers of a network were changed."
    network_router_delete = "network.router.delete", "Network router deleted", T.router, 81, "Routing peers were taken from a network."
    resource_group_add = ("resource.group.add", "Resource added to group", T.group, 82,
        "A resource came into a group; the group is the target.")
    resource_group_delete = ("resource.group.delete", "Resource removed from group", T.group, 83,
        "A resource left a group; the group is the target.")
    account_dns_domain_update = ("account.dns.domain.update", "Account DNS domain updated", T.organisation, 84,
        "The domain of the peers' names was changed.")
    account_setting_lazy_connection_enable = (
        "account.setting.lazy.connection.enable", "Account lazy connection enabled", T.organisation, 85,
        "Peers connect to each other only when there is traffic.")
    account_setting_lazy_connection_disable = (
        "account.setting.lazy.connection.disable", "Account lazy connection disabled", T.organisation, 86,
        "Peers connect to each other at once.")
    account_network_range_update = ("account.network.range.update", "Account network range updated", T.organisation, 87,
        "The overlay has another range of addresses.")
    peer_ip_update = "peer.ip.update", "Peer IP updated", T.peer, 88, "A peer has another address."
    user_approve = "user.approve", "User approved", T.user, 89, "A waiting user was let in."
    user_reject = "user.reject", "User rejected", T.user, 90, "A waiting user was turned away."
    user_create = "user.create", "User created", T.user, 91, "A user was made."
    account_settings_auto_version_update = (
        "account.settings.auto.version.update", "Account AutoUpdate Version updated", T.organisation, 92,
        "The version that agents update themselves to was changed.")
    identityprovider_create = ("identityprovider.create", "Identity provider created", T.identity_provider, 93,
        "A provider of sign-ins was added.")
    identityprovider_update = ("identityprovider.update", "Identity provider updated", T.identity_provider, 94,
        "A provider of sign-ins was changed.")
    identityprovider_delete = ("identityprovider.delete", "Identity provider deleted", T.identity_provider, 95,
        "A provider of sign-ins was removed.")
    dns_zone_create = "dns.zone.create", "DNS zone created", T.dns_zone, 96, "A DNS zone was made."
    dns_zone_update = "dns.zone.update", "DNS zone updated", T.dns_zone, 97, "A DNS zone was changed."
    dns_zone_delete = "dns.zone.delete", "DNS zone deleted", T.dns_zone, 98, "A DNS zone was deleted."
    dns_zone_record_create = "dns.zone.record.create", "DNS zone record created", T.dns_record, 99, "A record was added to a zone."
    dns_zone_record_update = "dns.zone.record.update", "DNS zone record updated", T.dns_record, 100, "A record of a zone was changed."
    dns_zone_record_delete = "dns.zone.record.delete", "DNS zone record deleted", T.dns_record, 101, "A record was taken out of a zone."
    peer_job_create = ("peer.job.create", "Create Job for peer", T.peer, 102,
        "A peer was asked to do something, such as to collect its logs.")
    user_password_change = "user.password.change", "User password changed", T.user, 103, "A user has another password."
    user_invite_link_create = ("user.invite.link.create", "User invite link created", T.invite, 104,
        "A link that lets somebody join was made.")
    user_invite_link_accept = ("user.invite.link.accept", "User invite link accepted", T.user, 105,
        "Somebody joined through such a link; the new user is the target.")
    user_invite_link_regenerate = ("user.invite.link.regenerate", "User invite link regenerated", T.invite, 106,
        "Such a link was replaced; the old one no longer works.")
    user_invite_link_delete = "user.invite.link.delete", "User invite link deleted", T.invite, 107, "Such a link was deleted."
    service_create = "service.create", "Service created", T.service, 108, "A published service was made."
    service_update = "service.update", "Service updated", T.service, 109, "A published service was changed."
    service_delete = "service.delete", "Service deleted", T.service, 110, "A published service was deleted."
    service_peer_expose = ("service.peer.expose", "Peer exposed service", T.service, 111,
        "A peer published a service of its own; the peer is the initiator.")
    service_peer_unexpose = "service.peer.unexpose", "Peer unexposed service", T.service, 112, "A peer withdrew such a service."
    service_peer_expose_expire = ("service.peer.expose.expire", "Peer exposed service expired", T.service, 113,
        "Such a service ended because its time was over.")
    account_setting_peer_expose_enable = ("account.setting.peer.expose.enable", "Account peer expose enabled", T.organisation, 114,
        "Peers may publish services of their own from now on.")
    account_setting_peer_expose_disable = ("account.setting.peer.expose.disable", "Account peer expose disabled", T.organisation, 115,
        "Peers may no longer publish services of their own.")
    account_setting_auto_update_always_enable = (
        "account.setting.auto.update.always.enable", "Account auto-update always enabled", T.organisation, 116,
        "Agents update themselves whenever there is a version.")
    account_setting_auto_update_always_disable = (
        "account.setting.auto.update.always.disable", "Account auto-update always disabled", T.organisation, 117,
        "Agents no longer do so.")
    domain_add = "domain.add", "Domain added", T.domain, 118, "A domain for services was added."
    domain_delete = "domain.delete", "Domain deleted", T.domain, 119, "A domain for services was removed."
    domain_validate = "domain.validate", "Domain validated", T.domain, 120, "A domain was proved to be the organisation's."
    account_setting_ipv6_enable = ("account.setting.ipv6.enable", "Account IPv6 overlay enabled", T.organisation, 121,
        "The overlay has IPv6 addresses from now on.")
    account_setting_ipv6_disable = ("account.setting.ipv6.disable", "Account IPv6 overlay disabled", T.organisation, 122,
        "The overlay no longer has IPv6 addresses.")
    account_setting_local_mfa_enable = ("account.setting.local.mfa.enable", "Account local MFA enabled", T.organisation, 123,
        "Local users need a second factor from now on.")
    account_setting_local_mfa_disable = ("account.setting.local.mfa.disable", "Account local MFA disabled", T.organisation, 124,
        "Local users no longer need a second factor.")
    user_peer_session_extend = ("user.peer.session.extend", "User extended peer session", T.peer, 125,
        "A person made the sign-in on a peer last longer.")
    agent_network_provider_create = ("agent_network.provider.create", "Agent Network provider created", T.ai_provider, 126,
        "A provider of language models was added.")
    agent_network_provider_update = ("agent_network.provider.update", "Agent Network provider updated", T.ai_provider, 127,
        "Such a provider was changed.")
    agent_network_provider_delete = ("agent_network.provider.delete", "Agent Network provider deleted", T.ai_provider, 128,
        "Such a provider was removed.")
    agent_network_policy_create = ("agent_network.policy.create", "Agent Network policy created", T.ai_policy, 129,
        "A policy for language models was made.")
    agent_network_policy_update = ("agent_network.policy.update", "Agent Network policy updated", T.ai_policy, 130,
        "Such a policy was changed.")
    agent_network_policy_delete = ("agent_network.policy.delete", "Agent Network policy deleted", T.ai_policy, 131,
        "Such a policy was deleted.")
    agent_network_guardrail_create = ("agent_network.guardrail.create", "Agent Network guardrail created", T.ai_guardrail, 132,
        "A guardrail for language models was made.")
    agent_network_guardrail_update = ("agent_network.guardrail.update", "Agent Network guardrail updated", T.ai_guardrail, 133,
        "Such a guardrail was changed.")
    agent_network_guardrail_delete = ("agent_network.guardrail.delete", "Agent Network guardrail deleted", T.ai_guardrail, 134,
        "Such a guardrail was deleted.")
    agent_network_budget_rule_create = ("agent_network.budget_rule.create", "Agent Network budget rule created", T.ai_budget, 135,
        "A budget for language models was made.")
    agent_network_budget_rule_update = ("agent_network.budget_rule.update", "Agent Network budget rule updated", T.ai_budget, 136,
        "Such a budget was changed.")
    agent_network_budget_rule_delete = ("agent_network.budget_rule.delete", "Agent Network budget rule deleted", T.ai_budget, 137,
        "Such a budget was deleted.")
    agent_network_settings_update = ("agent_network.settings.update", "Agent Network settings updated", T.organisation, 139,
        "What is kept of requests to language models was changed.")
    account_setting_metrics_push_enable = ("account.setting.metrics.push.enable", "Account metrics push enabled", T.organisation, 140,
        "Agents send their metrics from now on.")
    account_setting_metrics_push_disable = ("account.setting.metrics.push.disable", "Account metrics push disabled", T.organisation, 141,
        "Agents no longer send their metrics.")
    agent_network_settings_delete = ("agent_network.settings.delete", "Agent Network settings deleted", T.organisation, 142,
        "These settings were set back.")
    account_delete = "account.delete", "Account deleted", T.organisation, 99999, "An organisation was deleted."

    # Ours.
    request_refuse = ("request.refuse", "Attempt refused", T.anything, None,
        "Somebody tried something without the right to it. `meta.activity_code`, `meta.method` and `meta.path` say what.")
    sign_in_fail = ("sign_in.fail", "Sign-in failed", T.user, None,
        "Somebody did not get in: a wrong password, a token nobody knows, an identity that was not accepted.")
    sign_in_throttle = ("sign_in.throttle", "Sign-in throttled", T.user, None,
        "Too many sign-ins failed from one address or for one person; further ones are turned away for a while.")
    sign_in_link_create = ("sign_in.link.create", "Sign-in link created", T.organisation, None,
        "A link that signs in once was printed in a terminal of the server.")
    sign_in_link_use = "sign_in.link.use", "Sign-in link used", T.organisation, None, "Such a link was used; the session has all rights."
    session_end = "session.end", "Signed out", T.user, None, "A session was ended by its owner."
    session_revoke = "session.revoke", "Session ended by another", T.user, None, "A session was ended by somebody else."
    user_update = "user.update", "User updated", T.user, None, "A user was changed other than in role, groups or password."
    service_user_update = "service.user.update", "Service user updated", T.service_user, None, "A user for programs was changed."
    user_password_reset = "user.password.reset", "User password reset", T.user, None, "A user's password was set by somebody else."
    token_create = "token.create", "API token created", T.token, None, "A token of the organisation was made."
    token_delete = "token.delete", "API token deleted", T.token, None, "A token of the organisation was deleted."
    token_expire = "token.expire", "API token expired", T.token, None, "A token was used after its time."
    enrolment_refuse = ("enrolment.refuse", "Enrolment refused", T.enrolment_key, None,
        "A machine came with an enrolment key that is unknown, expired, revoked or used up.")
    peer_facts_update = ("peer.facts.update", "Peer facts updated", T.peer, None,
        "A machine says something new of itself: its host name, operating system or local users; or it says so for the first time.")
    peer_key_replace = "peer.key.replace", "Peer key replaced", T.peer, None, "A peer has another key pair."
    peer_token_refuse = "peer.token.refuse", "Peer proof refused", T.peer, None, "A peer asked for a token with a proof that does not hold."
    organisation_update = "organisation.update", "Organisation updated", T.organisation, None, "The organisation has another name."
    group_peers_update = ("group.peers.update", "Members of group updated", T.group, None,
        "Members were put into or taken out of a group in one step.")
    policy_restore = "policy.restore", "Policy restored", T.policy, None, "An earlier version of a policy was put in force again."
    inventory_import = ("inventory.import", "Inventory imported", T.organisation, None,
        "Groups, policies, networks and settings were set from a document. Each change has an event of its own with the same request.")
    inventory_export = ("inventory.export", "Inventory exported", T.organisation, None,
        "Everything the organisation has was read as a document.")
    settings_update = "settings.update", "Settings updated", T.organisation, None, "A setting without a code of its own was changed."
    settings_mode_update = ("settings.mode.update", "Enforcement mode updated", T.organisation, None,
        "Agents enforce policies from now on, or only observe.")
    settings_default_action_update = ("settings.default_action.update", "Default action updated", T.organisation, None,
        "What becomes of connections that no rule matches was changed.")
    settings_traffic_log_enable = ("settings.traffic_log.enable", "Traffic logging enabled", T.organisation, None,
        "Agents report connections from now on.")
    settings_traffic_log_disable = ("settings.traffic_log.disable", "Traffic logging disabled", T.organisation, None,
        "Agents no longer report connections.")
    settings_traffic_log_update = ("settings.traffic_log.update", "Traffic logging updated", T.organisation, None,
        "Whose connections are reported, how often, or with which counters was changed.")
    settings_retention_update = ("settings.retention.update", "Retention updated", T.organisation, None,
        "How long events are kept was changed.")
    view_create = "view.create", "View saved", T.view, None, "A list was saved under a name, for oneself or for everybody."
    view_update = "view.update", "View updated", T.view, None, "A saved view has another name or shows something else, or was shared."
    view_delete = "view.delete", "View deleted", T.view, None, "A saved view was deleted."
    log_read = ("log.read", "Log read", T.log, None,
        "Somebody read events: `meta.family`, `meta.filter`. Told at once; further readings within minutes together, by number.")
    log_follow = "log.follow", "Log followed", T.log, None, "Somebody opened a live tail."
    log_export = "log.export", "Log exported", T.log, None, "Somebody took events out as a file or a whole list."
    log_delete = "log.delete", "Log deleted", T.log, None, "Events were deleted, by a person or because their time was over."
    log_hold = ("log.hold", "Log held", T.log, None,
        "Events were put under a hold, or a hold was lifted: they are not deleted while it lasts.")
    log_ingest_refuse = ("log.ingest.refuse", "Events refused", T.log, None,
        "A sender's events were refused for its rights: it reported for others.")
    ledger_verify = "ledger.verify", "Ledger verified", T.log, None, "Somebody had the ledger checked; the outcome says whether it holds."
    stream_create = "stream.create", "Event stream created", T.stream, None, "A destination that events are sent to was set up."
    stream_update = "stream.update", "Event stream updated", T.stream, None, "Such a destination was changed."
    stream_delete = "stream.delete", "Event stream deleted", T.stream, None, "Such a destination was removed."
    server_start = "server.start", "Server started", T.server, None, "The server started; `meta` holds its configuration, secrets left out."
    server_stop = "server.stop", "Server stopped", T.server, None, "The server was asked to end."
    server_upgrade = "server.upgrade", "Server upgraded", T.server, None, "The stores were brought to a newer version."
    agent_start = "agent.start", "Agent started", T.peer, None, "An agent started; `meta` holds its version and settings."
    agent_stop = "agent.stop", "Agent stopped", T.peer, None, "An agent was asked to end."
    agent_lose = "agent.lose", "Agent lost", T.peer, None, "An agent has not been heard of for longer than it should be silent."
    agent_return = "agent.return", "Agent returned", T.peer, None, "A lost agent was heard of again."
    agent_update = "agent.update", "Agent updated", T.peer, None, "An agent runs another version."
    agent_map_apply = ("agent.map.apply", "Network map applied", T.peer, None,
        "An agent put a network map in force; `meta.serial` says which.")
    agent_map_refuse = ("agent.map.refuse", "Network map refused", T.peer, None,
        "An agent refused a network map: a wrong signature, another peer, or an older serial.")
    agent_rules_tamper = ("agent.rules.tamper", "Firewall rules changed by others", T.peer, None,
        "Rules that an agent had put in force were changed or removed by somebody else; it made them again.")
    agent_rules_fail = "agent.rules.fail", "Firewall rules failed", T.peer, None, "An agent could not put rules in force; `error` says why."
    # fmt: on


BY_CODE: dict[str, Activity] = {activity.value: activity for activity in Activity}
