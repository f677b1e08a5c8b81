"""`queuectl show`: one job in full: what it is, what became of it, what it printed last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.options import job_ids, shared
from queuectl.cli.session import now
from queuectl.cli.words import Command
from queuectl.duration import format_duration, format_time
from queuectl.model import JobState
from queuectl.repository.acting import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl.cli.session import Session
    from queuectl.model import Job, Transition

#: Bytes of the last run's output that are shown.
_OUTPUT = 4096


@click.command("show", cls=Command)
@click.argument("job_id", metavar="ID", shell_complete=job_ids())
@click.option("--env", "values", is_flag=True, help="Show the values of its environment too.")
@shared
@click.pass_obj
def command(session: Session, job_id: str, *, values: bool) -> None:
    """Show a job in full: its fields, its history, what happens next, the end of its output."""
    from queuectl.worker.logs import Log, log_path

    repository = session.repository
    job = repository.get(job_id)
    history = repository.history(job)
    printed = Log(log_path(repository.directory, job.seq, job.runs)).end(_OUTPUT).decode("utf-8", "backslashreplace")
    fields = _fields(job, values=values)
    following = _held_back(session, job) or _next(job, now())
    if session.json:
        steps = [_step(step) for step in history]
        output.document(fields | {"history": steps, "next": following, "output": printed})
        return
    for name, value in fields.items():
        if value is not None and value not in ("", [], {}):
            output.line(f"{name}:", _text(value))
    output.line("next:", following)
    _write_history(history)
    if printed:
        output.write("\noutput of the last run:\n")
        for line in printed.splitlines():
            output.line(f"  {line}")


def _fields(job: Job, *, values: bool) -> dict[str, Any]:
    from queuectl.cli.jobjson import job_object

    return job_object(job) | ({"env": dict(job.env)} if values else {})


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items()) or "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _step(step: Transition) -> dict[str, Any]:
    return step._asdict() | {"at": format_time(step.at)}


def _write_history(history: Sequence[Transition]) -> None:
    output.write("\nhistory:\n")
    for words in map(_words, history):
        output.line(f"  {' '.join(words)}")


def _words(step: Transition) -> Iterator[str]:
    yield format_time(step.at)
    yield step.state.value
    if step.attempt:
        yield f"attempt {step.attempt}"
    if step.reason and step.reason != step.state.value:
        yield f"({step.reason})"
    if step.worker and step.state is JobState.PROCESSING:
        yield f"by {step.worker}"


def _held_back(session: Session, job: Job) -> str:
    """Say that a job waits for its queue to be resumed, if that is so."""
    if job.state is not JobState.PENDING:
        return ""
    for paused in session.repository.paused():
        if paused.queue in {ALL, job.queue}:
            what = f"queue {job.queue!r} is" if paused.queue else "all queues are"
            return f"nothing, while {what} paused; queuectl resume {paused.queue or '--all'} lets it go on"
    return ""


def _next(job: Job, at: int) -> str:
    """Say what happens to the job next."""
    if job.state is JobState.PROCESSING:
        limit = "" if job.timeout is None else f", for {format_duration(job.timeout)} at the most"
        return f"runs on {job.worker}{limit}"
    if job.state is JobState.PENDING:
        if job.next_run_at is not None and job.next_run_at > at:
            what = "is tried again" if job.attempts else "starts"
            return f"{what} in {format_duration((job.next_run_at - at) / 1000)}, when a worker is free"
        return "starts when a worker is free"
    if job.state is JobState.DEAD:
        return "nothing, until somebody says: queuectl dlq retry"
    return "nothing"
