"""Which connections are reported: by the options of this machine and by the settings of its organisation. Pure."""

import ipaddress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from meshtrail.agent.netlink.decode import Record
from meshtrail.agent.report import Reporter, is_loopback
from meshtrail.model.network_map import AgentSettings

DNS_PORT = 53

Network = IPv4Network | IPv6Network


@lru_cache(maxsize=65_536)
def _read(packed: bytes) -> IPv4Address | IPv6Address:
    return ipaddress.ip_address(packed)


class Selection:
    """Decides once for each connection, when it is first to be reported."""

    def __init__(self, reporter: Reporter, ignore: tuple[Network, ...] = (), *, ignore_loopback: bool = False) -> None:
        self._reporter = reporter
        self._ignore = ignore
        self._ignore_loopback = ignore_loopback
        self._settings = AgentSettings()
        self._routed: tuple[Network, ...] = ()
        self.all = True
        """Whether everything is reported, so that nothing has to be asked."""
        self._decide()

    @property
    def collects(self) -> bool:
        """Whether connections are reported at all."""
        return self._settings.collect

    def follow(self, settings: AgentSettings, routed: tuple[str, ...] = ()) -> None:
        """Take over settings, and the networks of the resources for which this peer is a router."""
        self._settings = settings
        self._routed = tuple(ipaddress.ip_network(each, strict=False) for each in routed)
        self._decide()

    def _decide(self) -> None:
        options = bool(self._ignore) or self._ignore_loopback
        self.all = not options and self._settings.collect and self._settings.collect_dns and self._settings.collect_exit_node

    def wants(self, record: Record) -> bool:
        """Whether the connection is to be reported."""
        settings = self._settings
        if not settings.collect or (not settings.collect_dns and record.destination_port == DNS_PORT):
            return False
        if self._ignore_loopback and is_loopback(record.source) and is_loopback(record.destination):
            return False
        if not settings.collect_exit_node and self._is_exit(record):
            return False
        if not self._ignore:
            return True
        ends = (_read(record.source), _read(record.destination))
        return not any(end in network for network in self._ignore for end in ends if end.version == network.version)

    def _is_exit(self, record: Record) -> bool:
        """Forwarded for another machine to a public address that is no resource of the network."""
        if self._reporter.is_own(record.source) or self._reporter.is_own(record.reply_source):
            return False
        destination = _read(record.destination)
        return destination.is_global and not any(destination in each for each in self._routed if each.version == destination.version)
