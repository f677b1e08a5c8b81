"""One frame of the live screen: from a state to lines of text, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from queuectl.cli.cells import clock, curve, line, width_of
from queuectl.cli.output import safe
from queuectl.cli.top import pages
from queuectl.cli.top.facts import ALL, bars, success, throughput
from queuectl.cli.top.items import Pane
from queuectl.cli.top.panes import COLUMNS, pane, panes
from queuectl.cli.top.signs import signs_of
from queuectl.cli.top.state import Page, State
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.cli.cells import Glyphs, Parts

#: Cells from which on numbers and curve share a line.
_WIDE = 140
#: Lines from which on the header has all of its lines, and the screen a bottom line.
_TALL, _LOW = 10, 3
#: Cells of the curve at the most.
_CURVE = 72
#: Rows of a pane in a frame that is printed.
STILL = 20
#: The keys, each with its rank: those with the highest go first where there is no room. All stand in the help.
_KEYS = (
    (2, "Enter", "details"),
    (6, "l", "log"),
    (3, "c", "cancel"),
    (4, "r", "retry"),
    (7, "p", "pause"),
    (8, "/", "filter"),
    (5, "Tab", "pane"),
    (1, "?", "help"),
    (0, "q", "quit"),
)


def frame(state: State, width: int, height: int) -> list[Text]:
    """Return the lines of the whole screen: `height` of them, each `width` cells at most."""
    top = header(state, width, height)
    bottom = [footer(state, width)] if height >= _LOW else []
    room = max(0, height - len(top) - len(bottom))
    body = panes(state, width, room) if state.page is Page.PANES else pages.page(state, width, room)
    return [*top, *body, *bottom][:height]


def settled(state: State, width: int, height: int) -> State:
    """Return the state scrolled no further than there is something to see."""
    state = state._replace(is_wide=width >= COLUMNS)
    if state.page is Page.PANES:
        return state
    room = max(0, height - len(header(state, width, height)) - (height >= _LOW))
    return state._replace(scroll=min(state.scroll, pages.furthest(state, width, room)))


def header(state: State, width: int, height: int) -> list[Text]:
    """Return what goes on in short: one line to three, as there is room."""
    first = _first_line(state, width)
    if height < _TALL:
        return [first]
    if width >= _WIDE:
        numbers, pulse = _numbers(state, width // 2), _pulse(state, width // 2)
        gap = max(0, width - width_of(numbers) - width_of(pulse))
        return [first, line(width, [*numbers, (" " * gap, ""), *pulse], (), state.glyphs)]
    return [first, *(line(width, parts(state, width), (), state.glyphs) for parts in (_numbers, _pulse))]


def _first_line(state: State, width: int) -> Text:
    workers = len(state.facts.workers)
    words = f"{workers} worker{'' if workers == 1 else 's'}" if workers else "no worker"
    right = [
        ("all queues paused  " if ALL in state.facts.paused else "", "yellow"),
        (f" {words}", "" if workers else "yellow"),
        (f"  {clock(state.now, state.now)} ", "dim"),
    ]
    name = " queuectl top"
    room = width - len(name) - width_of(right) - 3
    return line(width, [(name, "bold"), (f"  {_end_of(state.store, room, state.glyphs)}", "dim")], right, state.glyphs)


def _end_of(path: str, width: int, glyphs: Glyphs) -> str:
    """Return a path cut at its begin: its end says more."""
    path = safe(path)
    if cell_len(path) <= width:
        return path
    room = max(0, width - cell_len(glyphs.ellipsis))
    end = path[len(path) - room :]
    while cell_len(end) > room:
        end = end[1:]
    return glyphs.ellipsis + end if end else ""


def _numbers(state: State, width: int) -> Parts:
    """Return how many jobs stand where: the numbers that fit."""
    counts, states = state.facts.counts, state.facts.counts.states
    numbers = (  # in the order in which they stand; the rank says who goes first if room is scarce
        (0, counts.ready, "ready", "cyan"),
        (5, counts.scheduled, "scheduled", "blue"),
        (4, counts.retrying, "retrying", "yellow"),
        (3, states.get(JobState.PROCESSING, 0), "running", "bold cyan"),
        (1, states.get(JobState.COMPLETED, 0), "completed", "green"),
        (2, states.get(JobState.DEAD, 0), "dead", "bold red"),
        (6, states.get(JobState.CANCELLED, 0), "cancelled", "magenta"),
    )
    room, shown = width, {}
    for rank, number, name, style in sorted(numbers):
        piece = [(f" {number:,}", style if number else "dim"), (f" {name} ", "dim")]
        if width_of(piece) <= room:
            room -= width_of(piece)
            shown[rank] = piece
    return [part for rank, *_ in numbers for part in shown.get(rank, ())]


def _pulse(state: State, width: int) -> Parts:
    """Return the throughput, how much of it succeeded, and both as a curve."""
    facts = state.facts
    completed, runs = success(facts.beats, state.now)
    parts = [(f" {throughput(facts, state.now):,}", "bold cyan"), ("/min ", "dim")]
    if runs:
        share = completed / runs
        style = "green" if share >= 0.99 else "yellow" if share >= 0.9 else "bold red"  # noqa: PLR2004
        # Not rounded up: 100 % means that nothing failed.
        parts += [(f" {int(share * 1000) / 10:g} %", style), (f" of {runs:,} runs succeeded ", "dim")]
    room = min(_CURVE, width - width_of(parts) - 2)
    numbers = bars(facts.beats, state.now, max(0, room))
    bottom = signs_of(state.glyphs).bottom
    curved: Parts = [
        (sign if number else bottom, "cyan" if number else "bright_black")
        for sign, number in zip(curve(numbers, state.glyphs), numbers, strict=True)
    ]
    return [(" ", ""), *curved, *parts]


def footer(state: State, width: int) -> Text:
    """Return the bottom line: a question, what is typed, what has just happened, or the keys."""
    glyphs = state.glyphs
    if state.asking:
        return line(width, [(f" {state.asking.question} ", "bold")], [("[y/N] ", "bold")], glyphs)
    if state.is_typing:
        return line(
            width,
            [(" /", "bold cyan"), (f"{state.filter}", ""), ("_", "bold cyan")],
            [(" Enter: keep, Esc: drop ", "dim")],
            glyphs,
        )
    if state.message:
        sign = glyphs.warning if state.is_bad else glyphs.completed
        style = "bold red" if state.is_bad else "green"
        return line(width, [(f" {sign} {state.message}", style)], (), glyphs)
    parts: list[tuple[str, str]] = []
    if state.filter:
        parts.append((f" /{state.filter}  ", "bold cyan"))
    parts += _keys(_KEYS if state.page is Page.PANES else pages.keys(state), width - width_of(parts))
    return line(width, parts, (), glyphs)


def _keys(keys: Sequence[tuple[int, str, str]], room: int) -> Parts:
    """Return the keys that fit, in their order."""
    shown = set()
    for rank, key, word in sorted(keys):
        size = len(key) + len(word) + 3
        if size <= room:
            room -= size
            shown.add(rank)
    return [part for rank, key, word in keys if rank in shown for part in ((f" {key} ", "bold"), (f"{word} ", "dim"))]


def still(state: State, width: int) -> list[Text]:
    """Return all there is as lines below each other, for those who cannot press keys."""
    lines = header(state, width, _TALL)
    for which in Pane:
        rows = max(1, min(STILL, len(state.rows[which])))
        lines += [Text(""), *pane(state, which, width, rows)]
    return lines
