"""Why a job is not running now, runs, or has ended, and the command that changes that: pure decisions, no clock.

What decides comes in as `Circumstances`, read from the store at one moment, with the workers that are alive. What
stands in a job's way comes first; all of it is said, not only the first thing.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from queuectl.duration import format_duration, format_time
from queuectl.errors import typed
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from queuectl.model import Job
    from queuectl.repository.base import Worker
    from queuectl.repository.explaining import Circumstances

#: Names that a sentence takes.
_NAMED = 4


class Reason(NamedTuple):
    """One thing that keeps a job where it is."""

    code: str  #: for scripts; never changes once released
    message: str
    command: str | None = None  #: what changes it, without the program's name; None: nothing but time


class Printed(NamedTuple):
    """The last line of a run's output."""

    line: str  #: empty: nothing was printed
    at: int | None = None  #: when anything was printed last


NOTHING = Printed("")


def explain(found: Circumstances, *, live: Collection[int], now: int, printed: Printed = NOTHING) -> tuple[Reason, ...]:
    """Return why a job stands where it does, what matters most first; never nothing.

    Args:
        found: the job and what decides about it.
        live: numbers of the workers that are alive.
        now: the present.
        printed: by the job's last run.
    """
    tell = _TELLERS[found.job.state]
    return tuple(tell(_Case(found, tuple(worker for worker in found.workers if worker.id in live), now, printed)))


class _Case(NamedTuple):
    """All that is known."""

    found: Circumstances
    live: tuple[Worker, ...]
    now: int
    printed: Printed

    @property
    def job(self) -> Job:
        return self.found.job

    @property
    def word(self) -> str:
        """The job's id as a shell takes it."""
        return typed(self.job.id)

    def is_silent(self, worker: Worker) -> bool:
        """Say whether a worker that is there gives no sign of life: it was stopped, or hangs."""
        return self.now - worker.heartbeat_at > worker.lease_seconds * 1000

    @property
    def queue(self) -> str:
        return quote(self.job.queue)


# -- pending ---------------------------------------------------------------------------------


def _pending(case: _Case) -> Iterator[Reason]:
    is_due = (case.job.next_run_at or 0) <= case.now
    if not is_due:
        yield _not_due(case)
    blocked = [*_paused(case), *_without_worker(case)]
    yield from blocked
    if is_due:
        in_line = [] if blocked else list(_in_line(case))
        yield from in_line
        if not (blocked or in_line):
            yield Reason("ready", "nothing stands in its way: a worker takes it next", f"logs -f {case.word}")


def _not_due(case: _Case) -> Reason:
    job, due = case.job, case.job.next_run_at or 0
    when = f"{format_time(due)}, in {_span(due - case.now)}"
    if job.attempts:
        tries = max(1, job.max_retries)
        failed = f"attempt {job.attempts} of {tries} failed ({job.error or case.found.last.reason or 'unknown'})"
        return Reason("retrying", f"{failed}; the next one starts at {when}", f"edit --delay 0s {case.word}")
    why = case.found.last.reason or "enqueued"
    why = "it was enqueued for later" if why == "enqueued" else f"it was {why}, for later"
    return Reason("scheduled", f"it does not start before {when}: {why}", f"edit --delay 0s {case.word}")


def _paused(case: _Case) -> Iterator[Reason]:
    # While all are paused no single one can be resumed.
    lifted = quote(case.job.queue) if all(pause.queue for pause in case.found.pauses) else "--all"
    for queue, since, by in case.found.pauses:
        what = f"queue {queue!r} is" if queue else "all queues are"
        who = f" by {by}" if by else ""
        message = f"{what} paused{who}, for {_span(case.now - since)} now"
        yield Reason("queue_paused" if queue else "all_paused", message, f"resume {lifted}")


def _serves(worker: Worker, queue: str) -> bool:
    return not worker.identity.queues or queue in worker.identity.queues


def _without_worker(case: _Case) -> Iterator[Reason]:
    """Say that nobody claims from the job's queue."""
    start = "worker start" if case.job.queue == "default" else f"worker start --queue {case.queue}"
    if not case.live:
        yield Reason("no_worker", "no worker is running", "worker start")
        return
    serving = [worker for worker in case.live if _serves(worker, case.job.queue)]
    if not serving:
        queues = sorted({queue for worker in case.live for queue in worker.identity.queues})
        message = f"no live worker serves queue {case.job.queue!r}: they serve {_names(queues)}"
        yield Reason("queue_not_served", message, start)
    elif all(map(case.is_silent, serving)):
        have = "has" if len(serving) == 1 else "have"
        yield Reason(
            "workers_silent", f"{_workers(serving)} {have} given no sign of life for longer than the lease", start
        )
    elif not _claiming(case):
        message = f"{_workers(serving)} {'is' if len(serving) == 1 else 'are'} stopping and will claim nothing more"
        yield Reason("workers_stopping", message, start)


def _claiming(case: _Case) -> list[Worker]:
    """Return the workers that could claim the job."""
    serving = (worker for worker in case.live if _serves(worker, case.job.queue))
    return [worker for worker in serving if not (worker.stopping or case.is_silent(worker))]


def _in_line(case: _Case) -> Iterator[Reason]:
    """Say what a job that could start waits for."""
    serving = _claiming(case)
    slots = sum(worker.identity.slots for worker in serving)
    free = sum(max(0, worker.identity.slots - len(worker.jobs)) for worker in serving)
    ahead = sum(number for queue, number in case.found.ahead.items() if any(_serves(one, queue) for one in serving))
    start = "worker start" if case.job.queue == "default" else f"worker start --queue {case.queue}"
    if not free:
        held = [job for worker in serving for job in worker.jobs]
        whose = f"slot{'' if slots == 1 else 's'} of {_workers(serving)}"
        every = f"the {whose} is" if slots == 1 else f"all {slots:,} {whose} are"
        yield Reason("slots_busy", f"{every} busy: {_names(held)}", start)
    if ahead > 0 and ahead >= free:
        number = f"{'more than ' if case.found.ahead_is_cut else ''}{ahead:,} job{'' if ahead == 1 else 's'}"
        message = f"{number} {'is' if ahead == 1 else 'are'} ahead of it in line, by priority or by age"
        yield Reason("behind", message, f"edit --priority {case.job.priority + 1} {case.word}")


# -- processing ------------------------------------------------------------------------------


def _processing(case: _Case) -> Iterator[Reason]:
    job = case.job
    holder = next((worker for worker in case.found.workers if worker.id == case.found.holder), None)
    is_live = holder in case.live
    started = job.started_at or job.updated_at
    attempt = f"attempt {job.attempts} of {max(1, job.max_retries)}"
    since = f"since {format_time(started)}, for {_span(case.now - started)}"
    if holder is None or not is_live:
        message = f"{attempt} runs {since}; its worker {job.worker!r} is gone, the next one takes it over"
        yield Reason("worker_gone", message, None if case.live else "worker start")
    else:
        who = f"worker {holder.identity.name!r} (pid {holder.identity.pid} on {holder.identity.host})"
        yield Reason("running", f"{who} runs {attempt} {since}", f"logs -f {case.word}")
        if case.is_silent(holder):
            silence = f"that worker has given no sign of life for {_span(case.now - holder.heartbeat_at)}"
            others = any(not case.is_silent(worker) for worker in case.live)
            command = None if others else "worker start"
            yield Reason("worker_silent", f"{silence}: another one takes the job over", command)
    if case.found.cancel_grace is not None:
        grace = f"its process group gets TERM, and KILL {format_duration(case.found.cancel_grace)} later"
        yield Reason("cancel_asked", f"somebody asked for it to be cancelled: {grace}", f"cancel --grace 0 {case.word}")
    if job.timeout is not None:
        yield Reason("timeout", _time_left(job.timeout, started, case.now), None)
    if case.printed.line:
        ago = "" if case.printed.at is None else f" {_span(case.now - case.printed.at)} ago"
        yield Reason("output", f"it printed last{ago}: {case.printed.line}", f"logs {case.word}")
    elif is_live:
        yield Reason("output", "it has printed nothing so far", f"logs -f {case.word}")


def _time_left(timeout: float, started: int, now: int) -> str:
    left = started + round(timeout * 1000) - now
    if left <= 0:
        return f"its time is up: it was given {format_duration(timeout)}"
    return f"it is stopped in {_span(left)} if it has not ended by then: it was given {format_duration(timeout)}"


# -- ended -----------------------------------------------------------------------------------


def _completed(case: _Case) -> Iterator[Reason]:
    job = case.job
    took = "" if job.duration_seconds is None else f" after {format_duration(job.duration_seconds)}"
    message = f"its command succeeded at {_ended(case)},{took} in attempt {job.attempts}"
    yield Reason("completed", message, f"retry {case.word}")
    yield from _blocked(case)


def _dead(case: _Case) -> Iterator[Reason]:
    job = case.job
    tries = f"{job.attempts} attempt{'' if job.attempts == 1 else 's'}"
    why = case.found.last.reason or job.error or "unknown"
    yield Reason("dead", f"it gave up at {_ended(case)}, after {tries}: {why}", f"dlq retry {case.word}")
    if case.printed.line:
        yield Reason("output", f"it printed last: {case.printed.line}", f"logs {case.word}")
    if others := case.found.others:
        jobs = "job died" if others == 1 else "jobs died"
        yield Reason("same_error", f"{others:,} other {jobs} of the same: {job.signature}", "dlq list --group")
    yield from _blocked(case)


def _cancelled(case: _Case) -> Iterator[Reason]:
    by = case.found.last.reason or "cancelled"
    yield Reason("cancelled", f"it was {by} at {_ended(case)}", f"retry {case.word}")
    yield from _blocked(case)


def _blocked(case: _Case) -> Iterator[Reason]:
    """Say who has the job's unique key, so that it cannot be put back."""
    rival = case.found.rival
    if rival is not None:
        message = (
            f"job {rival.id!r}, which is {rival.state}, has its unique key {case.job.unique_key!r}: "
            "until that has ended, this one cannot be put back"
        )
        yield Reason("unique_key_taken", message, f"explain {typed(rival.id)}")


def _failed(case: _Case) -> Iterator[Reason]:
    """No job stays in this state; one that is found there was damaged."""
    yield Reason("failed", f"attempt {case.job.attempts} failed: {case.job.error or 'unknown'}", "doctor")


def _ended(case: _Case) -> str:
    at = case.job.finished_at or case.job.updated_at
    return f"{format_time(at)}, {_span(case.now - at)} ago"


def _workers(workers: Sequence[Worker]) -> str:
    names = [worker.identity.name for worker in workers]
    return f"worker {names[0]!r}" if len(names) == 1 else f"the workers {_names(names)}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED:,} more"


def _span(milliseconds: int) -> str:
    """Return a time until or since something in whole seconds; what is less is no time to a person."""
    return format_duration(-(-max(0, milliseconds) // 1000))


_TELLERS = {
    JobState.PENDING: _pending,
    JobState.PROCESSING: _processing,
    JobState.COMPLETED: _completed,
    JobState.FAILED: _failed,
    JobState.DEAD: _dead,
    JobState.CANCELLED: _cancelled,
}
