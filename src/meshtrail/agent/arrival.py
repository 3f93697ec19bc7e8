"""What happens before the agent starts: it finds out who it is. A peer has an identity on disk; a machine with an enrolment
key becomes a peer; any other reports with a token that somebody made for it."""

import logging
import random
import socket
import time
from pathlib import Path

from meshtrail.agent import facts, identity, limits
from meshtrail.agent.enrolment import Refused, RefusedError, enrol
from meshtrail.agent.identity import Identity
from meshtrail.agent.wire import Wire
from meshtrail.common.clock import wall_clock

_LOG = logging.getLogger(__name__)
_PASSING = {Refused.unreachable, Refused.nonsense, Refused.other}
"""Reasons that time may mend; the others need a person."""


def known_or_enrolled(state_folder: Path, key: str, server: str, ca_file: Path | None, name: str) -> Identity | None:
    """The identity of this machine, None without one and without a key. Waits for a server out of reach. `RefusedError` when
    the key is refused, `InvalidError` when the identity cannot be read, OSError when it cannot be kept."""
    known = identity.load(state_folder)
    if known is not None or not key:
        return known
    identity.probe(state_folder)
    wire = Wire(server, lambda: "", ca_file)
    found = facts.gather("", name or socket.gethostname(), facts.addresses().own)
    wait_s = limits.RESEND_S_MIN
    while True:
        try:
            made = enrol(wire, key, found, wall_clock)
        except RefusedError as error:
            if error.reason not in _PASSING:
                raise
            _LOG.warning("not enrolled yet: %s", error)
            time.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, limits.RESEND_S_MAX)
            continue
        finally:
            wire.close()
        identity.save(state_folder, made)
        _LOG.info("enrolled as peer %s", made.peer_id)
        return made
