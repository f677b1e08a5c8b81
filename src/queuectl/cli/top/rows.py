"""A row of each pane as a line of text; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from queuectl.cli.cells import clock, line, padded, start
from queuectl.cli.output import safe
from queuectl.cli.top.items import Item, Pane
from queuectl.cli.top.signs import signs_of
from queuectl.duration import format_duration
from queuectl.model import JobState

if TYPE_CHECKING:
    from rich.text import Text

    from queuectl.cli.cells import Glyphs, Parts
    from queuectl.cli.top.facts import Facts
    from queuectl.model import Job

#: Cells of a row from which on there is room for what is nice to have.
_WIDE, _ROOMY = 72, 100
#: Cells of a number of a queue, and of how many died of the same.
NUMBER = 6
#: Shares of a timeout from which on a run looks slow, and too slow.
_SLOW, _TOO_SLOW = 0.6, 0.85


class Look(NamedTuple):
    """What all rows of a pane have in common."""

    facts: Facts
    now: int
    width: int
    id_width: int
    glyphs: Glyphs


def row(pane: Pane, item: Item, look: Look, *, selected: bool) -> Text:
    """Return a row; the selected one is marked, and in reverse where there is colour or none."""
    parts, right = _PARTS[pane](item, look)
    sign = signs_of(look.glyphs).cursor if selected else " "
    text = line(look.width, [(sign, "bold cyan"), *parts], right, look.glyphs)
    if selected:
        text.pad_right(look.width - text.cell_len)
        text.spans.clear()
        text.stylize("reverse")
    return text


def id_width(items: list[Item], width: int) -> int:
    """Return the cells that the ids of these rows get."""
    most = 24 if width >= _ROOMY else 14
    return max([8, *(min(most, cell_len(safe(start(item.job.id, most)))) for item in items if item.job)])


def _running(item: Item, look: Look) -> tuple[Parts, Parts]:
    if item.job is None:
        return _worker(item, look)
    job, glyphs = item.job, look.glyphs
    seconds = _seconds(look.now - (job.started_at or look.now))
    share = 0.0 if not job.timeout else seconds / job.timeout
    style = "red" if share > _TOO_SLOW else "yellow" if share > _SLOW else "cyan"
    spin = glyphs.spinner[(look.now // 1000 + job.seq) % len(glyphs.spinner)]
    lead: Parts = [
        (f"{spin} ", style),
        (padded(job.id, look.id_width, glyphs.ellipsis), "bold"),
        (f" {format_duration(seconds):>7} ", style),
        *_attempt(job),
    ]
    said = look.facts.lines.get(job.seq, "")
    room = look.width - look.id_width - 18
    words: Parts = [(start(job.command, look.width), "")]
    if said and look.width >= _WIDE:
        share_of_command = max(12, room * 2 // 5)
        words = [(padded(job.command, share_of_command, glyphs.ellipsis), ""), (f"  {start(said, look.width)}", "dim")]
    limit: Parts = [(f" of {format_duration(job.timeout)} ", "dim")] if job.timeout and look.width >= _ROOMY else ()
    return [*lead, *words], limit


def _worker(item: Item, look: Look) -> tuple[Parts, Parts]:
    """Return the heading over what a worker runs."""
    if item.worker is None:
        name = item.name or "somebody"
        return [(name, "yellow"), ("  is gone; another worker takes over what it ran", "yellow")], ()
    worker, signs = item.worker, signs_of(look.glyphs)
    busy, slots = len(worker.jobs), worker.identity.slots
    room = max(0, min(32, look.width // 3))
    meter: Parts = ()
    if slots <= room:
        meter = [(signs.busy * min(busy, slots), "cyan"), (signs.free * max(0, slots - busy), "bright_black")]
    words = f" {busy}/{slots}"
    if worker.stopping:
        words += "  stopping"
    queues = f"  only {', '.join(worker.identity.queues)}" if worker.identity.queues else ""
    up = f"up {format_duration(_seconds(look.now - worker.started_at))} "
    right: Parts = [(up, "dim")]
    if look.width >= _ROOMY:
        right = [(f"{safe(start(worker.identity.host, 20))}  pid {worker.identity.pid}  {up}", "dim")]
    style = "yellow" if worker.stopping else "bold"
    name = start(worker.identity.name, max(8, look.width // 3))
    return [(name, style), ("  ", ""), *meter, (words, "yellow" if worker.stopping else "dim"), (queues, "dim")], right


def _queue(item: Item, look: Look) -> tuple[Parts, Parts]:
    queue = item.queue
    if queue is None:
        return (), ()
    since = look.facts.paused.get(queue.name)
    signs = signs_of(look.glyphs)
    room = max(4, look.width - 4 - 4 * NUMBER)
    name = queue.name
    if since is not None:
        # Half a word says nothing: of what there is no room for the sign in front is left.
        words = (f"  paused {format_duration(_seconds(look.now - since))}", "  paused")
        name += next((word for word in words if cell_len(safe(name) + word) <= room), "")
    lead: Parts = [
        (f"{signs.paused if since is not None else ' '} ", "yellow"),
        (padded(name, room, look.glyphs.ellipsis), "yellow" if since is not None else "bold"),
    ]
    numbers = zip(queue[1:], ("cyan", "blue", "yellow", "bold cyan"), strict=True)
    return [*lead, *((f"{short(number):>{NUMBER}}", style if number else "dim") for number, style in numbers)], ()


def _dead(item: Item, look: Look) -> tuple[Parts, Parts]:
    if item.job:
        job = item.job
        ago = format_duration(_seconds(look.now - (job.finished_at or look.now)))
        return [
            (f"{'':>{NUMBER}} ", ""),
            (padded(job.id, look.id_width, look.glyphs.ellipsis), "bold"),
            (f" {ago:>7} ago  ", "dim"),
            (start(job.command, look.width), "dim"),
        ], ()
    return [(f"{short(item.jobs):>{NUMBER}}  ", "bold red"), (start(item.signature or "unknown", look.width), "")], ()


def _retry(item: Item, look: Look) -> tuple[Parts, Parts]:
    job = item.job
    if job is None:
        return (), ()
    due = (job.next_run_at or look.now) - look.now
    return [
        (f"{look.glyphs.retry} ", "yellow"),
        (padded(job.id, look.id_width, look.glyphs.ellipsis), "bold"),
        (f" {countdown(due) if due > 0 else 'due':>7} ", "yellow"),
        *_attempt(job),
        (start(job.error or "", look.width), "red"),
        (f"  {start(job.command, look.width)}", "dim"),
    ], _clock(job.next_run_at or look.now, look)


def _ended(item: Item, look: Look) -> tuple[Parts, Parts]:
    end, job = item.ended, item.job
    if end is None or job is None:
        return (), ()
    glyphs = look.glyphs
    sign, style = {
        JobState.COMPLETED: (glyphs.completed, "green"),
        JobState.DEAD: (glyphs.dead, "red"),
        JobState.CANCELLED: (glyphs.failed, "magenta"),
    }.get(end.state, (glyphs.failed, "yellow"))
    words: Parts = ()
    if end.state is JobState.CANCELLED:
        words = [(f"{start(end.reason or 'cancelled', look.width)}  ", style)]
    elif end.state is not JobState.COMPLETED:
        then = "dead" if end.state is JobState.DEAD else "retry"
        words = [(f"{start(end.reason or '', look.width)} ", style), (f"{glyphs.arrow} {then}  ", f"bold {style}")]
    return [
        (f"{sign} ", f"bold {style}"),
        (padded(job.id, look.id_width, glyphs.ellipsis), "bold" if words else ""),
        (f" {'' if end.seconds is None else format_duration(end.seconds):>7} ", style),
        *_attempt(job, end.attempt),
        *words,
        (start(job.command, look.width), "dim" if words else ""),
    ], _clock(end.at, look)


def _attempt(job: Job, attempt: int | None = None) -> Parts:
    number = job.attempts if attempt is None else attempt
    return [(f"{number}/{max(1, job.max_retries)}  ", "yellow" if number > 1 else "dim")]


def _clock(at: int, look: Look) -> Parts:
    return [(f"  {clock(at, look.now)} ", "dim")] if look.width >= _WIDE else ()


def _seconds(milliseconds: int) -> int:
    """Return whole seconds: a tenth that runs is restless."""
    return max(0, milliseconds) // 1000


def countdown(milliseconds: int) -> str:
    """Return the time until something, in whole seconds."""
    return format_duration(-(-max(0, milliseconds) // 1000))


def short(number: int) -> str:
    """Return a number in five cells: `12,345`, `123k`, `1.2M`."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**5, "k")):
        if number >= size:
            whole = number / (1000 if unit == "k" else size)
            return f"{whole:.0f}{unit}" if whole >= 10 else f"{whole:.1f}{unit}"  # noqa: PLR2004
    return str(number)


_PARTS = {
    Pane.RUNNING: _running,
    Pane.QUEUES: _queue,
    Pane.DEAD: _dead,
    Pane.RETRIES: _retry,
    Pane.ENDED: _ended,
}
