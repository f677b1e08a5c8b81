"""What `dlq show` shows people of a dead job: renderables, returned and never printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from queuectl.cli.cells import clock
from queuectl.cli.jobpage import facts, title
from queuectl.cli.output import safe
from queuectl.cli.tables import Cell, Column, JobTable, state_cell
from queuectl.duration import format_duration, parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from queuectl.cli.cells import Glyphs
    from queuectl.cli.dlq.show import Attempt, Step
    from queuectl.model import Job


def page(
    job: Job,
    about: Mapping[str, str],
    attempts: Sequence[Attempt],
    printed: str,
    steps: Sequence[Step],
    *,
    width: int,
    at: int,
    glyphs: Glyphs,
) -> Iterator[RenderableType]:
    """Yield the parts of the page from top to bottom."""
    yield Text.assemble((safe(job.id), "bold"), "  ", state_cell(job.state, glyphs))
    yield ""
    yield from facts(about, width)
    if attempts:
        yield title("Attempts")
        yield JobTable(ATTEMPTS, width=width, at=at, glyphs=glyphs).part(attempts)
    if printed:
        yield title("Output of the last attempt")
        yield Text("\n".join(map(safe, printed.splitlines())), overflow="fold")
    yield title("What next")
    for step in steps:
        yield Text(f"  {step.does}")
        yield Text(f"    {safe(step.command)}", "cyan", overflow="fold")


def _started(one: Attempt, at: int, _glyphs: Glyphs) -> Cell:
    return Cell("" if one.started_at is None else clock(parse_rfc3339(one.started_at), at), "dim")


def _took(one: Attempt, _at: int, _glyphs: Glyphs) -> Cell:
    return Cell("" if one.duration_seconds is None else format_duration(one.duration_seconds))


#: The attempts of a dead job. A column in which nobody has anything is left out.
ATTEMPTS: tuple[Column[Attempt], ...] = (
    Column("TRY", lambda one, _at, _glyphs: Cell(str(one.attempt), "bold"), 3, 5, 0, right=True),
    Column("ENDED", lambda one, _at, _glyphs: Cell(one.error or "", "red"), 11, 32, 1),
    Column("STARTED", _started, 8, 12, 4),
    Column("RAN", _took, 6, 8, 3, right=True),
    Column("LAST LINE", lambda one, _at, _glyphs: Cell(one.last_line), 12, 40, 2),
)
