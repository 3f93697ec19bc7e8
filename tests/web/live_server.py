"""A real server with traffic for the browser, and a browser that tells what went wrong in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from meshtrail.api.auth import SESSION_COOKIE
from meshtrail.control.actor import Actor
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from meshtrail.model.enums import InitiatorType
from tests.api.client import opened
from tests.servers import ServerProcess


@dataclass
class Seen:
    """A page, and what it complains about."""

    page: Page
    context: BrowserContext
    problems: list[str] = field(default_factory=list)

    def hear(self, kind: str, text: str) -> None:
        """What the console says; that a page was refused is no fault of it."""
        if kind in {"error", "warning"} and "status of 4" not in text:
            self.problems.append(text)


def sessions(server: ServerProcess, *roles: Role) -> tuple[str, dict[Role, str]]:
    """A token of the first organisation, and a session of somebody of each role in it."""
    control = opened(server)
    try:
        org_id, _ = control.first_organisation()
        by, found = Actor(org_id, "sys", InitiatorType.system), {}
        for role in roles:
            user, _ = control.users.create(by, ALL_PERMISSIONS, name=f"{role} person", email=f"{role}@example.org", role=role,
                                           password="four words of ana")  # fmt: skip
            found[role] = control.sessions.start(control.users.get(org_id, user), "test").secret
        return server.token, found
    finally:
        control.close()


@contextmanager
def visiting(browser: Browser, url: str, session: str, size: tuple[int, int] = (1280, 800), **options: Any) -> Iterator[Seen]:
    """A page of a browser that is signed in."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, timezone_id="UTC", base_url=url, **options)
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": url}])
    seen = Seen(context.new_page(), context)
    seen.page.set_default_timeout(10_000)
    seen.page.on("console", lambda said: seen.hear(said.type, said.text))
    seen.page.on("pageerror", lambda error: seen.problems.append(str(error)))
    yield seen
    context.close()
