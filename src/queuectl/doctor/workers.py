"""Checks of who works on a store, and of what waits for somebody who does. Pure."""

from __future__ import annotations

from collections import Counter
from shlex import quote
from typing import TYPE_CHECKING

from queuectl.doctor.facts import Finding
from queuectl.duration import format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.doctor.facts import Facts
    from queuectl.repository.base import Worker
    from queuectl.repository.examination import StoreFacts

    Call = Callable[[str], str]

#: Processes and queues that are told one by one.
_TOLD = 5


def condition(worker: Worker, facts: Facts) -> str:
    """Return how a worker is: `alive`, `hung`, `dead`, or `elsewhere`, which cannot be seen from here."""
    machine, identity = facts.machine, worker.identity
    if identity.home != machine.home:  # it has another data directory, so we cannot see its pipe
        return _from_afar(worker, facts)
    if identity.boot_id == machine.boot_id and identity.presence in machine.present:
        return "hung" if machine.ticks - worker.heartbeat_ticks > worker.lease_seconds else "alive"
    if identity.host in {machine.host, ""} or identity.boot_id == machine.boot_id:
        return "dead"
    return _from_afar(worker, facts)


def _from_afar(worker: Worker, facts: Facts) -> str:
    return "dead" if facts.now - worker.heartbeat_at > worker.lease_seconds * 1000 else "elsewhere"


def checks(facts: Facts, call: Call) -> Iterator[Finding]:
    """Judge the workers; `call` makes a command line for the store out of words."""
    store = facts.store
    if store is None or store.schema != store.newest_schema or store.complaints:
        return
    conditions = [(worker, condition(worker, facts)) for worker in store.workers]
    yield from _troubled(conditions, facts, call)
    serving = [worker for worker, how in conditions if how in {"alive", "elsewhere"}]
    where = _by_host(serving) if facts.machine.store is None else ""
    slots = sum(one.identity.slots for one in serving)
    yield Finding("workers", "ok", f"alive: {len(serving)}, slots: {slots}{where}")
    if not any(how == "dead" and worker.jobs for worker, how in conditions):
        yield from _overdue(store, call)
    yield from _same_names(serving)
    yield from _strays(store, facts)
    yield from _paused(store, call)
    yield from _waiting(store, serving, call)


def _by_host(workers: list[Worker]) -> str:
    numbers = Counter(worker.identity.host for worker in workers)
    return "".join(f"; {host}: {number}" for host, number in sorted(numbers.items()))


def _overdue(store: StoreFacts, call: Call) -> Iterator[Finding]:
    """Judge leases that are over though no dead worker explains it: one that hangs on another machine."""
    number = store.upkeep.overdue if store.upkeep else 0
    if number:
        noun, verb = ("lease", "is") if number == 1 else ("leases", "are")
        what = f"{number:,} {noun} of running jobs {verb} over, and nobody has taken them over yet"
        yield Finding("leases", "warning", what, call("worker start"))


def _troubled(conditions: list[tuple[Worker, str]], facts: Facts, call: Call) -> Iterator[Finding]:
    for worker, how in conditions:
        name, pid = worker.identity.name, worker.identity.pid
        if how == "hung":
            silence = format_duration(facts.machine.ticks - worker.heartbeat_ticks)
            what = f"worker {name!r} (pid {pid}) is there and has given no sign of life for {silence}"
            yield Finding("workers", "problem", what, f"see what holds it up; kill {pid} ends it, and loses no job")
        if how == "dead" and worker.jobs:
            noun = "job" if len(worker.jobs) == 1 else "jobs"
            what = f"worker {name!r} is dead and holds {len(worker.jobs):,} {noun}, which the next worker takes over"
            yield Finding("workers", "warning", what, call("worker start"))


def _same_names(workers: list[Worker]) -> Iterator[Finding]:
    for name, number in Counter(worker.identity.name for worker in workers).items():
        if number > 1:
            what = f"{number} workers are called {name!r}: what names one means all of them"
            yield Finding("workers", "warning", what, "start each with its own --name")


def _strays(store: StoreFacts, facts: Facts) -> Iterator[Finding]:
    """Judge processes of runs that have ended."""
    strays = [stray for stray in facts.machine.strays if stray.run not in store.runs]
    for stray in strays[:_TOLD]:
        number, _, run = stray.run.partition("-")
        what = (
            f"process {stray.pid} goes on although the run that started it has ended (job number {number}, run {run})"
        )
        yield Finding("strays", "warning", what, f"ps -fp {stray.pid}; kill {stray.pid} if nobody needs it")
    if len(strays) > _TOLD:
        yield Finding("strays", "warning", f"{len(strays) - _TOLD:,} more such processes go on")
    if not strays:
        yield Finding("strays", "ok", "no process of a run that has ended goes on")


def _paused(store: StoreFacts, call: Call) -> Iterator[Finding]:
    for queue, since, by in store.paused:
        what = f"{f'queue {queue!r} is' if queue else 'all queues are'} paused since {format_time(since)}, by {by}"
        yield Finding("queues", "warning", what, call(f"resume {quote(queue)}".strip() if queue else "resume --all"))


def _waiting(store: StoreFacts, serving: list[Worker], call: Call) -> Iterator[Finding]:
    """Judge jobs that are ready and find no worker."""
    paused = {queue for queue, _, _ in store.paused}
    forsaken = {
        queue: number
        for queue, number in store.ready.items()
        if not paused & {queue, ""}
        and not any(not worker.identity.queues or queue in worker.identity.queues for worker in serving)
    }
    for queue in sorted(forsaken, key=lambda one: -forsaken[one])[:_TOLD]:
        number = forsaken[queue]
        what = f"{number:,} {'job is' if number == 1 else 'jobs are'} ready in queue {queue!r}, and no worker serves it"
        yield Finding("queues", "warning", what, call(f"worker start --queue {quote(queue)}"))
    if len(forsaken) > _TOLD:
        yield Finding("queues", "warning", f"so it is in {len(forsaken) - _TOLD:,} more queues", call("worker start"))
    if not forsaken and not paused:
        yield Finding("queues", "ok", "every queue with a ready job has a worker")
