"""Names of connections."""

import uuid

from hypothesis import given
from hypothesis import strategies as some

from meshtrail.agent import flowid

INSTANCE = flowid.instance("3b1f\n", 4026531840)


@given(number=some.integers(0, 2**32 - 1), started_us=some.integers(0, 2**32 * 1_000_000 - 1))
def test_layout(number: int, started_us: int) -> None:
    """A flow id is a UUIDv8 that gives back the conntrack id, and differs by the start's millisecond."""
    made = flowid.Maker(INSTANCE).make(number, started_us)
    parsed = uuid.UUID(made)
    assert (parsed.version, parsed.variant, str(parsed)) == (8, uuid.RFC_4122, made)
    assert flowid.conntrack_id(made, INSTANCE) == number
    assert flowid.Maker(INSTANCE).make(number, started_us + 1_000) != made


@given(some.binary(min_size=8, max_size=32), some.integers(0, 2**32 - 1))
def test_tuple_bits(addresses: bytes, ports: int) -> None:
    """Connections that have one conntrack id and begin together are told apart by their tuples; the id is still read back."""
    bits = flowid.tuple_bits(addresses, ports)
    assert 0 <= bits < 2**16
    made = flowid.Maker(INSTANCE).make(7, 1_000_000, bits)
    assert uuid.UUID(made).version == 8
    assert flowid.conntrack_id(made, INSTANCE) == 7
    assert (made == flowid.Maker(INSTANCE).make(7, 1_000_000)) == (bits == 0)


def test_tuples_spread() -> None:
    """Neighbouring ports and addresses hardly ever have the same bits."""
    found = {
        flowid.tuple_bits(bytes([10, 0, 0, low, 10, 0, 1, 1]), port << 16 | 443) for low in range(10) for port in range(40_000, 40_400)
    }
    assert len(found) > 3_600


def test_others() -> None:
    """The id of another boot, of another namespace, of another version or no id at all gives nothing."""
    made = flowid.Maker(INSTANCE).make(1, 1)
    for other in (flowid.instance("other", 4026531840), flowid.instance("3b1f", 1)):
        assert flowid.conntrack_id(made, other) is None
    assert flowid.conntrack_id(str(uuid.uuid4()), INSTANCE) is None
    assert flowid.conntrack_id(made[:14] + "4" + made[15:], INSTANCE) is None
    assert flowid.conntrack_id("no id", INSTANCE) is None


def test_this_instance() -> None:
    """The instance stays the same while the machine runs."""
    assert flowid.this_instance() == flowid.this_instance()
    assert len(flowid.this_instance()) == 6
