"""What `retry` and `dlq retry` share: asking, putting jobs back, and telling which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.cli import output
from queuectl.cli.confirm import confirm, demand_somebody
from queuectl.cli.session import now
from queuectl.errors import WrongState
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.cli.session import Session
    from queuectl.repository.base import Filter


def put_back(session: Session, which: Filter, *, dry_run: bool, yes: bool) -> None:
    """Retry the jobs that a filter means, once a person has agreed if it names none of them.

    `which.states` are those that a job may be in.
    """
    if dry_run:
        _report(session, which, _would_retry(session, which), dry_run=True)
        return
    if not which.ids and not yes:
        demand_somebody(yes=yes)
        if not _agreed(session, which):
            return
    retried = session.repository.retry(which, now=now(), by=session.by)
    from queuectl.worker.wakeup import wake

    workers = wake(session.repository.directory_name)
    _report(session, which, retried)
    if retried:
        session.hint_at_missing_worker(workers)


def _agreed(session: Session, which: Filter) -> bool:
    """Ask whether to retry so many jobs; False if there are none."""
    numbers = {state: _count(session, which._replace(states=(state,))) for state in which.states}
    number = sum(numbers.values())
    if not number:
        _report(session, which, [])
        return False
    jobs = "job" if number == 1 else "jobs"
    if len(which.states) == 1:
        question = f"Retry {number:,} {which.states[0]} {jobs}?"
    else:
        parts = ", ".join(f"{some:,} {state}" for state, some in numbers.items() if some)
        question = f"Retry {number:,} {jobs} ({parts})?"
    confirm(question, yes=False)
    return True


def _count(session: Session, which: Filter) -> int:
    jobs, older = session.repository.list(which, limit=1)
    return older + len(list(jobs))


def _would_retry(session: Session, which: Filter) -> Sequence[str]:
    repository = session.repository
    if not which.ids:
        return [job.id for job in repository.list(which).jobs]
    jobs = {job.id: job for job in map(repository.get, which.ids)}
    for job in jobs.values():
        if job.state not in which.states:
            only = "only dead jobs" if which.states == (JobState.DEAD,) else "only jobs that have ended"
            raise WrongState(f"job {job.id!r} is {job.state}; {only} can be retried", "see queuectl list")
    return list(jobs)


def _report(session: Session, which: Filter, ids: Sequence[str], *, dry_run: bool = False) -> None:
    """Say which jobs it was."""
    if session.json:
        how = "would_retry" if dry_run else "retried"
        output.document({"jobs": [{"id": job_id, "how": how} for job_id in ids], "dry_run": dry_run})
    elif not ids:
        dead = "dead " if which.states == (JobState.DEAD,) else ""
        session.say(f"There are no such {dead}jobs.")
    elif output.is_terminal() and not session.quiet:
        from queuectl.cli.sentences import named

        output.write(f"{'Would retry' if dry_run else 'Retried'} {named(ids)}.\n")
    else:
        for job_id in ids:
            output.line(job_id)
