"""A few dead jobs first: the rest goes back only if all of these succeed.

Nothing is kept in the store: who ends this command, however, leaves the rest dead.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from queuectl.cli import output
from queuectl.cli.removal import Stops
from queuectl.cli.retrying import as_object, carry_out, how_many, named_jobs, tell
from queuectl.errors import OperationFailed, typed
from queuectl.model import FINAL, JobState
from queuectl.repository.acting import ALL
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.cli.retrying import Order
    from queuectl.cli.session import Session
    from queuectl.model import Job

#: Seconds between two looks at the canaries, and looks between two at the workers.
_LOOK, _ROUND = 0.1, 20
#: Exit code if one of them has not succeeded.
UNSUCCESSFUL = 5


class Fate(NamedTuple):
    """What has become of a canary."""

    id: str
    state: str  #: `gone` if somebody removed it
    error: str | None


def retry_with_canary(session: Session, order: Order) -> int:
    """Retry a few, wait for them, and retry the rest if all have succeeded; return the exit code."""
    began = session.now()
    jobs, rest = _parted(session, order, began)
    order = order._replace(canaries=0)  # from here on each part goes its own way
    if not jobs:
        if session.json:
            output.document(as_object([], order, dry_run=False) | _canary_object([], passed=None, left=0))
        else:
            session.say("No such dead jobs.")
        return 0
    _demand_workers(session, order, jobs)
    left = len(rest.ids) if order.which.ids else max(0, how_many(session, rest) - len(jobs))
    # From the commit on a stop is noted, not obeyed at once: whoever asks for it is to hear how it stands.
    with Stops() as stops:
        first, _ = carry_out(session, order._replace(which=Filter(ids=tuple(job.id for job in jobs)), spacing=0))
        if not session.json:
            tell(session, first, order._replace(spacing=0))
            output.flush()
        fates = _watch(session, [job._replace(id=job_id) for job, job_id in zip(jobs, first, strict=True)], stops)
        passed = all(fate.state == JobState.COMPLETED for fate in fates)
        if stops.number or not passed:
            _give_up(session, order, fates, left, stopped=bool(stops.number))
            return 128 + stops.number if stops.number else UNSUCCESSFUL
        _follow(session, order, rest if left else None, fates)
    return 0


def _follow(session: Session, order: Order, rest: Filter | None, fates: Sequence[Fate]) -> None:
    """Put the rest back, if there is one, after canaries that succeeded."""
    retried: Sequence[str] = ()
    if rest is not None:
        retried, _ = carry_out(session, order._replace(which=rest))
    if session.json:
        found = as_object([*(fate.id for fate in fates), *retried], order, dry_run=False)
        output.document(found | _canary_object(fates, passed=True, left=0))
    elif retried:
        tell(session, retried, order)


def _parted(session: Session, order: Order, began: int) -> tuple[Sequence[Job], Filter]:
    """Return the first jobs, and what chooses the rest: only jobs that are dead by now, none that dies meanwhile."""
    which, number = order.which, order.canaries
    if which.ids:
        jobs = named_jobs(session, order)
        return jobs[:number], Filter(ids=tuple(job.id for job in jobs[number:]))
    first = list(islice(session.repository.list(which).jobs, number))
    return first, which._replace(finished_before=began + 1)


def _demand_workers(session: Session, order: Order, jobs: Sequence[Job]) -> None:
    """See that each of the canaries can run: somebody is there, and its queue is not paused.

    Raises:
        OperationFailed: it cannot, and would be waited for in vain. Nothing is changed.
    """
    from queuectl.worker.living import live_workers

    served = [worker.identity.queues for worker in live_workers(session.repository)]
    if not served:
        hint = f"start one with: {session.call('worker start')}"
        raise OperationFailed("no worker is running, so no canary would ever end", hint)
    for job in jobs:
        queue = order.changes.fields.get("queue", job.queue)
        pause = _pause_of(session, queue)
        if pause:
            raise OperationFailed(f"{pause[0]}, so its canary would never start", pause[1])
        if not any(not queues or queue in queues for queues in served):
            hint = f"start one with: {session.call(f'worker start --queue {queue}')}"
            raise OperationFailed(f"no worker serves queue {queue!r}, so its canary would never end", hint)


def _pause_of(session: Session, queue: str) -> tuple[str, str] | None:
    """Return what is paused, and how it goes on, if nothing is claimed from this queue."""
    paused = {one.queue for one in session.repository.paused()}
    if not paused & {ALL, queue}:
        return None
    which, word = ("all queues are", "resume --all") if ALL in paused else (f"queue {queue!r} is", f"resume {queue}")
    return f"{which} paused", f"let it go on with: {session.call(word)}"


def _watch(session: Session, jobs: Sequence[Job], stops: Stops) -> list[Fate]:
    """Wait until these jobs have ended or somebody stops it; tell each end, and return what has become of them."""
    from queuectl.cli.outcomes import standing

    fates = {job.id: Fate(job.id, str(JobState.PENDING), None) for job in jobs}
    seqs = {job.id: job.seq for job in jobs}
    waiting = set(fates)
    is_told = False
    looks = 0
    while waiting and not stops.number:
        found = {job.id: job for job in standing(session.repository, tuple(waiting))}
        for job_id in sorted(waiting):
            job = found.get(job_id)
            is_gone = job is None or job.seq != seqs[job_id]
            fates[job_id] = Fate(job_id, "gone", None) if job is None or is_gone else Fate(job_id, job.state, job.error)
            if job is None or is_gone or job.state in FINAL:
                waiting.remove(job_id)
                session.say(_sentence(fates[job_id]))
        looks += 1
        if not is_told and waiting and looks % _ROUND == 0:
            is_told = _tell_hindrance(session, [found[job_id] for job_id in waiting if job_id in found])
        if waiting:
            time.sleep(_LOOK)
    return list(fates.values())


def _tell_hindrance(session: Session, waiting: Sequence[Job]) -> bool:
    """Say what keeps the canaries from starting that came between, a pause or the lack of a worker; was there any?"""
    from queuectl.worker.living import live_workers

    for job in waiting:
        if job.state is JobState.PENDING and (pause := _pause_of(session, job.queue)):
            session.hint(f"{pause[0]}; {pause[1]}")
            return True
    workers = len(live_workers(session.repository))
    session.hint_at_missing_worker(workers)
    return not workers


def _sentence(fate: Fate) -> str:
    error = f": {fate.error}" if fate.error else ""
    return f"Canary {fate.id!r} is {fate.state}{error}"


def _give_up(session: Session, order: Order, fates: Sequence[Fate], left: int, *, stopped: bool) -> None:
    """Say why the rest stays dead, and how it stands."""
    if session.json:
        found = as_object([fate.id for fate in fates], order, dry_run=False)
        output.document(found | _canary_object(fates, passed=None if stopped else False, left=left))
    passed = sum(fate.state == JobState.COMPLETED for fate in fates)
    rest = {0: "there are no others", 1: "the other job is still dead"}.get(left, f"the other {left:,} are still dead")
    if stopped:
        going = sum(fate.state in {JobState.PENDING, JobState.PROCESSING} for fate in fates)
        goes_on = f", {going:,} of them {'goes' if going == 1 else 'go'} on" if going else ""
        session.say(f"Stopped: {passed:,} of {len(fates):,} canaries passed{goes_on}; {rest}")
        return
    output.error(f"{len(fates) - passed:,} of {len(fates):,} canaries did not succeed; {rest}")
    failed = next(fate for fate in fates if fate.state != JobState.COMPLETED)
    word = "dlq show" if failed.state == JobState.DEAD else "show"
    if failed.state != "gone":
        session.hint(f"{session.call(f'{word} {typed(failed.id)}')} says why")


def _canary_object(fates: Sequence[Fate], *, passed: bool | None, left: int) -> dict[str, object]:
    return {"canary": {"passed": passed, "jobs": [fate._asdict() for fate in fates]}, "left": left}
