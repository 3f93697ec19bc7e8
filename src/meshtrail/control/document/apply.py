"""Makes the inventory as the document says, by the same calls that single changes use: with their checks and their audit events,
but all in one transaction."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from meshtrail.common.clock import microseconds
from meshtrail.control.document.apply_networks import apply_networks
from meshtrail.control.document.apply_policies import apply_policies
from meshtrail.control.document.entries import Document, GroupEntry, KeyEntry, SettingsEntry
from meshtrail.control.document.matching import matched
from meshtrail.control.document.places import at
from meshtrail.control.document.steps import NewKey
from meshtrail.control.document.work import Work, items, number
from meshtrail.control.enrolment_keys import EnrolmentKey


def apply(work: Work, document: Document, keys: Iterable[EnrolmentKey], now: int, *, prune: bool) -> list[NewKey]:
    """Do it all; what is named comes before what names it. `prune`: what is not in the document, of the sections it has, goes. The
    keys that were made are returned."""
    made: list[NewKey] = []
    if document.groups is not UNSET:
        apply_groups(work, document.groups)
    if document.networks is not UNSET:
        apply_networks(work, document.networks)
    if document.policies is not UNSET:
        apply_policies(work, document.policies)
    if document.settings is not UNSET:
        apply_settings(work, document.settings)
    if document.enrolment_keys is not UNSET:
        made = apply_keys(work, document.enrolment_keys, keys, now)
    if prune:
        work.prune()
    return made


def apply_groups(work: Work, entries: tuple[GroupEntry, ...]) -> None:
    """Groups with their peers."""
    known = work.export.groups()
    found = matched(entries, known, "groups")
    for entry, (place, identifier) in zip(entries, found, strict=True):
        old = known.get(identifier or "")
        wanted = work.merge.group(entry, old, place)
        saved = identifier or ""
        if work.changes("group", place, old, wanted, wanted.name):
            peers = work.names.peers.ids_of(items(wanted.peers), place)
            with at(place):
                if identifier is None:
                    saved = work.stores.groups.create(work.by, wanted.name, peers)
                else:
                    work.stores.groups.update(work.by, identifier, wanted.name, peers)
        work.names.groups.add(saved, wanted.name)
    work.leave_out("group", known, found, lambda each: work.stores.groups.delete(work.by, each))


def apply_settings(work: Work, entry: SettingsEntry) -> None:
    """Settings."""
    old = work.export.settings()
    wanted = work.merge.settings(entry, old, "settings")
    if work.changes("settings", "settings", old, wanted, "settings"):
        values = msgspec.structs.asdict(wanted)
        groups = work.names.groups.ids_of(values["network_traffic_logs_groups"], "settings.network_traffic_logs_groups")
        with at("settings"):
            work.stores.settings.update(work.by, {**values, "network_traffic_logs_groups": groups})


def apply_keys(work: Work, entries: tuple[KeyEntry, ...], keys: Iterable[EnrolmentKey], now: int) -> list[NewKey]:
    """Enrolment keys; those that were made, with their secrets."""
    known = work.export.keys(keys, now)
    found = matched(entries, known, "enrolment_keys")
    made: list[NewKey] = []
    store = work.stores.enrolment_keys
    for entry, (place, identifier) in zip(entries, found, strict=True):
        old = known.get(identifier or "")
        wanted = work.merge.key(entry, old, place)
        if not work.changes("enrolment key", place, old, wanted, wanted.name):
            continue
        groups = work.names.groups.ids_of(items(wanted.auto_groups), place)
        with at(place):
            if identifier is not None:
                store.update(work.by, identifier, revoked=False, auto_groups=groups)
                continue
            expires_at = microseconds(str(wanted.expires_at)) if wanted.expires_at else None
            new, secret = store.create(
                work.by, wanted.name, reusable=bool(wanted.reusable), usage_limit=number(wanted.usage_limit), auto_groups=groups,
                expires_at=expires_at,
            )  # fmt: skip
            made.append(NewKey(new, wanted.name, secret))
    work.leave_out("enrolment key", known, found, lambda each: store.delete(work.by, each))
    return made
