"""The one way out: what goes to stdout and stderr, and in which form.

Results go to stdout: to a terminal as Rich draws them, to a pipe as tab-separated lines with
nothing cut, or as one JSON document. Messages go to stderr. Text that came from a user or from
a job is never interpreted by whoever shows it: every character that is not printable is made
visible here.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from rich.console import Console, RenderableType

_RED, _CYAN = "\x1b[1;31m", "\x1b[36m"


def is_terminal() -> bool:
    """Say whether a person reads stdout."""
    return _is_terminal(sys.stdout)


def is_watched() -> bool:
    """Say whether a person reads stderr."""
    return _is_terminal(sys.stderr)


def safe(text: str) -> str:
    r"""Return the text with every character that is not printable made visible: `\n`, `\x1b`, `\u202e`.

    That covers control characters, escape sequences, bidi controls, zero-width characters,
    line separators and bytes that are not UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def write(text: str) -> None:
    """Write text to stdout as it is; a stdout that was closed before we began takes nothing."""
    if sys.stdout is not None:
        sys.stdout.write(text)


def flush() -> None:
    """Hand everything on to whoever reads stdout."""
    if sys.stdout is not None:
        sys.stdout.flush()


def discard() -> None:
    """Let go nowhere what nobody can take, or it would fail again when the process ends."""
    import os
    from contextlib import suppress

    with suppress(OSError, ValueError, AttributeError):  # not a real file, as in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def rest(seconds: float) -> None:
    """Let time pass, and notice if meanwhile whoever reads stdout has gone.

    Raises:
        BrokenPipeError: nobody will read what is written from now on.
    """
    import select
    import time

    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or no real file, as in tests
        time.sleep(seconds)
        return
    watch = select.poll()
    watch.register(descriptor, 0)  # errors are always reported
    if watch.poll(seconds * 1000):
        raise BrokenPipeError


# -- for pipes ------------------------------------------------------------------------------


def line(*fields: object) -> None:
    """Write one line of tab-separated fields: None as nothing, nothing cut."""
    write("\t".join("" if field is None else safe(str(field)) for field in fields) + "\n")


def document(value: object) -> None:
    """Write one JSON document: on one line, or indented for a person."""
    write(as_json(value, indent=2 if is_terminal() else None) + "\n")


def array(values: Iterable[object], *, before: str = "", behind: str = "") -> None:
    """Write a JSON array, an item a line, without holding more than one item.

    It may be the last value of an object: the text before it and behind it completes the document.

    The document is closed even if an item cannot be had: it is valid then, and the exit code
    says that it is not complete.
    """
    separator = f"{before}["
    try:
        for value in values:
            write(f"{separator}\n{as_json(value)}")
            separator = ","
    except BaseException:
        if separator == ",":
            write(f"\n]{behind}\n")
        raise
    write(f"\n]{behind}\n" if separator == "," else f"{separator}]{behind}\n")


def as_json(value: object, *, indent: int | None = None) -> str:
    r"""Return a value as JSON that is safe to show: what is not printable as `\u....`."""
    text = _encoder(indent)(value)
    if text.isprintable():
        return text
    from json import dumps

    # Outside of strings JSON has no characters that are not printable but these newlines.
    return "".join(char if char.isprintable() or char == "\n" else dumps(char)[1:-1] for char in text)


@lru_cache(maxsize=2)
def _encoder(indent: int | None) -> Callable[[object], str]:
    """Make an encoder once: `json.dumps` makes one for every value."""
    from json import JSONEncoder

    return JSONEncoder(ensure_ascii=False, indent=indent).encode


# -- for people -----------------------------------------------------------------------------


def console(stream: TextIO | None = None) -> Console:
    """Return a console for stdout, or another stream, that interprets nothing."""
    from rich.console import Console

    from queuectl.config import no_color

    # Of what is drawn in no colour not even bold letters remain: some readers of such output
    # stumble over any escape sequence.
    is_plain = no_color() or not (_is_terminal(stream) if stream else is_terminal())
    return Console(
        file=stream or sys.stdout,
        color_system=None if is_plain else "auto",
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


def render(*renderables: RenderableType) -> None:
    """Draw for a person; text in it must be `safe`."""
    canvas = console()
    for renderable in renderables:
        canvas.print(renderable)


def speaks_unicode() -> bool:
    """Say whether stdout takes symbols beyond ASCII."""
    return "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()


# -- messages -------------------------------------------------------------------------------


def message(text: str) -> None:
    """Write one line to stderr."""
    if sys.stderr is not None:
        sys.stderr.write(safe(text) + "\n")


def error(text: str) -> None:
    """Say on stderr what is wrong."""
    _labelled("Error:", _RED, text)


def warning(text: str) -> None:
    """Say on stderr what did not go as it should, though the command goes on."""
    _labelled("Warning:", _RED, text)


def hint(text: str) -> None:
    """Say on stderr what to do next."""
    _labelled("Hint:", _CYAN, text)


def _labelled(label: str, color: str, text: str) -> None:
    from queuectl.config import no_color

    if _is_terminal(sys.stderr) and not no_color():
        sys.stderr.write(f"{color}{label}\x1b[0m {safe(text)}\n")
    else:
        message(f"{label} {text}")


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
