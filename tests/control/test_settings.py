"""Settings change one by one."""

import pytest

from meshtrail.common.errors import NotFoundError, UnusableError
from meshtrail.control.actor import system
from meshtrail.control.inventory import Settings
from meshtrail.model.network_map import Action, Mode
from tests.control.organisation import Organisation


def test_what_is_left_out_stays(organisation: Organisation) -> None:
    """Two changes add up, and a change survives a reopening of the store."""
    assert organisation.snapshot.settings == Settings()
    organisation.control.settings.update(organisation.by, {"mode": Mode.enforce})
    organisation.control.settings.update(organisation.by, {"progress_interval_s": 5, "network_range_v6": "fd00::/64"})
    found = organisation.snapshot.settings
    assert (found.mode, found.progress_interval_s, found.ranges) == (Mode.enforce, 5, ("100.64.0.0/10", "fd00::/64"))
    organisation.control.settings.update(organisation.by, {"network_range": ""})
    assert organisation.snapshot.settings.ranges == ("fd00::/64",)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("network_range", "100.64.0.1/10"), ("network_range", "fd00::/64"), ("network_range", "nonsense"),
        ("network_range_v6", "100.64.0.0/10"), ("network_traffic_logs_groups", ["nothing"]), ("progress_interval_s", -1),
        ("progress_interval_s", 10**6),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(organisation: Organisation, field: str, value: object) -> None:
    """Each is refused by its name, and nothing changes."""
    with pytest.raises(UnusableError, match=f"^{field}"):
        organisation.control.settings.update(organisation.by, {field: value, "collect_dns": False})
    assert organisation.snapshot.settings == Settings()


def test_defaults_of_networks(organisation: Organisation) -> None:
    """By the id of a network that is there."""
    network = organisation.control.networks.create(organisation.by, "office")
    organisation.control.settings.update(organisation.by, {}, {network: Action.accept})
    assert organisation.snapshot.networks[network].default is Action.accept
    with pytest.raises(UnusableError, match="network_defaults"):
        organisation.control.settings.update(organisation.by, {}, {"nothing": Action.accept})
    with pytest.raises(NotFoundError):
        organisation.control.settings.update(system("nothing"), {})
