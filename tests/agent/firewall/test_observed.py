"""Somebody else's rules, as nft lists them."""

from typing import Any

import pytest

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.observed import Observed, observe

CT_MARK = {"ct": {"key": "mark"}}


def _rule(
    *expressions: Any, handle: int = 7, comment: str | None = "Sales to CRM", table: str = "filter", family: str = "ip"
) -> dict[str, Any]:
    rule = {"family": family, "table": table, "chain": "INPUT", "handle": handle, "expr": list(expressions)}
    return {"rule": rule | ({"comment": comment} if comment else {})}


def _mark(value: object) -> dict[str, Any]:
    return {"mangle": {"key": CT_MARK, "value": value}}


def _log(prefix: object) -> dict[str, Any]:
    return {"log": {"prefix": prefix, "group": 5}}


def _names(observed: Observed, *marks: int) -> list[str | None]:
    return [decision.rule_id if (decision := observed.by_mark(mark)) else None for mark in marks]


def test_whole_mark() -> None:
    """A rule that writes the whole mark is found by the whole mark, with its place and comment."""
    observed = observe([{"metainfo": {}}, _rule({"match": {}}, _mark(17))])
    assert _names(observed, 17, 18, 0x100 | 17) == ["ip/filter/INPUT/7", None, None]
    decision = observed.by_mark(17)
    assert decision is not None and (decision.policy_name, decision.attribution) == ("Sales to CRM", "reported")


@pytest.mark.parametrize(("value", "found"), [
    ({"|": [{"&": [CT_MARK, 0x00FFFFFF]}, 0x05000000]}, [0x05000000, 0x051BD10]),
    ({"|": [{"&": [CT_MARK, 0x05FFFFFF]}, 0x05000000]}, [0x05000000]),
    ({"|": [CT_MARK, 0x10]}, [0x10, 0xFF]),
])  # fmt: skip
def test_some_bits(value: object, found: list[int]) -> None:
    """A rule that writes some bits is found whatever the others are."""
    observed = observe([_rule(_mark(value))])
    assert observed.by_mark(found[0]) is not None
    assert observed.by_mark(found[0] | 0x2) is not None
    assert observed.by_mark(0x01000001) is None


def test_prefixes() -> None:
    """A prefix leads to its rule; one that several rules share leads to what they share."""
    observed = observe([
        _rule(_log("DROP-IN: "), comment=None), _rule(_log("both"), handle=8), _rule(_log("both"), handle=9), _rule(_log("x"), handle=10),
        _rule(_log("x"), handle=11, comment="Another"),
    ])  # fmt: skip
    single, both = observed.by_prefix("DROP-IN: "), observed.by_prefix("both")
    assert single is not None and (single.rule_id, single.policy_name) == ("ip/filter/INPUT/7", "DROP-IN")
    assert both is not None and (both.rule_id, both.policy_name, both.attribution) == (None, "Sales to CRM", "reported")
    assert (different := observed.by_prefix("x")) is not None and different.attribution == "none"


def test_own_tables_are_left_out() -> None:
    """What the agent itself writes is not observed, but a table of the same name in another family is."""
    observed = observe([_rule(_mark(1), table="meshtrail", family="inet"), _rule(_mark(2), table="meshtrail")])
    assert observed.by_mark(1) is None and observed.by_mark(2) is not None


def test_unreadable() -> None:
    """Marks that are no constants, and iptables' own extensions, are counted."""
    observed = observe(
        [_rule(_mark({"meta": {"key": "mark"}})), _rule({"xt": {"type": "target", "name": "CONNMARK"}}), _rule({"xt": None})]
    )
    assert observed.unreadable == 2 and not observed.marks


@pytest.mark.parametrize("strange", [
    {"rule": None}, {"rule": {"expr": 7}}, _rule("accept", None, []), _rule({"mangle": 5}), _rule(_mark(-1)), _rule(_mark(2**40)),
    _rule(_mark({"|": [1, 2, 3]})), _rule(_mark({"|": [{"&": 4}, 5]})), _rule({"log": None}), _rule(_log(7)), _rule(_mark(True)),
])  # fmt: skip
def test_strange_listings(strange: dict[str, Any]) -> None:
    """What nft does not write is passed over."""
    assert _names(observe([strange, _rule(_mark(3))]), 3) == ["ip/filter/INPUT/7"]


def test_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit rules are counted and not remembered."""
    monkeypatch.setattr(limits, "OBSERVED_MAX", 2)
    observed = observe([_rule(_mark(number)) for number in range(1, 6)])
    assert _names(observed, 2, 3) == ["ip/filter/INPUT/7", None] and observed.left_out == 3
