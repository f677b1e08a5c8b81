"""What people see of groups of dead jobs: renderables, returned and never printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.cli.tables import Cell, Column, JobTable, age, glyphs_for

if TYPE_CHECKING:
    from rich.table import Table

    from queuectl.repository.dead import DeadGroup, DeadGroups


def group_table(found: DeadGroups, *, width: int, at: int, unicode: bool) -> Table:
    """Return the groups, a row each."""
    columns: tuple[Column[DeadGroup], ...] = (
        Column("GROUP", lambda one, _at, _glyphs: Cell(one.id[: found.digits], "bold"), 6, 12, 0),
        Column("JOBS", lambda one, _at, _glyphs: Cell(f"{one.jobs:,}", "bold red"), 4, 11, 1, right=True),
        Column("SHARE", lambda one, _at, _glyphs: Cell(f"{one.jobs / found.jobs:.0%}"), 5, 5, 5, right=True),
        Column("NEWEST", lambda one, _at, _glyphs: Cell(one.newest), 10, 24, 4),
        Column("DIED", lambda one, at, _glyphs: Cell(f"{age(at - one.newest_at)} ago", "dim"), 8, 12, 3),
        Column("QUEUES", lambda one, _at, _glyphs: Cell(_queues(one)), 6, 20, 6),
        Column("OF", lambda one, _at, _glyphs: Cell(one.signature or "unknown", "red"), 14, 40, 2),
    )
    return JobTable(columns, width=width, at=at, glyphs=glyphs_for(unicode=unicode)).part(found.groups)


def _queues(group: DeadGroup) -> str:
    return "" if group.queues == ("default",) else ", ".join(group.queues)
