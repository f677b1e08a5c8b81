"""What a benchmark comes to: figures that are held against goals, and tables of peers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.goals import GOALS
from benchmarks.measure import Spread, digits, ratios, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.goals import Goal


class Figure(NamedTuple):
    """One line of the table of goals."""

    name: str  #: of its goal, if it has one
    what: str
    ours: str
    beside: str  #: what it is held against
    value: Spread
    unit: str  #: `×` for ratios

    @property
    def goal(self) -> Goal | None:
        """What is aimed at, if anything is."""
        return GOALS.get(self.name)

    @property
    def verdict(self) -> str:
        """Say whether the median reaches the goal."""
        if self.goal is None:
            return "–"
        return "met" if self.value.median <= self.goal.at_most else "**missed**"

    def cells(self) -> list[str]:
        """Write the figure as cells of a table."""
        value, smallest, largest = (digits(number) for number in self.value)
        unit = "" if self.unit == "×" else f" {self.unit}"
        varies = "" if smallest == largest else f" ({smallest} to {largest})"
        goal = str(self.goal) if self.goal else "–"
        return [self.what, self.ours, self.beside, f"**{value}**{unit}{varies}", goal, self.verdict]


#: The columns of `Figure.cells`.
HEADINGS = ["what", "queuectl", "held against", "ratio or figure (smallest to largest)", "goal", ""]


class Table(NamedTuple):
    """A comparison with peers."""

    title: str
    headings: list[str]
    rows: list[list[str]]
    note: str


class Series(NamedTuple):
    """What the chart draws of a comparison: a row of bars for each name."""

    title: str
    legend: list[str]  #: what the bars of a group stand for
    values: dict[str, list[float | None]]  #: by name; None: not possible
    labels: dict[str, list[str]]  #: what is written at the end of each bar


class Result(NamedTuple):
    """All that a benchmark found."""

    figures: list[Figure]
    tables: Sequence[Table] = ()
    series: Sequence[Series] = ()


def ratio(name: str, what: str, ours: Sequence[float], beside: str, theirs: Sequence[float]) -> Figure:
    """Hold seconds against seconds of the same rounds."""
    mine, other = milliseconds(spread(ours).median), milliseconds(spread(theirs).median)
    return Figure(name, what, mine, f"{beside}: {other}", spread(ratios(ours, theirs)), "×")


def absolute(name: str, what: str, values: Sequence[float], unit: str, beside: str = "–") -> Figure:
    """State measurements in their own unit."""
    return Figure(name, what, f"{digits(spread(values).median)} {unit}", beside, spread(values), unit)


def milliseconds(value: float) -> str:
    """Write a time for people."""
    return f"{digits(value * 1000)} ms" if value < 1 else f"{digits(value)} s"
