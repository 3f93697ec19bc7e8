"""What may be done, in the words of NetBird's dashboard: modules and operations."""

from meshtrail.control.permissions import Permission

_OPERATIONS = ("create", "read", "update", "delete")

_READ: dict[str, Permission] = {
    "networks": Permission.networks_read,
    "peers": Permission.peers_read,
    "groups": Permission.groups_read,
    "settings": Permission.settings_read,
    "accounts": Permission.settings_read,
    "events": Permission.audit_read,
    "policies": Permission.policies_read,
    "users": Permission.users_read,
    "setup_keys": Permission.enrolment_keys_read,
    "pats": Permission.profile_read,
}

_WRITE: dict[str, Permission] = {
    "networks": Permission.networks_write,
    "peers": Permission.peers_write,
    "groups": Permission.groups_write,
    "settings": Permission.settings_write,
    "accounts": Permission.organisation_write,
    "policies": Permission.policies_write,
    "users": Permission.users_write,
    "setup_keys": Permission.enrolment_keys_write,
    "pats": Permission.profile_write,
}

_NOT_OFFERED = ("remote_jobs", "dns", "nameservers", "routes", "identity_providers", "services", "agent_network")
"""Modules of NetBird that this server does not have: nobody may anything there."""


def modules(rights: frozenset[Permission]) -> dict[str, dict[str, bool]]:
    """Module to operation to whether it is allowed. `events` opens the pages of events, so it takes either of their rights."""
    found = {}
    for name in (*_READ, *_NOT_OFFERED):
        reads = _READ.get(name) in rights or (name == "events" and Permission.traffic_read in rights)
        writes = _WRITE.get(name) in rights
        found[name] = {operation: reads if operation == "read" else writes for operation in _OPERATIONS}
    return found
