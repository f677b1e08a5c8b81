"""What is said about jobs that are stored now, and waiting for them if that is wanted."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from queuectl.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl.cli.session import Session
    from queuectl.cli.waiting import Wish
    from queuectl.model import Job
    from queuectl.repository.base import Enqueued

#: Ids that are written at a time: a write for each takes twice as long in all.
_BLOCK = 1000
_VERBS = {"created": "Enqueued", "skipped": "Skipped", "replaced": "Replaced"}


def report(session: Session, jobs: Sequence[Enqueued], workers: int) -> None:
    """Name the jobs; whatever goes wrong here cannot change that they are stored."""
    try:
        _show(session, jobs)
        output.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        output.warning(f"the jobs are stored, but their ids could not be written: {error.strerror}")
        output.discard()
    session.hint_at_missing_worker(workers)


def _show(session: Session, jobs: Sequence[Enqueued]) -> None:
    if session.json:
        output.document({"jobs": [{"id": job.id, "how": job.how} for job in jobs]})
    elif output.is_terminal() and not session.quiet:
        for sentence in _sentences(jobs):
            output.write(f"{sentence}\n")
    else:
        ids = (output.safe(job.id) for job in jobs)
        while block := list(islice(ids, _BLOCK)):
            output.write("\n".join(block) + "\n")


def _sentences(jobs: Sequence[Enqueued]) -> Iterator[str]:
    from queuectl.cli.sentences import named

    for how in dict.fromkeys(job.how for job in jobs):
        yield f"{_VERBS[how]} {named([job.id for job in jobs if job.how == how])}."


# -- waiting ------------------------------------------------------------------------------------


@contextmanager
def kept(session: Session, jobs: Sequence[Enqueued]) -> Iterator[None]:
    """Say of an interruption that it ends the waiting and nothing else."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):  # the latter is what TERM becomes
        from queuectl.cli.sentences import named
        from queuectl.cli.waiting import again

        ids = [job.id for job in jobs]
        if output.is_watched():
            session.say("")  # the terminal has written ^C
        session.say(f"Stopped waiting: {named(ids)} {'stays' if len(ids) == 1 else 'stay'} in the queue.")
        session.hint(again(session, ids))
        raise


def wait_for(session: Session, jobs: Sequence[Enqueued], wish: Wish) -> int:
    """Wait until they have ended, and return the exit code; the output of a single one is shown as it comes.

    Raises:
        TimeRanOut: they have not ended in time.
    """
    from queuectl.cli import waiting
    from queuectl.cli.outcomes import standing

    for sentence in _sentences(jobs):
        session.say(sentence)
    hows = {job.id: job.how for job in jobs}
    found = {job.id: job.seq for job in standing(session.repository, list(hows))}
    for job_id in hows:
        if job_id not in found:
            raise waiting.removed(job_id)
    if len(hows) == 1 and not session.json:
        return _follow(session, session.repository.get(jobs[0].id), jobs[0].how, wish)
    return waiting.wait_for(session, {found[job_id]: job_id for job_id in hows}, wish, hows=hows)


def _follow(session: Session, job: Job, how: str, wish: Wish) -> int:
    from queuectl.cli.following import follow, write
    from queuectl.cli.outcomes import exit_code, sentence
    from queuectl.cli.waiting import hint_at_missing_worker, time_ran_out, unbroken
    from queuectl.model import FINAL

    # One that was there before has runs behind it that are of no interest.
    run = 1 if how == "created" else job.runs + (not job.attempts)
    if job.state not in FINAL:
        hint_at_missing_worker(session)
    job = follow(
        session.repository,
        job,
        run=run,
        seconds=wish.seconds,
        write=unbroken(write),
        failed=lambda job: session.say(_retrying(job)),
        say=session.say,
    )
    if job.state not in FINAL:
        raise time_ran_out(session, [job.id], wish)
    code = exit_code(job, own=wish.own)
    if code:
        session.say(sentence(job))
    return code


def _retrying(job: Job) -> str:
    from queuectl.cli.session import now
    from queuectl.duration import format_duration

    left = ((job.next_run_at or 0) - now()) / 1000
    soon = f"in {format_duration(left)}" if left > 0 else "now"
    return f"Attempt {job.attempts} failed: {job.error}; the next one starts {soon}."
