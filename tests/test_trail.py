"""What is told of how the server runs."""

from dataclasses import dataclass
from pathlib import Path

from meshtrail.trail import differing


@dataclass(frozen=True)
class Config:
    """A configuration."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8765
    control: str | None = None
    trusted_proxies: tuple[str, ...] = ()


def test_what_was_given_is_told_without_passwords() -> None:
    """What is as it comes is left out."""
    assert differing(Config(Path("/x"))) == {"data": "/x"}
    given = Config(Path("/x"), port=0, control="postgresql://ana:s3:cret@db/meshtrail?password=other&x=1", trusted_proxies=("10.0.0.1",))
    told = differing(given)
    assert (told["port"], told["trusted_proxies"]) == (0, ["10.0.0.1"])
    assert told["control"] == "postgresql://ana:[redacted]@db/meshtrail?password=[redacted]&x=1"
