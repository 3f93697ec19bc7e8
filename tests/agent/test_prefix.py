"""Log prefixes: one text for one rule, whatever its ids are."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as some

from meshtrail.agent.prefix import PREFIX_BYTES_MAX, VERSION_MAX, Prefix, decode, encode

_HARMLESS = set(string.ascii_letters + string.digits + "._-%:@~")


def test_form() -> None:
    """Plain ids stand in the prefix as they are."""
    assert encode("pol1", "r-2", 7, "D") == "meshtrail:pol1:r-2@7:D"
    assert decode(b"meshtrail:pol1:r-2@7:D") == Prefix("pol1", "r-2", 7, "D")
    assert decode(b"meshtrail:pol1:r-2@7:A\x00") == Prefix("pol1", "r-2", 7, "A")


def test_default() -> None:
    """Without a policy the default decided."""
    prefix = decode(encode("", "", 0, "D").encode())
    assert prefix is not None
    assert prefix.is_default


@given(some.text(max_size=12), some.text(max_size=12), some.integers(0, VERSION_MAX), some.sampled_from(["D", "A"]))
def test_there_and_back(policy: str, rule: str, version: int, verdict: str) -> None:
    """Short ids come back whole, the prefix is harmless between quotes, and it fits."""
    text = encode(policy, rule, version, verdict)  # type: ignore[arg-type]
    assert set(text) <= _HARMLESS
    assert len(text) <= PREFIX_BYTES_MAX
    prefix = decode(text.encode("ascii"))
    assert prefix is not None
    assert (prefix.version, prefix.verdict) == (version, verdict)
    if not prefix.shortened:
        assert (prefix.policy_id, prefix.rule_id) == (policy.encode("utf-8", "replace").decode(), rule.encode("utf-8", "replace").decode())


@given(some.text(min_size=30, max_size=300), some.text(min_size=30, max_size=300))
def test_long_ids(policy: str, rule: str) -> None:
    """Ids that do not fit are cut, and still read."""
    text = encode(policy, rule, VERSION_MAX, "D")
    assert len(text) <= PREFIX_BYTES_MAX
    assert decode(text.encode("ascii")) is not None


def test_long_ids_differ() -> None:
    """Two long ids that begin alike have two prefixes."""
    one, other = encode("p" * 200 + "1", "r", 1, "D"), encode("p" * 200 + "2", "r", 1, "D")
    assert one != other
    prefix = decode(one.encode())
    assert prefix is not None
    assert prefix.shortened
    assert encode("é" * 100, "r", 1, "D").startswith("meshtrail:%C3%A9")


def test_tilde_is_escaped() -> None:
    """An id cannot look like a shortened one."""
    text = encode("a~0123456789abcdef", "r", 1, "D")
    prefix = decode(text.encode())
    assert prefix == Prefix("a~0123456789abcdef", "r", 1, "D", shortened=False)


@pytest.mark.parametrize("foreign", [
    b"", b"meshtrail", b"DROP: ", b"meshtrail:p:r@x:D", b"meshtrail:p:r@1:X", b"meshtrail:p:r@1:D ", b"meshtrail:p:r:s@1:D",
    b"meshtrail:%GG:r@1:D", b"meshtrail:%FF:r@1:D", b"meshtrail:p:r@9999999999:D", b"\xff\xfe", b"meshtrail:p:r@1:D\nmeshtrail",
])  # fmt: skip
def test_foreign(foreign: bytes) -> None:
    """What is not ours says nothing."""
    assert decode(foreign) is None


@given(some.binary(max_size=140))
def test_noise(content: bytes) -> None:
    """Noise never raises."""
    decode(content)
    decode(b"meshtrail:" + content + b"@1:D")


@pytest.mark.parametrize("version", [-1, VERSION_MAX + 1])
def test_impossible_version(version: int) -> None:
    """A version that cannot be stored is refused where the prefix is made."""
    with pytest.raises(ValueError, match="between 0 and"):
        encode("p", "r", version, "D")
