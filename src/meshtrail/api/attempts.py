"""What each changing route of the API tries, by the route's operation id: an attempt in vain is recorded under the name that the
change would have had. A test sees to it that no route is missing."""

from meshtrail.model.activities import Activity

ATTEMPTS: dict[str, Activity] = {
    "applyInventory": Activity.inventory_import,
    "createToken": Activity.token_create,
    "createView": Activity.view_create,
    "deleteSession": Activity.session_revoke,
    "deleteSessionOfUser": Activity.session_revoke,
    "deleteToken": Activity.token_delete,
    "deleteView": Activity.view_delete,
    "endSession": Activity.session_end,
    "netbirdApproveUser": Activity.user_approve,
    "netbirdCreateGroup": Activity.group_add,
    "netbirdCreateNetwork": Activity.network_create,
    "netbirdCreatePolicy": Activity.policy_add,
    "netbirdCreateResource": Activity.network_resource_create,
    "netbirdCreateRouter": Activity.network_router_create,
    "netbirdCreateSetupKey": Activity.setupkey_add,
    "netbirdCreateToken": Activity.personal_access_token_create,
    "netbirdCreateUser": Activity.user_create,
    "netbirdDeleteGroup": Activity.group_delete,
    "netbirdDeleteNetwork": Activity.network_delete,
    "netbirdDeletePeer": Activity.user_peer_delete,
    "netbirdDeletePolicy": Activity.policy_delete,
    "netbirdDeleteResource": Activity.network_resource_delete,
    "netbirdDeleteRouter": Activity.network_router_delete,
    "netbirdDeleteSetupKey": Activity.setupkey_delete,
    "netbirdDeleteToken": Activity.personal_access_token_delete,
    "netbirdDeleteUser": Activity.user_delete,
    "netbirdInviteUser": Activity.user_invite,
    "netbirdPutAccount": Activity.settings_update,
    "netbirdPutGroup": Activity.group_update,
    "netbirdPutNetwork": Activity.network_update,
    "netbirdPutPassword": Activity.user_password_change,
    "netbirdPutPeer": Activity.peer_rename,
    "netbirdPutPolicy": Activity.policy_update,
    "netbirdPutResource": Activity.network_resource_update,
    "netbirdPutRouter": Activity.network_router_update,
    "netbirdPutSetupKey": Activity.setupkey_update,
    "netbirdPutUser": Activity.user_update,
    "netbirdRejectUser": Activity.user_reject,
    "putSettings": Activity.settings_update,
    "putView": Activity.view_update,
    "resetPassword": Activity.user_password_reset,
}

REFUSALS: dict[str, Activity] = {
    "begin_elsewhere": Activity.sign_in_fail,
    "enrolPeer": Activity.enrolment_refuse,
    "ingestFacts": Activity.log_ingest_refuse,
    "ingestTraffic": Activity.log_ingest_refuse,
    "renewPeerToken": Activity.peer_token_refuse,
    "return_from_elsewhere": Activity.sign_in_fail,
    "startSession": Activity.sign_in_fail,
    "use_link": Activity.sign_in_fail,
}
"""Routes whose refusal has a code of its own; that of the others is `request.refuse`."""

DATA = frozenset({"ingestFacts", "ingestTraffic", "planInventory"})
"""Routes for data, and for questions: what is wrong with them is answered and counted, and no attempt to change anything."""
