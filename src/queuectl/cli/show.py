"""`queuectl show`: one job in full: what it is, what became of it, what it printed last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.options import job_ids, shared
from queuectl.cli.session import now
from queuectl.cli.words import Command
from queuectl.duration import format_duration, format_time
from queuectl.errors import typed
from queuectl.model import JobState
from queuectl.repository.acting import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from queuectl.attempts import Run
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
    """Show a job in full: its fields, what happens next, its runs, its history, the end of its output.

    Of its environment only the names are shown, unless --env asks for the values. In a pipe a run is
    a line with tabs between attempt, how it ended, seconds waited, seconds run, worker and start.

    \b
    Examples:
      queuectl show k3v9t2m8qa
      queuectl show k3v9 --json | jq '.runs[].exit_code'
    """
    from queuectl.attempts import runs_of
    from queuectl.cli.printed import log_of

    repository, at = session.repository, now()
    job = repository.get(job_id)
    history = repository.history(job)
    printed = log_of(repository, job.seq, job.runs).end(_OUTPUT).decode("utf-8", "backslashreplace")
    fields = _fields(job, values=values)
    runs = runs_of(history, now=at)
    following = _held_back(session, job) or _next(job, at)
    if session.json:
        steps, tries = [_step(step) for step in history], [_run(run) for run in runs]
        output.document(fields | {"history": steps, "runs": tries, "next": following, "output": printed})
        return
    shown = {name: _text(value) for name, value in fields.items() if value is not None and value not in ("", [], {})}
    words = [" ".join(_words(step)) for step in history]
    if output.is_terminal():
        from queuectl.cli.jobpage import page
        from queuectl.cli.tables import glyphs_for

        width, glyphs = output.console().width, glyphs_for(unicode=output.speaks_unicode())
        output.render(
            *page(
                job, shown, following=following, runs=runs, history=words, printed=printed,
                width=width, at=at, glyphs=glyphs,
            )
        )  # fmt: skip
        return
    _write(shown | {"next": following}, runs, words, printed)


def _write(fields: Mapping[str, str], runs: Sequence[Run], history: Sequence[str], printed: str) -> None:
    """Write what a pipe gets."""
    for name, value in fields.items():
        output.line(f"{name}:", value)
    if runs:
        output.write("\nruns:\n")
        for run in runs:
            output.line(run.attempt, run.ending, run.waited, run.seconds, run.worker, format_time(run.started_at))
    output.write("\nhistory:\n")
    for words in history:
        output.line(f"  {words}")
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


def _run(run: Run) -> dict[str, Any]:
    return {
        "attempt": run.attempt,
        "how": run.how,
        "waited_seconds": run.waited,
        "started_at": format_time(run.started_at),
        "finished_at": None if run.finished_at is None else format_time(run.finished_at),
        "duration_seconds": run.seconds,
        "exit_code": run.exit_code,
        "error": None if run.how == "completed" else run.reason,
        "worker": run.worker,
    }


def _step(step: Transition) -> dict[str, Any]:
    since = None if step.since is None else format_time(step.since)
    return step._asdict() | {"at": format_time(step.at), "since": since}


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
            wait = format_duration((job.next_run_at - at) / 1000)
            return f"{what} in {wait}, at {format_time(job.next_run_at)}, when a worker is free"
        return "starts when a worker is free"
    if job.state is JobState.DEAD:
        return f"nothing, until somebody says: queuectl dlq retry {typed(job.id)}"
    return "nothing"
