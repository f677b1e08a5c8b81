"""Lines of text measured in the cells of a terminal, and the signs that they use."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, get_character_cell_size
from rich.text import Text

from queuectl.cli.output import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    #: Pieces of a line, each with its style.
    Parts = Sequence[tuple[str, str]]

#: Characters of a text that are looked at for each cell, so that a megabyte of it costs nothing.
_LOOK = 4


class Glyphs(NamedTuple):
    """The signs that a terminal can show."""

    completed: str
    failed: str
    dead: str
    retry: str
    adopted: str
    warning: str
    idle: str
    spinner: str
    bars: str  #: of the curve, from nothing to full
    full: str
    empty: str
    rule: str
    dot: str
    arrow: str
    ellipsis: str


UNICODE = Glyphs("✓", "✗", "☠", "↻", "⇄", "!", "·", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", " ▁▂▃▄▅▆▇█", "━", "─", "─", "·", "→", "…")
ASCII = Glyphs("+", "x", "X", "~", "&", "!", ".", "|/-\\", " .:-=+*#@", "#", "-", "-", "-", "->", "~")


def line(width: int, left: Parts, right: Parts, glyphs: Glyphs) -> Text:
    """Return one line of at most `width` cells: `left`, cut to leave room for `right`."""
    if right and width_of(right) > width // 2:
        right = ()
    room = width - width_of(right)
    text = Text(no_wrap=True, overflow="crop")
    for piece, style in left:
        shown = cut(safe(start(piece, width)), room, glyphs.ellipsis)
        text.append(shown, style)
        room -= cell_len(shown)
        if room <= 0:
            break
    if right:
        text.append(" " * room)
        for piece, style in right:
            text.append(piece, style)
    return text


def rule(width: int, title: str, note: str, glyphs: Glyphs) -> Text:
    """Return a line across the screen that names what follows, with a note at its end."""
    left: list[tuple[str, str]] = [(glyphs.rule, "bright_black")]
    if title:
        left.append((f" {title} ", "bold"))
    right = [(f" {note} ", "cyan"), (glyphs.rule, "bright_black")] if note else []
    gap = max(0, width - width_of(left) - width_of(right))
    return line(width, [*left, (glyphs.rule * gap, "bright_black")], right, glyphs)


def cut(text: str, width: int, ellipsis: str) -> str:
    """Return as much of a text as fits into `width` cells, with an ellipsis if that is not all."""
    if cell_len(text) <= width:
        return text
    room = width - cell_len(ellipsis)
    if room < 0:
        return " " * width
    end = used = 0
    for character in text:
        used += get_character_cell_size(character)
        if used > room:
            break
        end += 1
    while cell_len(text[:end]) > room:  # a variation selector made a sign wide
        end -= 1
    return text[:end] + ellipsis


def padded(text: str, width: int, ellipsis: str) -> str:
    """Return a text made safe, in exactly `width` cells."""
    shown = cut(safe(start(text, width)), width, ellipsis)
    return shown + " " * (width - cell_len(shown))


def start(text: str, width: int) -> str:
    """Return as much of a text as could matter in `width` cells.

    Without the variation selector that makes a sign wide: terminals disagree about it. All other
    characters are together no wider than alone.
    """
    return text[: width * _LOOK].replace("\ufe0f", "")


def width_of(parts: Parts) -> int:
    """Return the cells that pieces take."""
    return sum(cell_len(text) for text, _ in parts)


def bar(share: float, width: int, style: str, glyphs: Glyphs) -> Parts:
    """Return a bar of which `share`, 0 to 1, is filled."""
    filled = int(min(1.0, max(0.0, share)) * width)
    return [(glyphs.full * filled, style), (glyphs.empty * (width - filled), "bright_black")]


def curve(numbers: Sequence[int], glyphs: Glyphs) -> str:
    """Return numbers as bars, the largest one full; zero is no bar at all."""
    bars = glyphs.bars
    most = max(numbers, default=0)
    return "".join(bars[-(-number * (len(bars) - 1) // most)] if number else bars[0] for number in numbers)


def clock(at: int, now: int) -> str:
    """Return an instant as the local clock shows it, with the date if that is not today's."""
    then = time.localtime(at / 1000)
    form = "%H:%M:%S" if then[:3] == time.localtime(now / 1000)[:3] else "%b %d %H:%M"
    return time.strftime(form, then)
