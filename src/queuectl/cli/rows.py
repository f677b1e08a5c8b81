"""The rows of the live display: a job that runs, waits for a retry, or has ended, as a line of text.

All rows share their columns: a sign, the id, a duration, the attempt, and what there is to say.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from queuectl.cli.cells import bar, clock, curve, line, padded, start, width_of
from queuectl.duration import format_duration
from queuectl.model import JobState, Retry
from queuectl.worker.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from queuectl.cli.cells import Parts
    from queuectl.cli.frame import Frame
    from queuectl.model import Job
    from queuectl.worker.events import Event, Running

#: Narrower than this, what is only nice to have is left out; and then what is merely useful.
WIDE, NARROW = 72, 56

#: Shares of a timeout from which on a run looks slow, and too slow.
_SLOW, _TOO_SLOW = 0.6, 0.85


def running_rows(frame: Frame, width: int, height: int) -> Iterator[Text]:
    """Yield a row a slot; the first ones, and how many more there are, if they are too many."""
    rows = frame.rows
    hidden = sum(row is not None for row in rows[height - 1 :])
    if not any(rows[height:]):
        hidden = 0
    for row in rows[: height - 1 if hidden else height]:
        yield running_row(frame, width, row)
    if hidden:
        words = f"   + {hidden} more" if height > 1 else f" {hidden} running"
        yield line(width, [(words, "dim")], (), frame.glyphs)


def running_row(frame: Frame, width: int, row: Running | None) -> Text:
    """Return what a slot does."""
    glyphs = frame.glyphs
    if row is None:
        return line(width, [(f" {glyphs.idle}", "bright_black")], (), glyphs)
    job, at = row.job, frame.view.at
    seconds = max(0, at - row.started_at) / 1000
    share = 0.0 if job.timeout is None else seconds / job.timeout
    style = "red" if share > _TOO_SLOW else "yellow" if share > _SLOW else "cyan"
    spin = glyphs.spinner[(at // 250 + job.seq) % len(glyphs.spinner)]
    parts = [
        (f" {spin} ", style),
        (_id(job, frame), "bold"),
        (f" {format_duration(seconds):>7}", style),
        (f"  {_attempt(job)} ", "yellow" if job.attempts > 1 else "dim"),
    ]
    if row.adopted:
        parts.append((f" {glyphs.adopted} adopted", "magenta"))
    parts.append((f" {job.command}", ""))
    limit: Parts = ()
    if job.timeout is not None and width >= WIDE:
        limit = [("  ", ""), *bar(share, 10, style, glyphs), (f" {format_duration(job.timeout):>6} ", "dim")]
    return line(width, parts, limit, glyphs)


def queue_title(paused: tuple[str, ...], width: int) -> str:
    """Return what stands above the numbers of the queue: what of it is paused."""
    if not paused:
        return "Queue"
    return "Queue, all paused" if "" in paused else start(f"Queue, paused: {', '.join(paused)}", width)


def queue_row(frame: Frame, width: int) -> Text:
    """Return how many jobs of the store stand where: the numbers that fit."""
    counts, states = frame.view.counts, frame.view.counts.states
    running, completed = states.get(JobState.PROCESSING, 0), states.get(JobState.COMPLETED, 0)
    numbers = (  # in the order in which they stand; the rank says who goes first if room is scarce
        (0, counts.ready, "ready", "cyan"),
        (5, counts.scheduled, "scheduled", "blue"),
        (4, counts.retrying, "retrying", "yellow"),
        (3, running, "running", "bold cyan"),
        (1, completed, "completed", "green"),
        (2, states.get(JobState.DEAD, 0), "dead", "bold red"),
        (6, states.get(JobState.CANCELLED, 0), "cancelled", "magenta"),
    )
    room = width
    shown: dict[int, Parts] = {}
    for rank, number, name, style in sorted(numbers):
        piece = [(f"  {number:,}", style if number else "dim"), (f" {name}", "dim")]
        if (number or rank < 4) and width_of(piece) <= room:  # noqa: PLR2004 - what is always of interest
            room -= width_of(piece)
            shown[rank] = piece
    parts = [part for rank, *_ in numbers for part in shown.get(rank, ())]
    return line(width, [(text[index == 0 :], style) for index, (text, style) in enumerate(parts)], (), frame.glyphs)


def progress_row(frame: Frame, width: int) -> Text:
    """Return how far the worker has come through what there is to run."""
    done, total = frame.progress
    if not total:
        hint = "nothing to run yet: queuectl enqueue 'COMMAND' in another terminal"
        return line(width, [(f" {hint if width >= WIDE else 'nothing to run yet'}", "dim")], (), frame.glyphs)
    words = f"  {done:,} of {total:,} done"
    if done < total and frame.rate > 0:
        words += f", about {format_duration(ceil((total - done) / frame.rate))} left"
    elif done == total:
        words += f", {frame.view.counts.scheduled:,} scheduled" if frame.view.counts.scheduled else ""
    size = max(0, min(40, width - len(words) - 2))
    return line(width, [(" ", ""), *bar(done / total, size, "green", frame.glyphs), (words, "dim")], (), frame.glyphs)


def rate_note(frame: Frame, width: int) -> str:
    """Return the runs of the last seconds as a curve and as a number."""
    rate = f"{frame.rate:,.0f}" if frame.rate >= 10 else f"{frame.rate:.1f}"  # noqa: PLR2004
    room = min(40, width - 40)
    return f"{curve(frame.rates[-room:], frame.glyphs) if room > 0 else ''} {rate} jobs/s".strip()


def retry_rows(frame: Frame, width: int, height: int) -> Iterator[Text]:
    """Yield which jobs run again next, and when."""
    for job in frame.view.retrying[:height]:
        due = job.next_run_at or frame.view.at
        parts = [
            (f" {frame.glyphs.retry} ", "yellow"),
            (_id(job, frame), "bold"),
            (f" {_countdown(due - frame.view.at) if due > frame.view.at else 'due':>7}", "yellow"),
            (f"  {_attempt(job)} ", "dim"),
            (f" {start(job.error or '', width)}", "red"),
            (f"  {start(job.command, width)}", "dim"),
        ]
        yield line(width, parts, _clock_column(due, frame, width), frame.glyphs)


def result_rows(frame: Frame, width: int, height: int) -> Iterator[Text]:
    """Yield what happened, newest first."""
    for event in frame.results[:height]:
        yield result_row(event, frame, width)


def result_row(event: Event, frame: Frame, width: int) -> Text:
    """Return what became of one run."""
    glyphs, job, execution = frame.glyphs, event.job, event.execution
    if job is None or event.kind is EventKind.WARNING:
        message = (f"{job.id}: " if job else "") + event.message
        parts: Parts = [(f" {glyphs.warning} ", "yellow"), (message, "yellow")]
        return line(width, parts, _clock_column(event.at, frame, width), glyphs)
    duration = execution.duration_seconds if execution else None
    sign, style, words = _judgement(event, frame, width)
    parts = [
        (f" {sign} ", f"bold {style}"),
        (_id(job, frame), "bold" if words else ""),
        (f" {'' if duration is None else format_duration(duration):>7}", style),
        *((f"  {word}", look) for word, look in words),
        (f"  {start(job.command, width)}", "dim" if words else ""),
    ]
    return line(width, parts, _clock_column(event.at, frame, width), glyphs)


def _judgement(event: Event, frame: Frame, width: int) -> tuple[str, str, Parts]:
    """Return sign, colour and words for what became of a run."""
    glyphs, now, verdict = frame.glyphs, frame.view.at, event.verdict
    error = (event.execution and event.execution.error) or ""
    if event.kind is EventKind.JOB_RETRYING and isinstance(verdict, Retry):
        due = verdict.next_run_at
        when = f" at {clock(due, now)}" if width >= NARROW else ""
        when += f" in {_countdown(due - now)}" if due > now else ""
        return glyphs.failed, "red", [(error, "red"), (f"{glyphs.arrow} retry{when}", "yellow")]
    if event.kind is EventKind.JOB_DEAD:
        return glyphs.dead, "red", [(error, "red"), (f"{glyphs.arrow} dead", "bold red")]
    sign, style, words = {
        EventKind.JOB_COMPLETED: (glyphs.completed, "green", ""),
        EventKind.JOB_ADOPTED: (glyphs.adopted, "magenta", "adopted: its worker is gone"),
        EventKind.JOB_CANCELLED: (glyphs.failed, "magenta", "cancelled"),
        EventKind.LEASE_LOST: (glyphs.warning, "yellow", "another worker has it now"),
    }.get(event.kind, (glyphs.retry, "yellow", f"given back{f': {error}' if error else ''}"))
    return sign, style, [(words, style)] if words else []


def _clock_column(at: int, frame: Frame, width: int) -> Parts:
    return [(f"  {clock(at, frame.view.at)} ", "dim")] if width >= WIDE else ()


def _countdown(milliseconds: int) -> str:
    """Return the time until something in whole seconds, for a tenth that runs is restless."""
    return format_duration(-(-max(0, milliseconds) // 1000))


def _id(job: Job, frame: Frame) -> str:
    return padded(job.id, frame.id_width, frame.glyphs.ellipsis)


def _attempt(job: Job) -> str:
    return f"{job.attempts}/{max(1, job.max_retries)}"
