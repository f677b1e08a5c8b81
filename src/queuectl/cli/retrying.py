"""What `retry` and `dlq retry` share: asking, putting jobs back, and telling which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from queuectl.changes import NO_CHANGES, Changes
from queuectl.cli import output
from queuectl.cli.confirm import confirm, demand_somebody
from queuectl.cli.session import now
from queuectl.duration import format_duration
from queuectl.model import JobState
from queuectl.repository.acting import not_retriable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.cli.session import Session
    from queuectl.model import Job
    from queuectl.repository.base import Filter

_DEAD = (JobState.DEAD,)


class Order(NamedTuple):
    """What is to be done with which jobs."""

    which: Filter  #: its states are those that a job may be in; none named: dead
    changes: Changes = NO_CHANGES
    spacing: int = 0  #: milliseconds between one job and the next; 0: all at once
    canaries: int = 0  #: how many are tried before the rest; 0: none

    @property
    def states(self) -> tuple[JobState, ...]:
        """The states that a job may be in."""
        return self.which.states or _DEAD


def is_agreed(session: Session, order: Order, *, yes: bool) -> bool:
    """Ask whether to go on, unless jobs are named or a person has said so; False if there are no such jobs."""
    if order.which.ids or yes:
        return True
    demand_somebody(yes=yes)
    numbers = {state: how_many(session, order.which._replace(states=(state,))) for state in order.states}
    number = sum(numbers.values())
    if not number:
        report(session, [], order)
        return False
    jobs = "job" if number == 1 else "jobs"
    if len(order.states) == 1:
        which = f"{order.states[0]} {jobs}"
    else:
        which = f"{jobs} ({', '.join(f'{some:,} {state}' for state, some in numbers.items() if some)})"
    confirm(f"Retry {number:,} {which}{_manner(order, number)}?", yes=False)
    return True


def put_back(session: Session, order: Order) -> None:
    """Retry the jobs, and say which."""
    retried, workers = carry_out(session, order)
    report(session, retried, order)
    if retried:
        session.hint_at_missing_worker(workers)


def would_put_back(session: Session, order: Order) -> None:
    """Say which jobs would be retried."""
    jobs = named_jobs(session, order) if order.which.ids else session.repository.list(order.which).jobs
    ids = []
    for job in jobs:
        order.changes.policy_of(job.id, job.policy)
        ids.append(job.id)
    report(session, ids, order, dry_run=True)


def carry_out(session: Session, order: Order) -> tuple[Sequence[str], int]:
    """Put the jobs back and call the workers; return the ids, and how many workers there are."""
    retried = session.repository.retry(
        order.which, now=now(), by=session.by, spacing=order.spacing, changes=order.changes
    )
    from queuectl.worker.living import call_workers

    return retried, call_workers(session.repository)


def how_many(session: Session, which: Filter) -> int:
    """Count the jobs that a filter lets through."""
    jobs, older = session.repository.list(which, limit=1)
    return older + len(list(jobs))


def named_jobs(session: Session, order: Order) -> list[Job]:
    """Return the jobs with the ids of an order, each once.

    Raises:
        JobNotFound: one of them is not there.
        WrongState: one of them is in a state that it may not be in.
    """
    jobs = {job.id: job for job in map(session.repository.get, order.which.ids)}
    for job in jobs.values():
        if job.state not in order.states:
            raise not_retriable(job.id, job.state, order.states)
    return list(jobs.values())


def report(session: Session, ids: Sequence[str], order: Order, *, dry_run: bool = False) -> None:
    """Say which jobs it was."""
    if session.json:
        output.document(as_object(ids, order, dry_run=dry_run))
    elif not ids:
        session.say(f"No such {'dead ' if order.states == _DEAD else ''}jobs.")
    else:
        tell(session, ids, order, dry_run=dry_run)


def as_object(ids: Sequence[str], order: Order, *, dry_run: bool) -> dict[str, Any]:
    """Return what is said to scripts; what was not asked for is not in it."""
    how = "would_retry" if dry_run else "retried"
    found: dict[str, Any] = {"jobs": [{"id": job_id, "how": how} for job_id in ids], "dry_run": dry_run}
    if order.changes != NO_CHANGES:
        found["changed"] = list(order.changes.names)
    if order.spacing:
        found["spacing_seconds"] = order.spacing / 1000
    return found


def tell(session: Session, ids: Sequence[str], order: Order, *, dry_run: bool = False) -> None:
    """Say to a person in a sentence, or to a pipe line by line, which jobs it was."""
    if output.is_terminal() and not session.quiet:
        from queuectl.cli.sentences import named

        output.write(f"{'Would retry' if dry_run else 'Retried'} {named(ids)}{_manner(order, len(ids))}.\n")
    else:
        for job_id in ids:
            output.line(job_id)


def _manner(order: Order, number: int) -> str:
    """Return how it is done: changed, some first, and how fast."""
    manner = f", {', '.join(map(output.safe, order.changes.names))} changed" if order.changes != NO_CHANGES else ""
    if 0 < order.canaries < number:
        manner += f", {order.canaries:,} of them first"
        number -= order.canaries
    if order.spacing and number > 1:
        seconds = order.spacing / 1000
        last = format_duration(seconds * (number - 1))
        manner += f", one every {format_duration(seconds)}, the last in {last}"
    return manner
