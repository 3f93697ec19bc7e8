"""The audit trail's part of the server: outbox, pump, pipe and witness, started together and stopped so that nothing is left."""

import asyncio
import dataclasses
import platform
import re
import socket
from typing import Any

import meshtrail
from meshtrail.common.clock import Clock
from meshtrail.common.redact import REDACTED
from meshtrail.control.actor import system
from meshtrail.control.audit import Target, record
from meshtrail.control.outbox import Outbox
from meshtrail.control.pump import Pump
from meshtrail.control.service import Control
from meshtrail.control.witness import Witness
from meshtrail.enrich.directory import EMPTY
from meshtrail.enrich.service import NullEnricher
from meshtrail.ingest.duplicates import Duplicates
from meshtrail.ingest.pipeline import Pipeline
from meshtrail.model.activities import Activity
from meshtrail.model.columns import AUDIT
from meshtrail.store.audit_reader import AuditReader
from meshtrail.store.engine import Engine
from meshtrail.store.positions import Positions
from meshtrail.store.writer import Writer

_PASSWORD = re.compile(r"(?P<before>://[^/@:]*:)[^/@]*(?P<after>@)|(?P<named>[?&](?:password|sslpassword|secret)=)[^&]*", re.IGNORECASE)
"""The password of an address such as postgresql://user:password@host, wherever it stands."""


class Trail:
    """What keeps the audit trail. The stores must be open."""

    def __init__(self, control: Control, engine: Engine, positions: Positions, clock: Clock, last: int) -> None:
        self.reader = AuditReader(engine)
        self.pipeline = Pipeline(
            AUDIT, Writer(engine, AUDIT, positions), Duplicates(engine, AUDIT, clock), NullEnricher(), lambda _: EMPTY, clock, last
        )
        self.witness = Witness(control.database, clock)
        self._control = control
        self._pump = Pump(Outbox(control.database), control.changes, self.pipeline.submit)

    async def start(self, config: Any) -> None:
        """Begin; `config` (a dataclass) is how the server runs, of which is told what is not as it comes."""
        await self.pipeline.start()
        await self.witness.start()
        await self._pump.start()
        await asyncio.to_thread(self._tell, Activity.server_start, {"version": meshtrail.__version__, "configuration": differing(config)})

    async def stop(self) -> None:
        """Write down what was told, take it to the store, end."""
        await self.witness.stop()
        await asyncio.to_thread(self._tell, Activity.server_stop, {"version": meshtrail.__version__})
        await self._pump.stop()
        await self.pipeline.stop()

    def _tell(self, activity: Activity, meta: dict[str, Any]) -> None:
        home = self.witness.home()
        if home is None:
            return
        host = socket.gethostname()
        more = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
        with self._control.database.write() as transaction:
            record(transaction, system(home), activity, Target(host, host), meta={**meta, **more})


def differing(config: Any) -> dict[str, Any]:
    """Settings that were given, by name: those that differ from what they would be, without passwords."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value == field.default:
            continue
        if dataclasses.is_dataclass(value):
            found |= {f"{field.name}.{name}": inner for name, inner in differing(value).items()}
            continue
        found[field.name] = value if isinstance(value, int | float) else _shown(value)
    return found


def _shown(value: object) -> str | list[str]:
    if isinstance(value, tuple):
        return [_without_password(str(each)) for each in value]
    return _without_password(str(value))


def _without_password(text: str) -> str:
    return _PASSWORD.sub(lambda found: f"{found['before'] or found['named']}{REDACTED}{found['after'] or ''}", text)
