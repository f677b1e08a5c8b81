"""`queuectl stats`: what the last hour, or any span, came to."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.options import Duration, shared, some_time
from queuectl.cli.words import Command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.cli.session import Session
    from queuectl.statistics import Figures, Report


@click.command("stats", cls=Command)
@click.option(
    "--since", type=Duration(), default="1h", show_default=True, callback=some_time, metavar="DUR",
    help="Over this last time.",
)  # fmt: skip
@click.option("--by", type=click.Choice(["queue", "tag"]), help="A row for each queue or tag.")
@shared
@click.pass_obj
def command(session: Session, since: float, by: str | None) -> None:
    """Show what became of the jobs lately: how many ended, how well, how long they waited and ran.

    Jobs that were completed or died count as ended; cancelled ones stand apart. What was removed
    since is not in it. In a pipe a line has a name and a number; with --by it has tabs between name,
    ended, per_minute, success_rate, completed, dead, cancelled, attempts, retries, then p50, p95 and
    max of waiting and of running.

    \b
    Examples:
      queuectl stats
      queuectl stats --since 1d --by queue
      queuectl stats --json | jq .total.success_rate
    """
    from queuectl.statistics import summarize

    at = session.now()
    begin = max(0, at - round(since * 1000))
    with closing(session.repository.steps(with_jobs=by is not None)) as steps:
        report = summarize(steps, since=begin, until=at, by=by or "")
    if session.json:
        output.document(_as_object(report, by))
    elif output.is_terminal():
        from queuectl.cli.figures import page
        from queuectl.cli.tables import glyphs_for

        glyphs = glyphs_for(unicode=output.speaks_unicode())
        output.render(*page(report, by, width=output.console().width, glyphs=glyphs))
    else:
        _write_lines(report, by)
    if report.is_cut:
        from queuectl.duration import format_duration

        span = format_duration((report.until - report.read_from) / 1000)
        output.flush()
        session.say(f"That is the last {span} only: so many transitions are read at the most")


def _as_object(report: Report, by: str | None) -> dict[str, Any]:
    from queuectl.duration import format_time

    return {
        "since": format_time(report.read_from),
        "until": format_time(report.until),
        "is_cut": report.is_cut,
        "by": by,
        "total": _figures(report.total),
        "groups": [{"name": one.name or None} | _figures(one) for one in report.groups],
        "curve": {
            "since": format_time(report.since),
            "seconds": round((report.until - report.since) / 1000 / len(report.total.curve), 6),
            "ended": list(report.total.curve),
        },
    }


def _figures(one: Figures) -> dict[str, Any]:
    return {
        "ended": one.ended,
        "per_minute": round(one.per_minute, 3),
        "success_rate": None if one.success_rate is None else round(one.success_rate, 6),
        "completed": one.completed,
        "dead": one.dead,
        "cancelled": one.cancelled,
        "attempts": one.attempts,
        "retries": one.retries,
        "waiting_seconds": one.waiting._asdict(),
        "running_seconds": one.running._asdict(),
    }


def _write_lines(report: Report, by: str | None) -> None:
    if by:
        for one in report.groups:
            output.line(one.name, *(value for _, value in _flat(one)))
        return
    from queuectl.duration import format_time

    output.line("since", format_time(report.read_from))
    output.line("until", format_time(report.until))
    for name, value in _flat(report.total):
        output.line(name, value)


def _flat(one: Figures) -> Iterator[tuple[str, object]]:
    """Yield names and numbers, a spread as three of them."""
    for name, value in _figures(one).items():
        if isinstance(value, dict):
            yield from ((f"{name}.{share}", seconds) for share, seconds in value.items())
        else:
            yield name, value
