"""`queuectl dlq`: the Dead Letter Queue, the jobs that gave up and wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli.list import show_jobs
from queuectl.cli.options import Duration, job_ids, limit_option, queue_option, search_option, shared, tag_option
from queuectl.cli.retrying import put_back
from queuectl.cli.session import Session, now
from queuectl.cli.words import Words
from queuectl.errors import InvalidInput
from queuectl.model import JobState
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from queuectl.model import Job


@click.group("dlq", cls=Words)
@shared
def command() -> None:
    """See, retry and purge the jobs that gave up: the Dead Letter Queue."""


@command.command("list")
@queue_option
@tag_option
@search_option
@limit_option
@shared
@click.pass_obj
def list_dead(session: Session, queues: tuple[str, ...], tags: tuple[str, ...], search: str, *, limit: int) -> None:
    """List the dead jobs with the reason why each gave up, and the last line that it printed.

    In a pipe the columns are those of `queuectl list`, and behind them that line.
    """
    from queuectl.worker.logs import Log, log_path

    directory = session.repository.directory

    def last_line(job: Job) -> str:
        return Log(log_path(directory, job.seq, job.runs)).last_line()

    which = Filter(states=(JobState.DEAD,), queues=queues, tags=tags, search=search)
    show_jobs(session, which, limit=limit, last_line=last_line)


@command.command("retry")
@click.argument("ids", nargs=-1, metavar="[ID]…", shell_complete=job_ids(JobState.DEAD))
@click.option("--all", "everything", is_flag=True, help="All dead jobs, or all that --queue and --tag let through.")
@queue_option
@tag_option
@click.option("--dry-run", is_flag=True, help="Only say which jobs it would be.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@shared
@click.pass_obj
def retry(
    session: Session,
    ids: tuple[str, ...],
    queues: tuple[str, ...],
    tags: tuple[str, ...],
    *,
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Put dead jobs back: attempts 0, state pending, ready at once.

    All of them or, if one of the ids is not that of a dead job, none.

    \b
    Examples:
      queuectl dlq retry a7
      queuectl dlq retry --all --queue mail --dry-run
    """
    which = _wanted("retry", ids, queues, tags, everything=everything)
    put_back(session, which, dry_run=dry_run, yes=yes)


@command.command("purge")
@click.argument("ids", nargs=-1, metavar="[ID]…", shell_complete=job_ids(JobState.DEAD))
@click.option("--all", "everything", is_flag=True, help="All dead jobs, or all that the filters let through.")
@click.option("--older-than", type=Duration(), metavar="DUR", help="Only jobs that died longer ago than this.")
@queue_option
@tag_option
@click.option("--dry-run", is_flag=True, help="Only say which jobs it would be.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@shared
@click.pass_obj
def purge(
    session: Session,
    ids: tuple[str, ...],
    older_than: float | None,
    queues: tuple[str, ...],
    tags: tuple[str, ...],
    *,
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> int:
    """Remove dead jobs for good, with their history and logs.

    \b
    Examples:
      queuectl dlq purge a7
      queuectl dlq purge --all --older-than 30d --dry-run
    """
    from queuectl.cli.removal import Verb, remove_all, remove_named

    if ids and older_than is not None:
        raise InvalidInput("--older-than goes with --all, not with ids", "leave out the one or the other")
    before = None if older_than is None else now() - int(older_than * 1000)
    which = _wanted("purge", ids, queues, tags, everything=everything)
    which = which._replace(finished_before=before)
    verb = Verb("purge", "purged", "dlq purge")
    if not ids:
        return remove_all(session, which, verb, dry_run=dry_run, yes=yes)
    remove_named(session, which, verb, dry_run=dry_run, yes=yes)
    return 0


def _wanted(
    verb: str, ids: tuple[str, ...], queues: tuple[str, ...], tags: tuple[str, ...], *, everything: bool
) -> Filter:
    if everything == bool(ids):
        raise InvalidInput(f"name the jobs to {verb}, or say --all", "queuectl dlq list shows the dead jobs")
    if ids and (queues or tags):
        raise InvalidInput("--queue and --tag go with --all, not with ids", "leave out the one or the other")
    return Filter(ids=ids, states=(JobState.DEAD,), queues=queues, tags=tags)
