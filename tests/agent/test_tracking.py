"""Who makes the kernel track, from rulesets as nft prints them."""

import json

import pytest

from meshtrail.agent.tracking import TABLE, Tracked, Tracking, tracked_by
from tests.agent.netns import TRACK, Pair, until


def _ruleset(*expressions: object, table: str = "filter") -> str:
    rules = [{"rule": {"family": "inet", "table": table, "chain": "c", "expr": [each]}} for each in expressions]
    return json.dumps({"nftables": [{"metainfo": {}}, {"table": {"name": table}}, *rules]})


CT = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}}


@pytest.mark.parametrize(("ruleset", "tracked"), [
    (_ruleset(), Tracked.by_nobody),
    ("", Tracked.by_nobody),
    (_ruleset({"accept": None}, {"match": {"left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}), Tracked.by_nobody),
    (_ruleset(CT), Tracked.by_others),
    (_ruleset({"masquerade": None}), Tracked.by_others),
    (_ruleset({"dnat": {"addr": "10.0.0.1"}}), Tracked.by_others),
    (_ruleset({"xt": {"type": "match", "name": "conntrack"}}), Tracked.by_others),
    (_ruleset({"xt": {"type": "match", "name": "comment"}}), Tracked.by_nobody),
    (_ruleset({"xt": None}), Tracked.by_nobody),
    (_ruleset({"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": []}}}), Tracked.by_others),
    (_ruleset(CT, table=TABLE), Tracked.by_us),
    (_ruleset(CT, table="meshtrail"), Tracked.by_nobody),
    ("no json", Tracked.unknown),
    ("[]", Tracked.unknown),
])  # fmt: skip
def test_tracked_by(ruleset: str, tracked: Tracked) -> None:
    """A rule tracks when it looks at connections or translates; our own table is ours."""
    assert tracked_by(ruleset) is tracked


@pytest.mark.netns
def test_keep(pair: Pair) -> None:
    """Our table is added when nothing tracks, and again when it was taken away or when others stop tracking; while others track it is
    not needed."""
    tracking = Tracking()

    def keep() -> bool:
        return pair.near.inside(tracking.keep)

    def looked() -> bool:
        assert not keep()
        assert tracking._watch is not None
        return not tracking._watch.wait(0)

    assert not keep(), "nothing is done before it is asked for"
    pair.near.inside(tracking.ensure)
    assert TABLE in pair.near.run("nft", "list", "tables")
    pair.near.nft("add table inet other")
    assert not keep()
    pair.near.nft("flush ruleset")
    until(keep, "it is made again")
    assert TABLE in pair.near.run("nft", "list", "tables")
    pair.near.nft(TRACK)
    pair.near.nft(f"delete table inet {TABLE}")
    until(looked, "it has looked")
    assert TABLE not in pair.near.run("nft", "list", "tables")
    pair.near.nft("flush ruleset")
    until(keep, "nobody else tracks any more")
    pair.near.inside(tracking.remove)
    assert not pair.near.run("nft", "list", "tables").strip()
    assert not keep()
