"""What `stats` shows people: numbers, a curve, a row for each queue or tag. Returned, not printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from queuectl.cli.cells import curve, cut
from queuectl.cli.tables import Cell, Column, JobTable
from queuectl.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from queuectl.cli.cells import Glyphs
    from queuectl.statistics import Figures, Report, Spread

#: Shares of success from which on all is well, and below which it is not.
_GOOD, _BAD = 0.99, 0.9
#: Parts of the curve in the row of a queue or tag.
_SHORT = 20


def page(report: Report, by: str | None, *, width: int, glyphs: Glyphs) -> Iterator[RenderableType]:
    """Yield the parts of the page from top to bottom."""
    total = report.total
    span = _length(report.until - report.read_from)
    jobs = "job" if total.ended == 1 else "jobs"
    yield Text(cut(f"Last {span}: {total.ended:,} {jobs} ended, {_rate(total)}", width, glyphs.ellipsis), "bold")
    yield ""
    yield _numbers(total, width, glyphs)
    if total.ended:
        yield ""
        yield Text(curve(folded(total.curve, width), glyphs), "cyan", no_wrap=True, overflow="crop")
        yield Text(_scale(min(width, len(total.curve)), report), "dim", no_wrap=True, overflow="crop")
    if by and report.groups:
        yield ""
        yield JobTable(_columns(by), width=width, at=report.until, glyphs=glyphs).part(report.groups)


def _numbers(one: Figures, width: int, glyphs: Glyphs) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="crop")
    ends = f"{one.completed:,} completed, {one.dead:,} dead, {one.cancelled:,} cancelled"
    attempts = f"{one.attempts:,}, of which {one.retries:,} failed and {'was' if one.retries == 1 else 'were'} retried"
    rows = (
        ("Jobs", ends, ""),
        ("Success", _share(one), _style(one)),
        ("Attempts", attempts, ""),
        ("Waited", _spread(one.waiting), ""),
        ("Ran", _spread(one.running), ""),
    )
    for name, text, style in rows:
        table.add_row(Text(name, "dim"), Text(cut(text, max(1, width - 10), glyphs.ellipsis), style))
    return table


def folded(numbers: Sequence[int], width: int) -> list[int]:
    """Return numbers for at most `width` bars: neighbours are added up until they fit."""
    each = max(1, -(-len(numbers) // max(1, width)))
    return [sum(numbers[start : start + each]) for start in range(0, len(numbers), each)]


def _scale(width: int, report: Report) -> str:
    """Return what stands under the ends of the curve."""
    begin = f"{_length(report.until - report.since)} ago"
    return f"{begin}{'now':>{max(1, width - len(begin))}}" if len(begin) + 4 <= width else begin


def _length(milliseconds: int) -> str:
    """Return the length of a span; few are not round."""
    return format_duration(milliseconds / 1000).removesuffix(" 00s").removesuffix(" 00m").removesuffix(" 0h")


def _rate(one: Figures) -> str:
    rate = one.per_minute
    return f"{rate:,.0f} a minute" if rate >= 10 or not rate else f"{rate:.2g} a minute"  # noqa: PLR2004 - two digits


def _share(one: Figures) -> str:
    rate = one.success_rate
    if rate is None:
        return "-"
    # Of many successes and one failure 100 % would be untrue.
    return f"{min(99.9, rate * 100):.1f} %" if rate < 1 else "100 %"


def _style(one: Figures) -> str:
    rate = one.success_rate
    if rate is None:
        return "dim"
    return "green" if rate >= _GOOD else "yellow" if rate >= _BAD else "bold red"


def _spread(one: Spread) -> str:
    if one.p50 is None or one.p95 is None or one.max is None:
        return "-"
    return f"p50 {format_duration(one.p50)}, p95 {format_duration(one.p95)}, max {format_duration(one.max)}"


def _short(seconds: float | None) -> Cell:
    return Cell("" if seconds is None else format_duration(seconds))


def _columns(by: str) -> tuple[Column[Figures], ...]:
    return (
        Column(
            by.upper(),
            lambda one, _at, _glyphs: Cell(one.name or f"(no {by})", "bold" if one.name else "dim"),
            8,
            24,
            0,
        ),
        Column("ENDED", lambda one, _at, _glyphs: Cell(f"{one.ended:,}"), 5, 11, 1, right=True),
        Column("SUCCESS", lambda one, _at, _glyphs: Cell(_share(one), _style(one)), 7, 7, 2, right=True),
        Column("DEAD", lambda one, _at, _glyphs: Cell(f"{one.dead:,}" if one.dead else "", "red"), 4, 9, 4, right=True),
        Column(
            "RETRIES", lambda one, _at, _glyphs: Cell(f"{one.retries:,}" if one.retries else ""), 7, 9, 6, right=True
        ),
        Column("WAIT P50", lambda one, _at, _glyphs: _short(one.waiting.p50), 8, 8, 7, right=True),
        Column("WAIT P95", lambda one, _at, _glyphs: _short(one.waiting.p95), 8, 8, 5, right=True),
        Column("RUN P50", lambda one, _at, _glyphs: _short(one.running.p50), 7, 8, 8, right=True),
        Column("RUN P95", lambda one, _at, _glyphs: _short(one.running.p95), 7, 8, 3, right=True),
        Column("RUN MAX", lambda one, _at, _glyphs: _short(one.running.max), 7, 8, 9, right=True),
        Column(
            "OVER TIME", lambda one, _at, glyphs: Cell(curve(folded(one.curve, _SHORT), glyphs), "cyan"), 20, 20, 10
        ),
    )
