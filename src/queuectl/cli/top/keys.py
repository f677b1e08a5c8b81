"""From what a terminal sends to the names of keys; pure.

A key is a character, sent as UTF-8, or one of the names below, sent as a control character or as an escape sequence:
`ESC [ parameters final` (ECMA-48, 5.4) or `ESC O final`. Pieces may arrive in any number of reads.
"""

from __future__ import annotations

UP, DOWN, LEFT, RIGHT, HOME, END, PAGE_UP, PAGE_DOWN = (
    "up",
    "down",
    "left",
    "right",
    "home",
    "end",
    "page up",
    "page down",
)
ENTER, TAB, BACK_TAB, ESCAPE, BACKSPACE, CLEAR, REDRAW = (
    "enter",
    "tab",
    "shift tab",
    "escape",
    "backspace",
    "clear",
    "redraw",
)
NAMES = frozenset(
    {UP, DOWN, LEFT, RIGHT, HOME, END, PAGE_UP, PAGE_DOWN, ENTER, TAB, BACK_TAB, ESCAPE, BACKSPACE, CLEAR, REDRAW}
)  # fmt: skip

_ESC = 0x1B
#: Bytes after which a sequence that has no end is none.
_LONGEST = 32

_CONTROLS = {
    0x09: TAB,
    0x0A: ENTER,
    0x0D: ENTER,
    0x08: BACKSPACE,
    0x7F: BACKSPACE,
    0x15: CLEAR,
    0x0C: REDRAW,
    0x0E: DOWN,
    0x10: UP,
}
_FINALS = {"A": UP, "B": DOWN, "C": RIGHT, "D": LEFT, "H": HOME, "F": END, "Z": BACK_TAB, "M": ENTER}
_TILDES = {"1": HOME, "7": HOME, "4": END, "8": END, "5": PAGE_UP, "6": PAGE_DOWN}


def decode(data: bytes, *, final: bool = False) -> tuple[list[str], bytes]:
    """Return the keys in what a terminal sent, and the begin of one whose end has not come yet.

    Args:
        data: what was left the last time, and what has come since.
        final: nothing more has come for a while: an ESC is the Escape key then, and no sequence goes on.
    """
    keys: list[str] = []
    while data:
        key, used = _first(data)
        if not used:
            if not final:
                break
            key, used = (ESCAPE if data == b"\x1b" else ""), len(data)
        if key:
            keys.append(key)
        data = data[used:]
    return keys, data


def _first(data: bytes) -> tuple[str, int]:
    """Return the first key (empty: one that nobody needs) and its bytes; 0 if its end has not come."""
    byte = data[0]
    if byte == _ESC:
        return _escape(data)
    if byte < 0x20 or byte == 0x7F:  # noqa: PLR2004 - the control characters of ASCII
        return _CONTROLS.get(byte, ""), 1
    return _character(data)


def _escape(data: bytes) -> tuple[str, int]:
    """Decode what begins with ESC: a sequence, or the Escape key and what was pressed behind it."""
    kind = data[1:2]
    if kind not in {b"", b"O", b"["}:
        return ESCAPE, 1
    if kind == b"O" and data[2:3]:
        return _FINALS.get(chr(data[2]), ""), 3
    for place in range(2, len(data) if kind == b"[" else 0):
        byte = data[place]
        if 0x40 <= byte <= 0x7E:  # noqa: PLR2004 - final bytes
            return _sequence(data[2:place].decode("ascii"), chr(byte)), place + 1
        if not 0x20 <= byte < 0x40 or place > _LONGEST:  # noqa: PLR2004 - none of its bytes: it was cut off
            return "", place
    return "", 0


def _sequence(parameters: str, final: str) -> str:
    if final == "~":
        return _TILDES.get(parameters.partition(";")[0], "")
    return _FINALS.get(final, "") if final != "M" else ""


def _character(data: bytes) -> tuple[str, int]:
    """Decode one character of UTF-8."""
    size = 1 + (data[0] >= 0xC0) + (data[0] >= 0xE0) + (data[0] >= 0xF0)  # noqa: PLR2004 - the lead bytes of UTF-8
    piece = data[:size]
    if len(piece) < size and all(0x80 <= byte < 0xC0 for byte in piece[1:]):  # noqa: PLR2004 - bytes that follow one
        return "", 0
    try:
        character = piece.decode("utf-8")
    except UnicodeDecodeError:
        return "", 1
    return (character if character.isprintable() else ""), size
