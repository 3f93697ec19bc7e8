"""What decided about a connection, as it is reported with it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Attribution = Literal["reported", "default_deny", "none"]
"""How the deciding rule was found; a subset of `model.enums.Attribution`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The rule that decided about one connection, at the time when it did."""

    policy_id: str | None
    policy_name: str | None
    rule_id: str | None
    policy_version: int | None
    attribution: Attribution
    """`reported`: a rule decided and is known; `default_deny`: no rule matched; `none`: it is not known what decided."""
    resource_id: str | None = None
    """The network resource that the destination is, when it stands behind a routing peer."""
    resource_name: str | None = None


UNDECIDED = Decision(None, None, None, None, "none")
"""Nothing is known about what decided."""

Resolve = Callable[[str, int], Decision | None]
"""From the text of a log prefix and a time (microseconds since the epoch) to what decided then; None: it is not known."""


def unresolved(_prefix_text: str, _at_us: int) -> Decision | None:
    """Resolves nothing: for an agent without rules of its own."""
    return None
