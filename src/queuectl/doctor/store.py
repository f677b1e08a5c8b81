"""Checks of what lies in a store: is it whole, does it add up, does it grow for ever. Pure."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from queuectl.config import settings_from
from queuectl.doctor.facts import Finding
from queuectl.duration import format_duration, format_time
from queuectl.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.doctor.facts import Facts, Place
    from queuectl.repository.examination import StoreFacts

    Call = Callable[[str], str]

#: Jobs that have ended of which it is time to ask how long they shall be kept.
_MANY = 100_000
#: Milliseconds by which clocks differ without harm.
_TOLERANCE = 60_000
#: Complaints that are told one by one.
_TOLD = 5


def checks(facts: Facts, call: Call) -> Iterator[Finding]:
    """Judge the store; `call` makes a command line for it out of words."""
    store = facts.store
    if store is None:
        what, remedy = facts.trouble
        yield Finding("store", "problem", what, remedy)
        return
    yield _schema(store, call)
    if facts.machine.store is not None:  # a server looks after itself
        yield from _integrity(store, facts.machine.store, facts)
    if store.schema != store.newest_schema or store.complaints:
        return
    if facts.is_thorough:
        yield from _counters(store, call)
    yield _clock(store, facts)
    yield from _settings(store, call)
    yield _retention(store, call)
    yield from _orphans(store, facts, call)


def _schema(store: StoreFacts, call: Call) -> Finding:
    if not store.schema:
        return Finding("store", "ok", "the file is empty: the next command makes a store of it", call("init"))
    if store.schema < store.newest_schema:
        what = (
            f"schema {store.schema}: the next command brings it to {store.newest_schema}; older programs refuse it then"
        )
        return Finding("store", "warning", what, call("init"))
    journal = f", journal mode {store.journal}" if store.journal else ""
    return Finding("store", "ok", f"schema {store.schema}{journal}")


def _integrity(store: StoreFacts, file: Place, facts: Facts) -> Iterator[Finding]:
    for complaint in store.complaints[:_TOLD]:
        remedy = f"stop the workers, keep a copy, then sqlite3 {quote(file.path)} .recover"
        yield Finding("integrity", "problem", complaint, remedy)
    if not store.complaints:
        how = "every row and index is as it should be" if facts.is_thorough else "nothing is damaged at a quick look"
        yield Finding("integrity", "ok", how)


def _counters(store: StoreFacts, call: Call) -> Iterator[Finding]:
    for wrong in store.miscounts[:_TOLD]:
        remedy = f"{call('export -')} | queuectl --db NEW import -"
        yield Finding("counters", "problem", wrong, remedy)
    if not store.miscounts:
        yield Finding("counters", "ok", "all that is counted and kept twice agrees")


def _clock(store: StoreFacts, facts: Facts) -> Finding:
    remedy = "set the clock, by NTP if you can: timedatectl"
    if store.newest > facts.now + _TOLERANCE:
        ahead = format_duration((store.newest - facts.now) / 1000)
        what = f"the newest entry is of {format_time(store.newest)}, {ahead} from now: the clock was set back"
        return Finding("clock", "warning", what, remedy)
    if store.step_back > _TOLERANCE:
        what = f"the clock was set back by {format_duration(store.step_back / 1000)} not long ago"
        return Finding("clock", "warning", what, remedy)
    return Finding("clock", "ok", "nothing has happened in the future")


def _settings(store: StoreFacts, call: Call) -> Iterator[Finding]:
    for key, text in store.settings.items():
        try:
            settings_from({key: text})
        except InvalidInput as error:
            yield Finding("settings", "problem", error.message, call(f"config unset {key}"))


def _retention(store: StoreFacts, call: Call) -> Finding:
    kept = {state: number for state, number in store.ended.items() if f"retention.{state}" not in store.settings}
    number = sum(kept.values())
    if number < _MANY:
        return Finding("retention", "ok", f"jobs that have ended and are kept: {sum(store.ended.values()):,}")
    state = max(kept, key=lambda one: kept[one])
    what = f"{number:,} jobs have ended and are kept for ever"
    return Finding("retention", "warning", what, call(f"config set retention.{state} 30d"))


def _orphans(store: StoreFacts, facts: Facts, call: Call) -> Iterator[Finding]:
    """Judge what nobody needs any more. The next worker removes all of it but logs of unknown jobs."""
    sweep = call("worker start --once")
    records = facts.machine.records - store.records
    for number, what in (
        (store.leftovers, "logs of removed jobs"),
        (len(records), "run records of workers that are gone"),
    ):
        if number:
            yield Finding("orphans", "ok", f"{number:,} {what} wait for the next worker, which deletes them", sweep)
    if store.unknown:
        numbers = ", ".join(map(str, store.unknown[:_TOLD]))
        what = f"{len(store.unknown):,} jobs have logs and are not in the store; by number: {numbers}"
        yield Finding(
            "orphans", "warning", what, f"look into {facts.machine.data.path}/logs, and delete what you do not need"
        )
