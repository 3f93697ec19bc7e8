"""The closed vocabularies of events.

The numbers are written to disk (ClickHouse `Enum8`): never renumber, only add. Where two reports of one event
merge, the *larger* number wins, so the order inside `State` and `Verdict` is part of the meaning.
"""

from enum import IntEnum


class State(IntEnum):
    """Where a traffic row stands in its life; a later report can only move it to a larger number."""

    open = 1
    attempted = 2
    lost = 3
    closed = 4
    denied = 5
    window = 6
    gap = 7


class CloseReason(IntEnum):
    """Why a connection ended."""

    unknown = 1
    lost = 2
    no_reply = 3
    timeout = 4
    refused = 5
    reset = 6
    fin = 7


class Verdict(IntEnum):
    """What the network decided about the connection."""

    unknown = 1
    allowed = 2
    denied = 3


class Attribution(IntEnum):
    """How the deciding rule was found: `reported` by the agent that enforced it; `resolved` by the server, from the policies in
    force; `default_deny` and `default_allow`: no rule matches; `ambiguous`: several rules may have decided; `none`: unknown. What
    is less certain has a smaller number, so that it never replaces what is known."""

    ambiguous = -1
    default_allow = 0
    none = 1
    default_deny = 2
    resolved = 3
    reported = 4


class ConnectionType(IntEnum):
    """`p2p`: the reporter is the source or the destination; `routed`: it forwards for others."""

    p2p = 1
    routed = 2


class Direction(IntEnum):
    """Seen from the reporter: `ingress` came to it, `egress` was opened by it."""

    unknown = 1
    ingress = 2
    egress = 3


class EndpointType(IntEnum):
    """What stands at one end of a connection."""

    unknown = 1
    external = 2
    peer = 3
    resource = 4
    service = 5


class GapCause(IntEnum):
    """Why reports are missing."""

    unknown = 1
    buffer_overrun = 2
    restart = 3
    spool_full = 4
    rate_limited = 5
    table_full = 6


class Outcome(IntEnum):
    """How an attempt ended: `denied` was refused for want of a right, `failure` was allowed and did not work."""

    success = 1
    failure = 2
    denied = 3


class InitiatorType(IntEnum):
    """Who acts: a person, a program with a token, a machine's agent, the server itself, or whoever holds an enrolment key."""

    unknown = 1
    user = 2
    token = 3
    agent = 4
    system = 5
    enrolment_key = 6
