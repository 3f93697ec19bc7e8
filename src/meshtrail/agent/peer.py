"""What an enrolled agent has besides capture: the guide, the firewall, and a connection of its own for both."""

from collections.abc import Callable

import msgspec

from meshtrail.agent import identity
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall.compile import Options
from meshtrail.agent.firewall.envelope import EnvelopeFile
from meshtrail.agent.firewall.service import Firewall
from meshtrail.agent.guide import Guide
from meshtrail.agent.identity import Credentials, Identity
from meshtrail.agent.wire import Wire
from meshtrail.common.clock import wall_clock
from meshtrail.model.network_map import NetworkMap


class Peer:
    """A machine as a member of the network. Inert until `start`."""

    def __init__(self, config: AgentConfig, known: Identity, credentials: Credentials, follow: Callable[[NetworkMap], None]) -> None:
        folder = config.state_folder
        self._wire = Wire(config.server, credentials, config.ca_file)
        self.firewall = Firewall(Options(mask=config.mark_mask, nflog_group=config.nflog_group), folder)
        self.guide = Guide(
            self._wire, credentials, known, EnvelopeFile(folder), lambda new: identity.save(folder, new), self.firewall, follow, wall_clock
        )

    def start(self) -> None:
        """Enforce what is on disk, then ask for what is new. `OSError` when the kernel does not tell of changed rules."""
        self.guide.start()

    def stop(self) -> None:
        """Ask no more, and take our rules away."""
        self.guide.stop()
        self.firewall.stop()

    @property
    def local_ports(self) -> frozenset[int]:
        """Local ports of the connection to the server."""
        return self._wire.local_ports

    def by_mark(self, mark: int, at_us: int) -> Decision | None:
        """What let a connection with this mark pass."""
        return self.firewall.by_mark(mark, at_us)

    def metrics(self) -> dict[str, int]:
        """Everything that was counted."""
        guide = {f"map_{name}": value for name, value in msgspec.structs.asdict(self.guide.counters).items()}
        firewall = {f"firewall_{name}": value for name, value in self.firewall.metrics().items()}
        return {"map_serial": self.guide.serial, "peer_removed": int(self.guide.removed), **guide, **firewall}
