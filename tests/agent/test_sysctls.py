"""Settings, on a folder that looks like the kernel's."""

from pathlib import Path

import pytest

from meshtrail.agent.sysctls import WANTED, Sysctls, linger_us, note_path, read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Settings as a kernel starts with them."""
    made = tmp_path / "netfilter"
    made.mkdir()
    for name, value in (("nf_conntrack_acct", "0"), ("nf_conntrack_timestamp", "1"), ("nf_conntrack_events", "2")):
        (made / name).write_text(value + "\n", encoding="ascii")
    return made


def _values(folder: Path) -> list[str | None]:
    return [read(name, folder) for name in WANTED]


def test_set_and_restore(folder: Path, tmp_path: Path) -> None:
    """Settings are set, and put back as they were; what was right already is not touched."""
    sysctls = Sysctls(tmp_path / "note", folder)
    assert sysctls.apply() == []
    assert _values(folder) == ["1", "1", "1"]
    assert sysctls.found["nf_conntrack_events"] == "2"
    sysctls.restore()
    assert _values(folder) == ["0", "1", "2"]
    assert not (tmp_path / "note").exists()


def test_after_a_crash(folder: Path, tmp_path: Path) -> None:
    """An agent that starts after a killed one puts back what the killed one had found."""
    Sysctls(tmp_path / "note", folder).apply()
    second = Sysctls(tmp_path / "note", folder)
    second.apply()
    assert second.found["nf_conntrack_events"] == "1"
    second.restore()
    assert _values(folder) == ["0", "1", "2"]


def test_accounting_that_was_on_is_on_again(folder: Path, tmp_path: Path) -> None:
    """A setting that was right at the start, and that the server had switched off, is put back, also after a crash."""
    (folder / "nf_conntrack_acct").write_text("1\n", encoding="ascii")
    for killed in (False, True):
        sysctls = Sysctls(tmp_path / "note", folder)
        sysctls.apply()
        assert sysctls.account(False)
        assert read("nf_conntrack_acct", folder) == "0"
        if killed:
            sysctls = Sysctls(tmp_path / "note", folder)
            sysctls.apply()
        sysctls.restore()
        assert _values(folder) == ["1", "1", "2"]


def test_who_changed_nothing_leaves_the_note_of_another(folder: Path, tmp_path: Path) -> None:
    """An agent that could not start because another one runs does not take that one's note away."""
    Sysctls(tmp_path / "note", folder).apply()
    Sysctls(tmp_path / "note", folder).restore()
    assert (tmp_path / "note").exists()


def test_damaged_note(folder: Path, tmp_path: Path) -> None:
    """A note that cannot be read, or names other settings, is no note."""
    note = tmp_path / "note"
    for content in ("{", '{"kernel.panic": "1", "nf_conntrack_acct": "0; reboot"}'):
        note.write_text(content, encoding="ascii")
        sysctls = Sysctls(note, folder)
        sysctls.apply()
        sysctls.restore()
        assert _values(folder) == ["0", "1", "2"]


def test_refused(tmp_path: Path) -> None:
    """Settings that are not there are named as refused, and a folder for the note that cannot be made does no harm."""
    (tmp_path / "file").write_text("", encoding="ascii")
    sysctls = Sysctls(tmp_path / "file" / "note", tmp_path / "nothing" / "here")
    assert sysctls.apply() == list(WANTED)
    sysctls.restore()


def test_note_is_of_one_namespace(tmp_path: Path) -> None:
    """The note's name has the network namespace in it."""
    assert note_path(tmp_path).name.startswith("agent-sysctls-")


def test_linger(folder: Path) -> None:
    """How long the kernel remembers closed connections is read; what cannot be read is left out."""
    (folder / "nf_conntrack_tcp_timeout_time_wait").write_text("120\n", encoding="ascii")
    assert linger_us(folder) == {7: 120_000_000}
