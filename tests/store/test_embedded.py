"""The embedded engine takes its folder alone and its parameters as data."""

import queue
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from meshtrail.common.errors import UnavailableError
from meshtrail.store import embedded
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.engine import EngineUnavailableError

HOSTILE = ["a'b", "a\\b", "a\tb", "a\nb", "\\N", "a\\nb", "ünï", "a\rb\0c", "'); DROP TABLE traffic --", "{p0:String}", "%_"]


def test_second_holder_of_a_path_gets_one_clear_line(engine: EmbeddedEngine) -> None:
    """Another process on the same folder is told who has it and what to do."""
    path: Path = engine._path
    program = (
        "import sys; from pathlib import Path; from meshtrail.store.embedded import EmbeddedEngine\n"
        "try: EmbeddedEngine(Path(sys.argv[1])).open()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(EngineUnavailableError.__name__)
    assert "in use by process" in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_parameters_are_data(engine: EmbeddedEngine, text: str) -> None:
    """Whatever stands in a value arrives as it is, alone and in a list."""
    answer = msgspec.json.decode(
        engine.read("SELECT hex({one:String}) AS one, arrayMap(x -> hex(x), {many:Array(String)}) AS many",
                    {"one": text, "many": [text, "x"]})
    )  # fmt: skip
    expected = text.encode().hex().upper()
    assert answer == {"one": expected, "many": [expected, "78"]}


def test_a_busy_store_says_so(engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits too long for a connection gets 503 with what to do, on pages too: no mistake of the server."""
    monkeypatch.setattr(embedded, "READER_WAIT_S", 0.01)
    monkeypatch.setattr(engine, "_readers", queue.Queue())
    with pytest.raises(UnavailableError) as caught:
        engine.read("SELECT 1")
    assert (caught.value.status, caught.value.message) == (503, "All connections of the store are busy.")
    assert caught.value.remedy == "Try again in a moment."
