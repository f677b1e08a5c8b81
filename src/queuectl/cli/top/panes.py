"""Where the panes stand on a screen of any size, and each of them as lines; pure.

A wide screen has two columns; on a common one two small panes share a row; on a low or narrow one only as many panes
are there as have room, the one that has the focus before all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from queuectl.cli.cells import line, rule, width_of
from queuectl.cli.top.items import Pane
from queuectl.cli.top.rows import NUMBER, Look, id_width, row
from queuectl.cli.top.signs import signs_of
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from queuectl.cli.top.state import State

#: Cells from which on two panes, and two whole columns, stand side by side.
_PAIR, COLUMNS = 76, 120

#: The panes that share the left and the right column.
_LEFT, _RIGHT = (Pane.RUNNING, Pane.ENDED), (Pane.QUEUES, Pane.RETRIES, Pane.DEAD)
#: Rows that a pane keeps at least, and gets at most while others want some: a queue has few.
_LEAST = 2
_MOST = {Pane.QUEUES: 8, Pane.RETRIES: 8, Pane.DEAD: 8}
#: Lines from which on a preview of the output is worth its place.
_PREVIEW = 5
#: Which panes go first where not all have room.
_RANK = (Pane.RUNNING, Pane.ENDED, Pane.QUEUES, Pane.DEAD, Pane.RETRIES)

#: Panes side by side, which share their height.
Shelf = tuple[Pane, ...]


class Block(NamedTuple):
    """Lines of one width, and which of them are titles."""

    lines: list[Text]
    titles: frozenset[int]


def panes(state: State, width: int, height: int) -> list[Text]:
    """Return the lines of all panes that have room: exactly `height`, each `width` cells at most."""
    if width >= COLUMNS:
        left = width * 11 // 20
        one = _stack(state, [(pane,) for pane in _LEFT], left, height)
        return _beside(one, _right(state, width - left - 1, height), left, state).lines
    if width >= _PAIR:
        shelves: list[Shelf] = [(Pane.RUNNING,), (Pane.QUEUES, Pane.DEAD), (Pane.RETRIES,), (Pane.ENDED,)]
    else:
        shelves = [(pane,) for pane in Pane]
    return _stack(state, shelves, width, height).lines


def _right(state: State, width: int, height: int) -> Block:
    """Return the right column: small panes and, where they leave room, what the selected job prints."""
    shelves: list[Shelf] = [(which,) for which in _RIGHT]
    needed = sum(1 + max(_LEAST, min(_MOST[which], state.wishes.get(which, 0))) for which in _RIGHT)
    details = state.found.details
    if height - needed < _PREVIEW or details is None:
        return _stack(state, shelves, width, height)
    upper = _stack(state, shelves, width, needed)
    lines = [rule(width, f"Output of {details.job.id}", "", state.glyphs)]
    room = height - needed - 1
    lines += [line(width, [(f" {text}", "dim")], (), state.glyphs) for text in details.output[-room:]]
    lines += [Text("") for _ in range(room + 1 - len(lines))]
    return Block([*upper.lines, *lines], upper.titles | {needed})


def _stack(state: State, shelves: Sequence[Shelf], width: int, height: int) -> Block:
    lines: list[Text] = []
    titles: list[int] = []
    for shelf, rows in allot(state, shelves, height):
        titles.append(len(lines))
        left = width // len(shelf)
        blocks = [
            Block(pane(state, one, share, rows, has_focus=one is state.focus), frozenset({0}))
            for one, share in zip(shelf, (left, width - left - 1), strict=False)
        ]
        lines += (blocks[0] if len(blocks) == 1 else _beside(blocks[0], blocks[1], left, state)).lines
    lines += [Text("") for _ in range(height - len(lines))]
    return Block(lines[:height], frozenset(titles))


def _beside(one: Block, other: Block, left: int, state: State) -> Block:
    """Put two blocks beside each other, with a wall between them that their titles grow out of."""
    walls = signs_of(state.glyphs).walls
    joined = []
    for index, (text, rest) in enumerate(zip(one.lines, other.lines, strict=True)):
        whole = text.copy()
        whole.pad_right(max(0, left - text.cell_len))
        sides = (index in one.titles) + 2 * (index in other.titles)
        wall = walls[4 if index == 0 and sides else sides]
        joined.append(whole.append(wall, "bright_black").append_text(rest))
    return Block(joined, one.titles & other.titles)


def allot(state: State, shelves: Sequence[Shelf], height: int) -> list[tuple[Shelf, int]]:
    """Return the shelves that have room with the rows that each gets, its title not counted."""
    kept = sorted(shelves, key=lambda shelf: (state.focus not in shelf, min(map(_RANK.index, shelf))))
    while len(kept) > 1 and len(kept) * (1 + _LEAST) > height:
        kept.pop()
    order = [shelf for shelf in shelves if shelf in kept]
    left = height - len(order)
    rows = dict.fromkeys(order, 0)
    # First a few rows for each, then what they want within bounds, at last what is left; so that a pane keeps its
    # height while its rows come and go, it wants as many as it ever had.
    bounds: tuple[Callable[[Pane], int], ...] = (
        lambda _: _LEAST,
        lambda one: min(_MOST.get(one, height), state.wishes.get(one, 0)),
        lambda one: height if one in {Pane.ENDED, Pane.DEAD} or len(order) == 1 else 0,
    )
    for bound in bounds:
        left = _fill(rows, {shelf: max(map(bound, shelf)) for shelf in order}, left)
    if order and left > 0:
        rows[order[-1]] += left
    return [(shelf, max(0, rows[shelf])) for shelf in order]


def _fill(rows: dict[Shelf, int], wanted: dict[Shelf, int], left: int) -> int:
    """Give rows in turn to each that wants more; return what is left. What runs is of the most interest."""
    while left > 0:
        hungry = [shelf for shelf in rows if rows[shelf] < wanted[shelf]]
        if not hungry:
            break
        for shelf in hungry:
            more = min(left, 2 if Pane.RUNNING in shelf else 1, wanted[shelf] - rows[shelf])
            rows[shelf] += more
            left -= more
    return left


def pane(state: State, which: Pane, width: int, height: int, *, has_focus: bool = False) -> list[Text]:
    """Return the title of a pane and its rows around the selected one: `height` and one line."""
    items = list(state.rows.get(which, ()))
    cursor = state.cursors.get(which)
    place = next((index for index, one in enumerate(items) if cursor and one.key and one.key == cursor.key), 0)
    first = _first(place, len(items), height)
    shown = items[first : first + height]
    look = Look(state.facts, state.now, width, id_width(items, width), state.glyphs)
    lines = [_title(state, which, width, hidden=len(items) - len(shown), has_focus=has_focus)]
    chosen = items[place].key if items and has_focus else ""
    lines += [row(which, item, look, selected=bool(chosen) and item.key == chosen) for item in shown]
    if not items and height:
        lines.append(line(width, [(f"   {_nothing(state, which)}", "dim")], (), state.glyphs))
    return [*lines, *(Text("") for _ in range(height + 1 - len(lines)))][: height + 1]


def _first(place: int, number: int, height: int) -> int:
    """Return the first row to show, so that the selected one is to be seen with its surroundings."""
    return max(0, min(place - height // 2, number - height))


def _title(state: State, which: Pane, width: int, *, hidden: int, has_focus: bool) -> Text:
    """Return the line over a pane: its name, how much it holds, and what its columns are."""
    rule = state.glyphs.rule
    name, note = _name(state, which), _note(state, which, hidden)
    left = [(rule, "bright_black"), (f" {name} ", "bold")]
    if has_focus:
        left = [(signs_of(state.glyphs).cursor, "bold cyan"), (f" {name} ", "bold cyan")]
    right = [(f" {note} ", "dim"), *([(rule, "bright_black")] if which is not Pane.QUEUES else [])] if note else []
    if width_of(left) + width_of(right) > width:
        right = []
    gap = max(0, width - width_of(left) - width_of(right))
    text = line(width, [*left, (rule * gap, "bright_black")], (), state.glyphs)
    for piece, look in right:
        text.append(piece, look)
    return text


def _name(state: State, which: Pane) -> str:
    counts = state.facts.counts
    if which is Pane.RUNNING:
        slots = sum(worker.identity.slots for worker in state.facts.workers)
        return f"Running {counts.states.get(JobState.PROCESSING, 0):,} of {slots:,}"
    if which is Pane.DEAD:
        return f"Dead {counts.states.get(JobState.DEAD, 0):,}"
    if which is Pane.RETRIES:
        return f"Next retries {counts.retrying:,}"
    return str(which.value)


def _note(state: State, which: Pane, hidden: int) -> str:
    if which is Pane.QUEUES:
        return "".join(f"{name:>{NUMBER}}" for name in ("ready", "later", "retry", "run")).strip()
    if which is Pane.DEAD and state.facts.dead:
        return "by reason"
    return f"{hidden:,} more" if hidden and which is not Pane.ENDED else ""


def _nothing(state: State, which: Pane) -> str:
    if state.filter:
        return f"nothing with {state.filter!r}"
    return {
        Pane.RUNNING: "no worker is running: queuectl worker start",
        Pane.QUEUES: "empty: queuectl enqueue 'COMMAND'",
        Pane.DEAD: "nobody",
        Pane.RETRIES: "none",
        Pane.ENDED: "nothing has ended yet",
    }[which]
