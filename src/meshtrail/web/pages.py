"""What every page has: the frame around it, links of which one is current, failures in words, and the renderer of the templates."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from meshtrail.web import formats
from meshtrail.web.assets import Assets
from meshtrail.web.markup import indented, twin
from meshtrail.web.navigation import Entry, entries
from meshtrail.web.viewer import NOBODY, Viewer

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class CaptureStatus:
    """Whether this machine's own connections are captured."""

    capturing: bool
    reason: str
    """A sentence: what is captured, or why not."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several links of which one is current."""

    word: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people."""

    message: str
    remedy: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame around each page needs."""

    title: str
    capture: CaptureStatus
    rights: frozenset[str] | None = None
    """What whoever looks may do, by which links are left out; None: not known, and all are there."""
    who: Viewer = NOBODY
    """Who looks."""

    def may(self, right: str) -> bool:
        """Whether a link to what needs this right is there."""
        return self.rights is None or right in self.rights

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The pages that the bar leads to."""
        return entries(self.rights)


@dataclass(frozen=True, slots=True)
class SignInContext:
    """Everything `sign_in.html` shows."""

    shell: Shell
    next_path: str
    """Where to go afterwards."""
    provider: str = ""
    """Name of the identity provider through which people come in; empty when there is none."""


class Renderer:
    """Templates with autoescape and nothing undefined."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["asset"] = assets.path
        self._environment.filters.update(
            twin=twin, indented=indented, words=formats.words, count=formats.count, visible=formats.visible, minute=formats.minute_time
        )  # fmt: skip

    def render(self, template: str, context: object) -> str:
        """The template with the context as `page`."""
        return self._environment.get_template(template).render(page=context)
