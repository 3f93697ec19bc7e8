"""Running nft."""

from pathlib import Path

import pytest

from meshtrail.agent.firewall import limits, nft
from meshtrail.agent.firewall.nft import NftError, Statement
from tests.agent.netns import Pair

TABLE: Statement = {"add": {"table": {"family": "inet", "name": "t"}}}
CHAINS: list[Statement] = [{"add": {"chain": {"family": "inet", "table": "t", "name": f"c{number}"}}} for number in range(20)]
BAD: Statement = {"add": {"rule": {"family": "inet", "table": "t", "chain": "nowhere", "expr": [{"accept": None}]}}}


@pytest.mark.netns
@pytest.mark.parametrize("place", [0, 1, 7, 20])
def test_refused_statement(pair: Pair, place: int) -> None:
    """A transaction that the kernel refuses changes nothing, and the error has the statement."""
    with pytest.raises(NftError, match=r"as before: .*No such file or directory\nThe statement: .*nowhere") as refused:
        pair.near.inside(lambda: nft.load([TABLE, *CHAINS[:place], BAD, *CHAINS[place:]]))
    assert refused.value.statement == BAD
    assert pair.near.inside(lambda: nft.listed("tables"))[1:] == []


@pytest.mark.netns
def test_load_and_list(pair: Pair) -> None:
    """What was loaded is listed."""
    pair.near.inside(lambda: nft.load([TABLE, *CHAINS]))
    assert len(pair.near.inside(lambda: nft.listed("-a", "chains"))) == 21
    with pytest.raises(NftError, match="No such file"):
        pair.near.inside(lambda: nft.listed("table", "inet", "nowhere"))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that is called nft."""
    monkeypatch.setattr(nft, "FOLDERS", str(tmp_path))
    return tmp_path / "nft"


def _write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    program.chmod(0o755)


def test_no_nft(program: Path) -> None:
    """Without nft there is a remedy."""
    assert nft.run(["list"]).status == nft.MISSING
    with pytest.raises(NftError, match="as before: nft is not installed"):
        nft.load([TABLE])


def test_nft_that_hangs_or_babbles(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An nft that does not end, says too much, or says no JSON is an error with its reason."""
    _write(program, "exec sleep 20")
    assert "no answer within 0 s" in nft.run(["list"], timeout_s=0.05).errors
    _write(program, "echo 12345678901")
    with pytest.raises(NftError, match="no JSON"):
        nft.listed("tables")
    monkeypatch.setattr(limits, "NFT_OUTPUT_BYTES_MAX", 10)
    assert "more than the 10" in nft.run(["list"]).errors
    program.chmod(0o755)
    program.write_text("no program", encoding="ascii")
    assert nft.run(["list"]).status != 0
