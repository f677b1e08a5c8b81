"""What people see of jobs, counts and settings: Rich renderables, returned and never printed.

A row is always one line. Columns keep their natural width where there is room; then the long
ones are cut, and in a narrow terminal those that matter least are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from queuectl.cli.cells import ASCII, UNICODE, cut, start
from queuectl.cli.output import safe
from queuectl.duration import format_duration
from queuectl.model import FINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from queuectl.cli.cells import Glyphs
    from queuectl.model import Job

#: Cells from which on there is room to say what a setting means.
_EXPLAINED = 64
Row = TypeVar("Row")

#: Cells between two columns.
_GAP = 2

_STYLES = {
    JobState.PENDING: "cyan",
    JobState.PROCESSING: "bold cyan",
    JobState.COMPLETED: "green",
    JobState.FAILED: "yellow",
    JobState.DEAD: "bold red",
    JobState.CANCELLED: "magenta",
}


class Cell(NamedTuple):
    """A text with its style."""

    text: str
    style: str = ""


class Column(NamedTuple, Generic[Row]):
    """A column of a table of jobs, or of what else fills a row."""

    title: str
    cell: Callable[[Row, int, Glyphs], Cell]  #: of a job, at this instant
    least: int  #: cells without which it is not worth showing
    most: int  #: cells that it takes where others want room too
    rank: int  #: the highest go first where not all have room; 0 always stays
    right: bool = False


def glyphs_for(*, unicode: bool) -> Glyphs:
    """Return the signs that a terminal can show."""
    return UNICODE if unicode else ASCII


def state_cell(state: JobState, glyphs: Glyphs, *, retrying: bool = False) -> Cell:
    """Return a state with its sign and colour."""
    signs = {
        JobState.PENDING: glyphs.retry if retrying else glyphs.idle,
        JobState.PROCESSING: glyphs.arrow,
        JobState.COMPLETED: glyphs.completed,
        JobState.FAILED: glyphs.failed,
        JobState.DEAD: glyphs.dead,
        JobState.CANCELLED: "-",
    }
    return Cell(f"{signs[state]} {state}", "yellow" if retrying else _STYLES[state])


# -- tables of jobs --------------------------------------------------------------------------


class JobTable(Generic[Row]):
    """A table whose columns are laid out for its first jobs, so that more can follow in parts.

    Args:
        columns: `LIST` or `DEAD`.
        width: of the terminal, in cells.
        at: the present, in milliseconds since the epoch.
    """

    def __init__(self, columns: Sequence[Column[Row]], *, width: int, at: int, glyphs: Glyphs) -> None:
        self._columns = columns
        self._width = width
        self._at = at
        self._glyphs = glyphs
        self._widths: list[tuple[Column[Row], int]] = []

    def part(self, jobs: Sequence[Row]) -> Table:
        """Return these jobs as a table; the first part has the header."""
        is_first = not self._widths
        if is_first:
            self._lay_out(jobs)
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=is_first, header_style="bold")
        for column, width in self._widths:
            table.add_column(
                column.title, width=width, no_wrap=True, overflow="crop", justify="right" if column.right else "left"
            )
        for job in jobs:
            table.add_row(*(self._text(column, width, job) for column, width in self._widths))
        return table

    def _text(self, column: Column[Row], width: int, job: Row) -> Text:
        cell = column.cell(job, self._at, self._glyphs)
        return Text(cut(safe(start(cell.text, width)), width, self._glyphs.ellipsis), cell.style)

    def _lay_out(self, jobs: Sequence[Row]) -> None:
        wanted = []
        for column in self._columns:
            cells = [start(column.cell(job, self._at, self._glyphs).text, self._width) for job in jobs]
            if any(cells):
                wanted.append((column, max(cell_len(text) for text in (column.title, *map(safe, cells)))))
        self._widths = fit(wanted, self._width)


def fit(wanted: Sequence[tuple[Column[Row], int]], width: int) -> list[tuple[Column[Row], int]]:
    """Return the columns that have room with the cells that each gets, given what it would like."""
    columns = list(wanted)
    while len(columns) > 1 and _least(columns) > width:
        columns.remove(max(columns, key=lambda entry: entry[0].rank))
    if sum(natural for _, natural in columns) + _gaps(columns) <= width:
        return columns
    shares = {column: min(natural, column.least) for column, natural in columns}
    left = width - _gaps(columns) - sum(shares.values())
    # First each one what it needs to be read well, in the order of importance, then the rest.
    for bound in (lambda column: column.most, lambda _: width):
        for column, natural in sorted(columns, key=lambda entry: entry[0].rank):
            more = max(0, min(left, min(natural, bound(column)) - shares[column]))
            shares[column] += more
            left -= more
    return [(column, max(1, shares[column])) for column, _ in columns]


def _least(columns: Sequence[tuple[Column[Row], int]]) -> int:
    return sum(min(natural, column.least) for column, natural in columns) + _gaps(columns)


def _gaps(columns: Sequence[tuple[Column[Row], int]]) -> int:
    return _GAP * (len(columns) - 1)


def _state(job: Job, _at: int, glyphs: Glyphs) -> Cell:
    return state_cell(job.state, glyphs, retrying=is_retrying(job))


def is_retrying(job: Job) -> bool:
    """Say whether the job's last attempt failed and another follows."""
    return job.state is JobState.PENDING and job.attempts > 0


def _attempts(job: Job, _at: int, _glyphs: Glyphs) -> Cell:
    return Cell(f"{job.attempts}/{max(1, job.max_retries)}", "yellow" if job.attempts > 1 else "dim")


def _when(job: Job, at: int, _glyphs: Glyphs) -> Cell:
    """Return until when it waits, or since when it has been as it is."""
    if job.state is JobState.PENDING:
        wait = (job.next_run_at or 0) - at
        return Cell(f"in {age(wait)}", "yellow" if job.attempts else "") if wait > 0 else Cell("ready", "cyan")
    if job.state in FINAL:
        return Cell(f"{age(at - (job.finished_at or at))} ago", "dim")
    return Cell(f"for {age(at - (job.started_at or at))}", "cyan")


def age(milliseconds: int) -> str:
    """Return a duration in one unit, `119s`, `90m`, `47h` or `3d`: a list is no stopwatch."""
    seconds = max(0, milliseconds) // 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size:,}{unit}"
    return f"{seconds}s"


def _result(job: Job, _at: int, _glyphs: Glyphs) -> Cell:
    if job.error and job.state is not JobState.COMPLETED:
        return Cell(job.error, "red" if job.state is JobState.DEAD else "yellow")
    if job.state is JobState.COMPLETED and job.duration_seconds is not None:
        return Cell(f"took {format_duration(job.duration_seconds)}", "dim")
    return Cell("")


def _queue(job: Job, _at: int, _glyphs: Glyphs) -> Cell:
    return Cell("" if job.queue == "default" else job.queue)


def _priority(job: Job, _at: int, _glyphs: Glyphs) -> Cell:
    return Cell(str(job.priority) if job.priority else "")


#: What `list` shows. A column in which nobody has anything is left out.
LIST: tuple[Column[Job], ...] = (
    Column("ID", lambda job, _at, _glyphs: Cell(job.id, "bold"), 10, 24, 0),
    Column("STATE", _state, 12, 12, 1),
    Column("TRIES", _attempts, 5, 7, 4),
    Column("WHEN", _when, 8, 12, 3),
    Column("QUEUE", _queue, 5, 12, 6),
    Column("PRIO", _priority, 4, 6, 7, right=True),
    Column("RESULT", _result, 13, 24, 5),  # whatever the exit code is
    Column("COMMAND", lambda job, _at, _glyphs: Cell(job.command), 14, 40, 2),
)

#: What `dlq list` shows: why each job gave up.
DEAD: tuple[Column[Job], ...] = (
    Column("ID", lambda job, _at, _glyphs: Cell(job.id, "bold"), 10, 24, 0),
    Column("TRIES", _attempts, 5, 7, 4),
    Column("DIED", _when, 8, 12, 3),
    Column("QUEUE", _queue, 5, 12, 5),
    Column("REASON", lambda job, _at, _glyphs: Cell(job.error or "unknown", "red"), 13, 40, 1),
    Column("COMMAND", lambda job, _at, _glyphs: Cell(job.command), 14, 40, 2),
)


def settings_table(rows: Sequence[tuple[Any, ...]], width: int) -> Table:
    """Return settings as key, value, where that comes from, and help; that wraps, and needs some width."""
    is_wide = width >= _EXPLAINED
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("KEY", no_wrap=True)
    table.add_column("VALUE", overflow="fold")
    table.add_column("FROM", no_wrap=True)
    if is_wide:
        table.add_column("MEANING")
    for key, value, origin, text in rows:
        style = "" if origin == "default" else "bold cyan"
        table.add_row(
            Text(key, "bold"),
            Text(safe(value), style),
            Text(origin, "dim"),
            *([Text(safe(text), "dim")] if is_wide else []),
        )
    return table
