"""Checks of a PostgreSQL server: does it keep what it has accepted, and is there room for more workers. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.doctor.facts import Finding
from queuectl.duration import format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.doctor.facts import Facts
    from queuectl.repository.examination import Server, Upkeep

    Call = Callable[[str], str]

#: Seconds that an answer may take: a worker asks some ten times for each turn.
_SLOW = 0.05
#: Milliseconds by which clocks differ without harm: all that is decided goes by the server's, but logs do not.
_TOLERANCE = 1_000
#: Connections that should be left: less is one more worker and a few commands.
_SPARE = 5
#: Seconds after which an open transaction keeps too much from being cleared away.
_LONG = 3_600
#: Dead rows from which on they may outweigh the living.
_MANY_DEAD = 50_000
#: Rows of counters that workers would have folded long ago.
_MANY_DELTAS = 100_000

_RELOAD = "; then SELECT pg_reload_conf()"
#: What loses work that was accepted, if it is off.
_DURABLE = {
    "fsync": ("a power cut may destroy the whole database", f"ALTER SYSTEM SET fsync = on{_RELOAD}"),
    "full_page_writes": ("a power cut may damage tables", f"ALTER SYSTEM SET full_page_writes = on{_RELOAD}"),
    "synchronous_commit": (
        "a crash of the server loses what was accepted in the last moment, and may run jobs twice",
        "SET it on where it was set off: ALTER ROLE, ALTER DATABASE or ALTER SYSTEM",
    ),
}


def checks(facts: Facts, call: Call) -> Iterator[Finding]:
    """Judge the server, if there is one; `call` makes a command line for the store out of words."""
    server = facts.machine.engine.server
    if server is None:
        return
    yield _latency(server)
    yield _clock(server)
    yield from _standby(server)
    yield from _durability(server)
    yield _connections(server)
    yield from _vacuum(server)
    if facts.store is not None and facts.store.upkeep is not None:
        yield from _rights(facts.store.upkeep, server)
        yield _tables(facts.store.upkeep, server)
        yield from _deltas(facts.store.upkeep, call)


def _latency(server: Server) -> Finding:
    text = f"it answers within {server.latency * 1000:,.1f} ms"
    if server.latency < _SLOW:
        return Finding("server", "ok", text)
    what = f"{text}, and a worker waits for several answers between two jobs"
    return Finding("server", "warning", what, "run workers near the server")


def _clock(server: Server) -> Finding:
    apart = abs(server.ahead)
    if apart <= _TOLERANCE:
        return Finding("clock", "ok", f"this machine and the server are {apart:,} ms apart")
    how = "behind" if server.ahead > 0 else "ahead of"
    what = f"this machine is {format_duration(apart / 1000)} {how} the server, by whose clock everything goes"
    return Finding("clock", "warning", what, "set both by NTP: timedatectl")


def _standby(server: Server) -> Iterator[Finding]:
    if server.is_standby:
        remedy = "name the primary; with several hosts in the URL, target_session_attrs=read-write finds it"
        yield Finding(
            "read-only", "problem", "the server is a standby: nothing can be enqueued, run or changed", remedy
        )
    elif server.settings.get("default_transaction_read_only") == "on":
        remedy = "RESET default_transaction_read_only where it was set: ALTER ROLE, ALTER DATABASE or ALTER SYSTEM"
        yield Finding("read-only", "problem", "the server lets you only read", remedy)


def _durability(server: Server) -> Iterator[Finding]:
    off = [name for name in _DURABLE if server.settings.get(name) == "off"]
    for name in off:
        what, remedy = _DURABLE[name]
        yield Finding("durability", "problem", f"{name} is off: {what}", remedy)
    if not off:
        yield Finding("durability", "ok", f"{', '.join(_DURABLE)}: none is off")


def _connections(server: Server) -> Finding:
    tightest = min(server.connections, key=lambda one: one.limit - one.used)
    text = f"{tightest.used:,} of {tightest.limit:,} connections of the {tightest.of} are in use"
    if tightest.limit - tightest.used >= _SPARE:
        return Finding("connections", "ok", text)
    return Finding(
        "connections", "warning", f"{text}: each worker takes one, and each command", "end some, or raise the limit"
    )


def _vacuum(server: Server) -> Iterator[Finding]:
    for name in ("autovacuum", "track_counts"):
        if server.settings.get(name) == "off":
            what = f"{name} is off: nothing clears away old rows, and claims get slower and slower"
            yield Finding("vacuum", "warning", what, f"ALTER SYSTEM SET {name} = on{_RELOAD}")
    if server.longest > _LONG:
        what = (
            f"a transaction has been open for {format_duration(round(server.longest))}:"
            " what was replaced since then cannot be cleared away"
        )
        remedy = "SELECT pid, usename, application_name, xact_start FROM pg_stat_activity ORDER BY xact_start"
        yield Finding("vacuum", "warning", what, remedy)


def _rights(upkeep: Upkeep, server: Server) -> Iterator[Finding]:
    name = server.schema
    if upkeep.lacks:
        what = f"you lack {', '.join(upkeep.lacks)}"
        remedy = f"GRANT ALL ON ALL TABLES IN SCHEMA {name}, and ON ALL SEQUENCES"
        yield Finding("grants", "problem", what, remedy)
    if upkeep.is_public:
        what = "everybody who may come into the database may write the store, and so choose what workers run"
        yield Finding("grants", "problem", what, f"REVOKE ALL ON ALL TABLES IN SCHEMA {name} FROM PUBLIC")
    if not upkeep.lacks and not upkeep.is_public:
        yield Finding("grants", "ok", "you may do all that commands do, and not everybody may")


def _tables(upkeep: Upkeep, server: Server) -> Finding:
    cleared = f"last cleared away {format_time(upkeep.cleared_at)}" if upkeep.cleared_at else "not cleared away yet"
    text = f"{upkeep.size / 2**20:,.1f} MiB; of jobs {upkeep.jobs:,} rows and {upkeep.dead:,} dead ones, {cleared}"
    if upkeep.dead < max(_MANY_DEAD, upkeep.jobs):
        return Finding("tables", "ok", text)
    what = f"{text}: claims have to step over the dead"
    return Finding("tables", "warning", what, f"VACUUM (VERBOSE) {server.schema}.jobs says what keeps them")


def _deltas(upkeep: Upkeep, call: Call) -> Iterator[Finding]:
    if upkeep.deltas > _MANY_DELTAS:
        what = f"the counters have {upkeep.deltas:,} rows, and every look at them adds these up: workers fold them"
        yield Finding("counters", "warning", what, call("worker start"))
