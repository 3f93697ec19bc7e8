"""The token that `meshtrail up` keeps on its own machine, so that commands there work without asking."""

import os
from pathlib import Path

from meshtrail.cli.options import default_data
from meshtrail.common.errors import UnauthenticatedError
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.service import Control, Identity, Scope

AGENT_TOKEN_FILE = "agent.token"
LOCAL_TOKEN_FILE = "local.token"


def ensure_token(control: Control, org_id: str, path: Path, name: str, scopes: set[Scope]) -> str:
    """The token in the file, made anew when it does not work any more. Only the owner may read the file."""
    if path.exists():
        secret = path.read_text().strip()
        if _works(control, secret, org_id):
            return secret
    _, secret = control.tokens.create(system(org_id), ALL_PERMISSIONS, name, scopes)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
    return secret


def _works(control: Control, secret: str, org_id: str) -> bool:
    try:
        identity: Identity = control.token_identity(secret)
    except UnauthenticatedError:
        return False
    return identity.org_id == org_id


def local_token(given: str) -> str:
    """The token given, or the one of this machine's server; empty when there is none."""
    path = default_data() / LOCAL_TOKEN_FILE
    if given or not os.access(path, os.R_OK):
        return given
    return path.read_text().strip()
