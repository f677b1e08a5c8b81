"""`queuectl dlq retry`: put dead jobs back, as they are or changed, all at once or with care."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import click

from queuectl.cli.changing import changes_of, field_names
from queuectl.cli.dlq.choice import group_option, named_or_filtered
from queuectl.cli.options import (
    dry_run_option,
    job_ids,
    named,
    queue_option,
    search_option,
    shared,
    tag_option,
    yes_option,
)
from queuectl.cli.retrying import Order, is_agreed, put_back, would_put_back
from queuectl.cli.words import Command
from queuectl.duration import parse_rate
from queuectl.model import JobState

if TYPE_CHECKING:
    from queuectl.cli.session import Session


class Rate(click.ParamType[float]):
    """A rate like `10/m`, as the seconds between one and the next."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds."""
        with named(param):
            return parse_rate(value) if isinstance(value, str) else value


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
@dry_run_option
@yes_option
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
    changes = changes_of("--edit", edits, session.now())
    which = named_or_filtered(session, "retry", ids, **choice)
    order = Order(which, changes, 0 if rate is None else ceil(rate * 1000), canary or 0)
    if dry_run:
        would_put_back(session, order)
    elif is_agreed(session, order, yes=yes):
        if canary is not None:
            from queuectl.cli.dlq.canary import retry_with_canary

            return retry_with_canary(session, order)
        put_back(session, order)
    return 0
