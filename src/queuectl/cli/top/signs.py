"""The signs that only the live screen uses, beside those of `queuectl.cli.cells`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from queuectl.cli.cells import ASCII

if TYPE_CHECKING:
    from queuectl.cli.cells import Glyphs


class Signs(NamedTuple):
    """What is drawn at the side of things."""

    cursor: str
    walls: str  #: between two columns: plain, with a title at its left, right, both sides, and below a line
    busy: str  #: a slot
    free: str
    paused: str
    bottom: str  #: of the curve, where nothing ended


_UNICODE, _ASCII = Signs("▸", "│┤├┼┬", "■", "□", "‖", "▁"), Signs(">", "|++++", "#", "-", "=", "_")


def signs_of(glyphs: Glyphs) -> Signs:
    """Return the signs that go with these."""
    return _ASCII if glyphs is ASCII else _UNICODE
