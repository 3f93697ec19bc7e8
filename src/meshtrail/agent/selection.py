"""Which connections are reported: by the options of this machine and by the settings of its organisation. Pure."""

from collections.abc import Iterable
from typing import Protocol

from meshtrail.agent.networks import Network, Networks, is_public
from meshtrail.agent.report import Reporter, is_loopback
from meshtrail.model.network_map import AgentSettings

DNS_PORT = 53


class Ends(Protocol):
    """The ends of a connection, or of a denied attempt at one. Addresses are packed."""

    @property
    def source(self) -> bytes:
        """The initiator."""

    @property
    def destination(self) -> bytes:
        """Whom it addressed."""

    @property
    def reply_source(self) -> bytes:
        """Who answers, after translation."""

    @property
    def destination_port(self) -> int | None:
        """The port that it addressed."""


class Selection:
    """Decides once for each connection, when it is first to be reported."""

    def __init__(self, reporter: Reporter, ignore: Iterable[Network] = (), *, ignore_loopback: bool = False) -> None:
        self._reporter = reporter
        self._ignore = Networks(ignore)
        self._ignore_loopback = ignore_loopback
        self._settings = AgentSettings()
        self._routed = Networks()
        self.all = True
        """Whether everything is reported, so that nothing has to be asked."""
        self._decide()

    @property
    def collects(self) -> bool:
        """Whether connections are reported at all."""
        return self._settings.collect

    def follow(self, settings: AgentSettings, routed: Networks | None = None) -> None:
        """Take over settings, and the networks of the resources for which this peer is a router."""
        self._settings = settings
        self._routed = routed or Networks()
        self._decide()

    def _decide(self) -> None:
        options = bool(self._ignore) or self._ignore_loopback
        self.all = not options and self._settings.collect and self._settings.collect_dns and self._settings.collect_exit_node

    def wants(self, record: Ends) -> bool:
        """Whether the connection is to be reported."""
        settings = self._settings
        if not settings.collect or (not settings.collect_dns and record.destination_port == DNS_PORT):
            return False
        if self._ignore_loopback and is_loopback(record.source) and is_loopback(record.destination):
            return False
        if not settings.collect_exit_node and self._is_exit(record):
            return False
        return not (self._ignore and (self._ignore.covers(record.source) or self._ignore.covers(record.destination)))

    def _is_exit(self, record: Ends) -> bool:
        """Forwarded for another machine to a public address that is no resource of the network."""
        if self._reporter.is_own(record.source) or self._reporter.is_own(record.reply_source):
            return False
        return is_public(record.destination) and not self._routed.covers(record.destination)
