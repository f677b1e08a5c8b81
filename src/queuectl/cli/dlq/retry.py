"""`queuectl dlq retry`: put dead jobs back, as they are or changed, all at once or with care."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from queuectl.changes import NO_CHANGES, Changes, parse_changes
from queuectl.cli import output
from queuectl.cli.confirm import confirm, demand_somebody
from queuectl.cli.dlq.choice import group_option, named_or_filtered
from queuectl.cli.options import job_ids, named, queue_option, search_option, shared, tag_option
from queuectl.cli.session import Session, now
from queuectl.cli.words import Command
from queuectl.duration import format_duration, parse_rate
from queuectl.errors import InvalidInput, WrongState
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

    from queuectl.repository.base import Filter


class Order(NamedTuple):
    """What is to be done with which jobs."""

    which: Filter
    changes: Changes
    spacing: int  #: milliseconds between one job and the next; 0: all at once
    canaries: int = 0  #: how many are tried before the rest; 0: none


class Rate(click.ParamType[float]):
    """A rate like `10/m`, as the seconds between one and the next."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds."""
        with named(param):
            return parse_rate(value) if isinstance(value, str) else value


def field_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the fields that can be changed."""
    from click.shell_completion import CompletionItem

    from queuectl.changes import names

    return [CompletionItem(f"{name}=") for name in names() if name.startswith(incomplete)]


@click.command("retry", cls=Command)
@click.argument("ids", nargs=-1, metavar="[ID]…", shell_complete=job_ids(JobState.DEAD))
@click.option("--all", "everything", is_flag=True, help="All dead jobs, or all that the filters let through.")
@group_option
@queue_option
@tag_option
@search_option
@click.option(
    "--edit", "edits", multiple=True, metavar="KEY=VALUE", shell_complete=field_names,
    help="Change a field first: command, timeout, env.NAME, …; see enqueue.",
)  # fmt: skip
@click.option(
    "--canary", type=click.IntRange(min=1), metavar="N",
    help="Try N of them first, and the rest only if all N succeed.",
)  # fmt: skip
@click.option("--rate", type=Rate(), metavar="N/s|m|h", help="Start no more than so many a second, minute or hour.")
@click.option("--dry-run", is_flag=True, help="Only say which jobs it would be.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@shared
@click.pass_obj
def command(
    session: Session,
    /,
    ids: tuple[str, ...],
    *,
    edits: tuple[str, ...],
    canary: int | None,
    rate: float | None,
    dry_run: bool,
    yes: bool,
    **choice: Any,
) -> int:
    """Put dead jobs back: attempts 0, state pending, ready at once.

    All of them or, if one of the ids is not that of a dead job, none.

    With --canary the first N are tried, and the rest stay dead unless all N succeed (exit code 5). It
    waits for them; Ctrl-C leaves the rest dead.

    \b
    Examples:
      queuectl dlq retry a7
      queuectl dlq retry --queue mail --dry-run
      queuectl dlq retry a7 --edit timeout=1h --edit env.DEBUG=1
      queuectl dlq retry --group 3fa2c1 --canary 1 --rate 10/m
    """
    changes = _changes(edits)
    which = named_or_filtered(session, "retry", ids, **choice)
    order = Order(which, changes, 0 if rate is None else ceil(rate * 1000), canary or 0)
    if dry_run:
        report(session, _would_retry(session, which), order, dry_run=True)
        return 0
    if not ids and not yes:
        demand_somebody(yes=yes)
        if not _agreed(session, order):
            return 0
    if canary is not None:
        from queuectl.cli.dlq.canary import retry_with_canary

        return retry_with_canary(session, order)
    retried, workers = carry_out(session, order)
    report(session, retried, order)
    if retried:
        session.hint_at_missing_worker(workers)
    return 0


def carry_out(session: Session, order: Order) -> tuple[Sequence[str], int]:
    """Put the jobs back and call the workers; return the ids, and how many workers there are."""
    retried = session.repository.retry(
        order.which, now=now(), by=session.by, spacing=order.spacing, changes=order.changes
    )
    from queuectl.worker.wakeup import wake

    return retried, wake(session.repository.directory_name)


def how_many(session: Session, which: Filter) -> int:
    """Count the jobs that a filter lets through."""
    jobs, older = session.repository.list(which, limit=1)
    return older + len(list(jobs))


def report(session: Session, ids: Sequence[str], order: Order, *, dry_run: bool = False) -> None:
    """Say which jobs it was."""
    if session.json:
        output.document(as_object(ids, order, dry_run=dry_run))
    elif not ids:
        session.say("There are no such dead jobs.")
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
        from queuectl.cli.sentences import named as jobs_named

        output.write(f"{'Would retry' if dry_run else 'Retried'} {jobs_named(ids)}{_manner(order, len(ids))}.\n")
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


def _changes(edits: Sequence[str]) -> Changes:
    """Return the changes that the line asks for; a directory counts from here, as it does for `enqueue`."""
    try:
        changes = parse_changes(edits, now=now())
    except InvalidInput as error:
        raise InvalidInput(f"--edit: {error.message}", error.hint) from None
    cwd = changes.fields.get("cwd")
    if cwd is None:
        return changes
    from os.path import abspath

    return changes._replace(fields={**changes.fields, "cwd": abspath(cwd)})


def _agreed(session: Session, order: Order) -> bool:
    """Ask whether to retry so many jobs; False if there are none."""
    number = how_many(session, order.which)
    if number:
        manner = _manner(order, number)
        confirm(f"Retry {number:,} dead {'job' if number == 1 else 'jobs'}{manner}?", yes=False)
    else:
        report(session, [], order)
    return number > 0


def _would_retry(session: Session, which: Filter) -> Sequence[str]:
    repository = session.repository
    if not which.ids:
        return [job.id for job in repository.list(which).jobs]
    jobs = {job.id: job for job in map(repository.get, which.ids)}
    for job in jobs.values():
        if job.state is not JobState.DEAD:
            raise WrongState(f"job {job.id!r} is {job.state}; only dead jobs can be retried", "see queuectl dlq list")
    return list(jobs)
