"""Users as people name them at a terminal."""

from meshtrail.common.errors import InvalidError, NotFoundError
from meshtrail.control.emails import email_key
from meshtrail.control.service import Control
from meshtrail.control.user import User


def user_named(control: Control, org_id: str, text: str) -> User:
    """The user with this id, e-mail address or name; an error when there is none, or more than one."""
    users = control.users.list(org_id)
    found = [each for each in users if each.id == text or (each.email and email_key(each.email) == email_key(text))]
    found = found or [each for each in users if each.name == text]
    if not found:
        raise NotFoundError(f"There is no user {text[:60]!r}.", "See: meshtrail users list")
    if len(found) > 1:
        raise InvalidError(f"{len(found)} users are named {text!r}.", f"Choose by id: {', '.join(each.id for each in found)}.")
    return found[0]
