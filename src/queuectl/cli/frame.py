"""One frame of the live display: from what is known to lines of text, nothing else.

Every line fits the width and all lines together fit the height. Sections keep their height
from frame to frame, so that nothing jumps; the results take what the others leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from queuectl.cli import rows
from queuectl.cli.cells import UNICODE, Glyphs, line, rule
from queuectl.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queuectl.worker.events import Event, Running, View

#: Rows that waiting for a retry gets at most.
RETRIES = 5
#: Lines from which on sections have titles.
_TALL = 14


class Frame(NamedTuple):
    """What one frame shows."""

    view: View
    rows: tuple[Running | None, ...]  #: by slot; a job keeps its row
    results: tuple[Event, ...] = ()  #: newest first
    rates: tuple[int, ...] = ()  #: runs that ended in each of the last seconds, the newest last
    rate: float = 0.0  #: runs a second
    progress: tuple[int, int] = (0, 0)  #: runs done, and all that were there to do
    warning: str = ""
    stopping: str = ""  #: how the stop goes on
    id_width: int = 8
    retries: int = 0  #: the most jobs that ever waited for a retry at once
    glyphs: Glyphs = UNICODE


class Heights(NamedTuple):
    """How many rows each section has, titles not counted."""

    running: int
    queue: int
    retries: int
    results: int
    titles: bool
    footer: bool


def allot(height: int, slots: int, retries: int) -> Heights:
    """Share the lines of a screen among the sections."""
    footer = height > 3  # noqa: PLR2004
    titles = height >= _TALL
    left = max(0, height - 1 - footer)
    queue = 2 if titles else min(1, left // 3)
    left -= queue + 3 * titles  # of the slots, the queue, and the rule above the footer
    retries = min(retries, RETRIES, left // 4)
    left -= retries + (titles and retries > 0)
    # Many slots leave half of the rest to the results, few leave what they do not need.
    results = max(left - slots, left // 2) - titles
    running = min(slots, left - results - titles)
    return Heights(running, queue, retries, results, titles, footer)


def draw(frame: Frame, width: int, height: int) -> list[Text]:
    """Return the lines of the whole screen: `height` of them, each `width` cells at most."""
    heights = allot(height, frame.view.slots, frame.retries)
    lines = [header(frame, width)]

    def section(title: str, note: str, size: int, content: Iterable[Text]) -> None:
        if heights.titles:
            lines.append(rule(width, title, note, frame.glyphs))
        shown = list(content)
        lines.extend(shown)
        lines.extend(Text("") for _ in range(size - len(shown)))

    title = f"Running {len(frame.view.running)} of {frame.view.slots}"
    running = rows.running_rows(frame, width, heights.running) if heights.running else ()
    section(title, "", heights.running, running)
    queue = [rows.queue_row(frame, width), rows.progress_row(frame, width)]
    section(
        rows.queue_title(frame.view.paused, width), rows.rate_note(frame, width), heights.queue, queue[: heights.queue]
    )
    if heights.retries:
        section("Next retries", "", heights.retries, rows.retry_rows(frame, width, heights.retries))
    section("Results", "", heights.results, rows.result_rows(frame, width, heights.results))
    if heights.titles:
        lines.append(rule(width, "", "", frame.glyphs))
    if heights.footer:
        lines.append(footer(frame, width))
    return lines[:height]


def header(frame: Frame, width: int) -> Text:
    """Return who works on what, and for how long; or what is wrong."""
    view = frame.view
    up = [(f"  up {format_duration((view.at - view.started_at) / 1000)} ", "dim")]
    if frame.warning:
        return line(width, [(f" {frame.glyphs.warning} {frame.warning}", "yellow")], up, frame.glyphs)
    parts = [(" queuectl ", "bold"), (view.worker, "bold cyan"), (f"  {view.store}", "dim")]
    return line(width, parts, up, frame.glyphs)


def footer(frame: Frame, width: int) -> Text:
    """Return what Ctrl-C does now."""
    dot = frame.glyphs.dot
    if frame.view.stopping:
        text, style = f" {frame.stopping}", "yellow"
    elif width >= rows.WIDE:
        text, style = f" Ctrl-C: finish running jobs and stop {dot} twice: stop them now", "dim"
    elif width >= rows.NARROW:
        text, style = f" Ctrl-C: finish and stop {dot} twice: stop now", "dim"
    else:
        text, style = f" Ctrl-C: stop {dot} twice: now", "dim"
    return line(width, [(text, style)], (), frame.glyphs)
