"""What `status` shows people: counts by state and the workers. Returned, not printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from queuectl.cli.cells import cut
from queuectl.cli.output import safe
from queuectl.cli.tables import state_cell
from queuectl.duration import format_duration
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from queuectl.cli.cells import Glyphs
    from queuectl.repository.acting import Paused
    from queuectl.repository.base import Counts, Worker


def overview(
    counts: Counts,
    paused: Sequence[Paused],
    workers: Sequence[Worker],
    store: str,
    *,
    width: int,
    at: int,
    glyphs: Glyphs,
) -> Iterator[RenderableType]:
    """Yield the parts of the page from top to bottom."""
    yield Text(cut(f"Store  {safe(store)}", width, glyphs.ellipsis), "dim")
    yield ""
    yield _states(counts, width, glyphs)
    if counts.oldest_ready_since is not None:
        waits = format_duration(max(0, at - counts.oldest_ready_since) / 1000)
        yield ""
        yield Text(f"The oldest ready job has waited {waits}.")
    if paused:
        yield ""
        yield from (Text(cut(_on_hold(one, at), width, glyphs.ellipsis), "yellow") for one in paused)
    yield ""
    if workers:
        yield worker_table(workers, width, at, glyphs)
    else:
        yield Text("No worker is running.", "yellow" if counts.ready else "dim")


def _states(counts: Counts, width: int, glyphs: Glyphs) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True, overflow="crop")
    digits = max(len(f"{number:,}") for number in counts.states.values())
    for state in JobState:
        number = counts.states[state]
        cell = state_cell(state, glyphs)
        note = cut(note_on(state, counts), max(0, width - 16 - digits), glyphs.ellipsis)
        table.add_row(
            Text(cell.text, cell.style if number else "dim"),
            Text(f"{number:,}", "bold" if number else "dim"),
            Text(note, "dim"),
        )
    return table


def note_on(state: JobState, counts: Counts) -> str:
    """Return what the number of a state alone does not say."""
    if state is JobState.PENDING and counts.states[state]:
        return f"{counts.ready:,} ready, {counts.scheduled:,} scheduled, {counts.retrying:,} retrying"
    if state is JobState.FAILED:
        jobs = "job waits for its" if counts.retrying == 1 else "jobs wait for their"
        return f"passed through; {counts.retrying:,} {jobs} retry" if counts.retrying else ""
    if state is JobState.DEAD and counts.states[state]:
        return "see queuectl dlq list"
    return ""


def _on_hold(paused: Paused, at: int) -> str:
    """Return a line about a paused queue: how many jobs it holds back, since when, by whom."""
    what = f"Queue {safe(paused.queue)} has" if paused.queue else "All queues have"
    number = f"{paused.ready:,}" if paused.ready else "no"
    jobs = f"{number} ready {'jobs wait' if paused.ready > 1 else 'job waits'}"
    age = format_duration(max(0, at - paused.since) // 1000)
    return f"{what} been paused for {age} by {safe(paused.by)}; {jobs}."


def worker_table(workers: Sequence[Worker], width: int, at: int, glyphs: Glyphs) -> Table:
    """Return a row a worker: how busy it is, and with what; and where, if they are on several hosts."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    hosts = {worker.identity.host for worker in workers}
    table.add_column("WORKER", no_wrap=True, max_width=max(8, width // 3))
    if len(hosts) > 1:
        table.add_column("HOST", no_wrap=True, max_width=max(8, width // 4))
    table.add_column("SLOTS", no_wrap=True)
    table.add_column("UP", no_wrap=True)
    table.add_column("RUNS", no_wrap=True, overflow="ellipsis")
    for worker in workers:
        name, busy = worker.identity.name, len(worker.jobs)
        jobs = ", ".join(worker.jobs) or "nothing"
        host = [Text(cut(safe(worker.identity.host), max(8, width // 4), glyphs.ellipsis))] if len(hosts) > 1 else []
        table.add_row(
            Text(cut(safe(name), max(8, width // 3), glyphs.ellipsis), "bold"),
            *host,
            Text(f"{busy}/{worker.identity.slots}", "cyan" if busy else "dim"),
            Text(format_duration(-(-max(0, at - worker.started_at) // 1000))),
            Text(cut(safe(jobs[: width * 4]), width, glyphs.ellipsis), "" if busy else "dim"),
        )
    return table
