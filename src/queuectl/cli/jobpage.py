"""What `show` shows people of a job: renderables, returned and never printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from queuectl.cli.cells import clock
from queuectl.cli.output import safe
from queuectl.cli.tables import Cell, Column, JobTable, is_retrying, state_cell
from queuectl.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from queuectl.attempts import Run
    from queuectl.cli.cells import Glyphs
    from queuectl.model import Job

#: Fields that the first line tells already.
_TITLE = frozenset({"id", "state"})
#: Cells from which on values have a column of their own.
_NARROW = 50


def page(
    job: Job,
    fields: Mapping[str, str],
    *,
    following: str,
    runs: Sequence[Run],
    history: Sequence[str],
    printed: str,
    width: int,
    at: int,
    glyphs: Glyphs,
) -> Iterator[RenderableType]:
    """Yield the parts of the page from top to bottom."""
    yield Text.assemble((safe(job.id), "bold"), "  ", state_cell(job.state, glyphs, retrying=is_retrying(job)))
    yield ""
    yield from facts({**fields, "next": following}, width)
    if runs:
        yield title("Runs")
        yield JobTable(RUNS, width=width, at=at, glyphs=glyphs).part(runs)
    yield title("History")
    yield Text("\n".join(map(safe, history)), overflow="fold")
    if printed:
        yield title("Output of the last run")
        # A line that is too long goes on in the next one: nothing that was printed is left out.
        yield Text("\n".join(map(safe, printed.splitlines())), overflow="fold")


def facts(fields: Mapping[str, str], width: int) -> Iterator[RenderableType]:
    """Yield names and values: in two columns, or where these would be narrow one below the other."""
    shown = [
        (Text(name, "dim"), Text(safe(value), "bold" if name == "command" else ""))
        for name, value in fields.items()
        if name not in _TITLE
    ]
    if width < _NARROW:
        yield from (Text.assemble(name, "  ", value, overflow="fold") for name, value in shown)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in shown:
        table.add_row(*row)
    yield table


def title(text: str) -> Padding:
    """Return the heading of a part."""
    return Padding(Text(text, "bold"), (1, 0, 0, 0))


def _ending(run: Run, _at: int, _glyphs: Glyphs) -> Cell:
    styles = {"completed": "green", "running": "cyan", "returned": "yellow", "cancelled": "magenta"}
    return Cell(run.ending, styles.get(run.how, "red"))


def _seconds(value: float | None) -> Cell:
    return Cell("" if value is None else format_duration(value))


#: The runs of a job. A column in which nobody has anything is left out.
RUNS: tuple[Column[Run], ...] = (
    Column("TRY", lambda run, _at, _glyphs: Cell(str(run.attempt), "bold"), 3, 5, 0, right=True),
    Column("ENDED", _ending, 11, 32, 1),
    Column("STARTED", lambda run, at, _glyphs: Cell(clock(run.started_at, at), "dim"), 12, 12, 4),
    Column("WAITED", lambda run, _at, _glyphs: _seconds(run.waited), 6, 8, 3, right=True),
    Column("RAN", lambda run, _at, _glyphs: _seconds(run.seconds), 6, 8, 2, right=True),
    Column("WORKER", lambda run, _at, _glyphs: Cell(run.worker or "", "dim"), 8, 24, 5),
)
