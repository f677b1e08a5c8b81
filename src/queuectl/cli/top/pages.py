"""What fills the screen instead of the panes: one job in full, the end of its output, the help; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from queuectl.cli.cells import clock, line, rule
from queuectl.cli.tables import is_retrying, state_cell
from queuectl.cli.top.rows import countdown
from queuectl.cli.top.state import Page
from queuectl.duration import format_duration
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl.cli.cells import Parts
    from queuectl.cli.top.facts import Details
    from queuectl.cli.top.state import State
    from queuectl.model import Job, Transition

#: The keys of a page, each with its rank.
KEYS = ((1, "Esc", "back"), (5, "l", "log"), (2, "c", "cancel"), (3, "r", "retry"), (4, "p", "pause"), (0, "q", "quit"))
#: Lines of the output that stand among the details at least.
_OUTPUT = 8
#: Cells of a label.
_LABEL = 12

_HELP = (
    ("↑ ↓  j k", "move between rows"),
    ("Tab  ← →", "go to another pane"),
    ("g G  PgUp PgDn", "move far"),
    ("Enter", "one job in full, or the jobs that died of one reason"),
    ("l", "the end of what the job prints, as it comes"),
    ("c", "cancel the job; asks"),
    ("r", "run a job that has ended again, or all that died of one reason; asks"),
    ("p", "pause the queue of the job, or let it go on"),
    ("/", "show only rows with a text in id, command, queue, worker or reason"),
    ("Esc", "back, and drop the filter"),
    ("q  Ctrl-C", "quit"),
)


def keys(state: State) -> Sequence[tuple[int, str, str]]:
    """Return the keys of this page, each with its rank."""
    return [key for key in KEYS if key[1] in {"Esc", "q"}] if state.page is Page.HELP else KEYS


def page(state: State, width: int, height: int) -> list[Text]:
    """Return exactly `height` lines, each `width` cells at most."""
    title, lines = _title(state), _lines(state, width, height)
    room = max(0, height - 1)
    first = max(0, len(lines) - room - state.scroll) if state.page is Page.LOG else state.scroll
    shown = lines[first : first + room]
    note = f"{first + 1:,}–{first + len(shown):,} of {len(lines):,}" if len(lines) > room and shown else ""
    if not state.glyphs.ellipsis.isascii():
        head = rule(width, title, note, state.glyphs)
    else:
        head = rule(width, title, note.replace("–", "-"), state.glyphs)
    return [head, *shown, *(Text("") for _ in range(room - len(shown)))][:height]


def furthest(state: State, width: int, height: int) -> int:
    """Return how far a page of this height can be scrolled."""
    return max(0, len(_lines(state, width, height)) - max(0, height - 1))


def _title(state: State) -> str:
    if state.page is Page.HELP:
        return "Keys"
    return f"{'Output of' if state.page is Page.LOG else 'Job'} {state.job_id}"


def _lines(state: State, width: int, height: int) -> list[Text]:
    if state.page is Page.HELP:
        keys = [(key if not state.glyphs.ellipsis.isascii() else key.translate(_ARROWS), word) for key, word in _HELP]
        return [line(width, [(f"  {key:<16}", "bold cyan"), (word, "")], (), state.glyphs) for key, word in keys]
    details = state.found.details
    if details is None:
        return [line(width, [("  this job is not there any more", "dim")], (), state.glyphs)]
    if state.page is Page.LOG:
        output = details.output or ("(nothing yet)",)
        return [line(width, [(f" {text}", "" if details.output else "dim")], (), state.glyphs) for text in output]
    return list(_details(state, details, width, height))


_ARROWS = str.maketrans({"↑": "Up", "↓": "Down", "←": "Left", "→": "Right"})


def _details(state: State, details: Details, width: int, height: int) -> Iterator[Text]:
    glyphs, lines = state.glyphs, []
    for label, parts in _fields(state, details.job):
        lines.append(line(width, [(f" {label:<{_LABEL}}", "dim"), *parts], (), glyphs))
    lines.append(rule(width, "History", "", glyphs))
    lines += [line(width, _step(state, step), (), glyphs) for step in details.history]
    lines.append(rule(width, "Output of the last run", "", glyphs))
    yield from lines
    # As much of its end as the rest of the page takes.
    room = max(_OUTPUT, height - 1 - len(lines))
    for text in details.output[-room:] or ("(nothing)",):
        yield line(width, [(f" {text}", "" if details.output else "dim")], (), glyphs)


def _fields(state: State, job: Job) -> Iterator[tuple[str, Parts]]:
    """Yield what there is to say about a job, with its label."""
    now = state.now
    cell = state_cell(job.state, state.glyphs, retrying=is_retrying(job))
    yield "state", [(cell.text, cell.style), (f"  {_next(job, now)}", "dim")]
    for index, text in enumerate(job.command.split("\n")[:8]):
        yield "" if index else "command", [(text, "bold")]
    yield "attempts", [(f"{job.attempts} of {max(1, job.max_retries)}", "")]
    yield (
        "queue",
        [
            (job.queue, ""),
            (f"  paused for {_age(now - state.facts.paused[job.queue])}", "yellow")
            if job.queue in state.facts.paused
            else ("", ""),
        ],
    )
    if job.priority:
        yield "priority", [(str(job.priority), "")]
    if job.error:
        yield "error", [(job.error, "red")]
    if job.exit_code is not None:
        yield "exit code", [(str(job.exit_code), "")]
    if job.duration_seconds is not None:
        yield "ran for", [(format_duration(job.duration_seconds), "")]
    for label, word in (
        ("worker", job.worker),
        ("directory", job.cwd),
        ("tags", ", ".join(job.tags)),
        ("unique key", job.unique_key),
    ):
        if word:
            yield label, [(word, "")]
    if job.env:
        yield "environment", [(", ".join(job.env), "")]
    if job.timeout is not None:
        yield "timeout", [(format_duration(job.timeout), "")]


def _next(job: Job, now: int) -> str:
    """Say since when the job is as it is, or until when."""
    if job.state is JobState.PROCESSING:
        return f"for {_age(now - (job.started_at or now))}"
    if job.state is JobState.PENDING:
        wait = (job.next_run_at or 0) - now
        return (
            f"{'tried again' if job.attempts else 'starts'} in {countdown(wait)}"
            if wait > 0
            else "when a worker is free"
        )
    return f"{_age(now - (job.finished_at or now))} ago"


def _age(milliseconds: int) -> str:
    return format_duration(max(0, milliseconds) // 1000)


def _step(state: State, step: Transition) -> Parts:
    cell = state_cell(step.state, state.glyphs)
    words = f"attempt {step.attempt}" if step.attempt else ""
    if step.worker and step.state is JobState.PROCESSING:
        words += f" by {step.worker}"
    reason = step.reason if step.reason and step.reason != step.state.value else ""
    return [
        (f" {clock(step.at, state.now):<14}", "dim"),
        (f"{cell.text:<14}", cell.style),
        (f"{words}  ", "dim"),
        (reason, ""),
    ]
