"""`queuectl dlq show`: why a dead job gave up: each attempt, who died of the same, and what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from queuectl.cli import output
from queuectl.cli.options import job_ids, shared
from queuectl.cli.session import now
from queuectl.cli.words import Command
from queuectl.duration import format_time
from queuectl.errors import WrongState, typed
from queuectl.model import FINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from queuectl.cli.session import Session
    from queuectl.model import Job, Transition

#: Bytes of the last run's output that are shown.
_OUTPUT = 4096
_HOUR = 3600


class Attempt(NamedTuple):
    """One run of a dead job's command since it was last put into the queue."""

    attempt: int
    started_at: str | None
    finished_at: str
    duration_seconds: float | None
    exit_code: int | None
    error: str | None
    worker: str | None
    last_line: str


class Step(NamedTuple):
    """What a person may do next."""

    does: str
    command: str


@click.command("show", cls=Command)
@click.argument("job_id", metavar="ID", shell_complete=job_ids(JobState.DEAD))
@shared
@click.pass_obj
def command(session: Session, job_id: str) -> None:
    """Show why a dead job gave up: each attempt, who died of the same, and what can be done.

    In a pipe an attempt is a line with tabs between attempt, started_at, duration_seconds, exit_code,
    error and the last line that it printed.

    \b
    Examples:
      queuectl dlq show a7
      queuectl dlq show a7 --json | jq -r '.next[].command'
    """
    from queuectl.cli.jobjson import job_object
    from queuectl.cli.printed import log_of
    from queuectl.repository.dead import group_id

    repository = session.repository
    job = repository.get(job_id)
    if job.state is not JobState.DEAD:
        hint = f"{session.call(f'show {typed(job.id)}')} shows it"
        raise WrongState(f"job {job.id!r} is {job.state}; dlq show is for dead jobs", hint)
    signature = job.signature or ""
    others = max(0, repository.dead_of(signature) - 1)
    history = repository.history(job)
    attempts, before = _attempts(session, job, history)
    printed = log_of(repository, job.seq, job.runs).end(_OUTPUT).decode("utf-8", "backslashreplace")
    died_of = {"group": group_id(signature), "signature": signature, "others": others, "retried_before": before}
    steps = list(_steps(session, job, str(died_of["group"]), others))
    if session.json:
        runs = [attempt._asdict() for attempt in attempts]
        next_steps = [step._asdict() for step in steps]
        output.document(job_object(job) | died_of | {"runs": runs, "output": printed, "next": next_steps})
        return
    if output.is_terminal():
        _draw(job, dict(_facts(job, died_of)), attempts, printed, steps)
    else:
        _write(dict(_facts(job, died_of)), attempts, printed, steps)


def _draw(job: Job, facts: dict[str, object], attempts: Sequence[Attempt], printed: str, steps: Sequence[Step]) -> None:
    """Draw a page as `queuectl show` does."""
    from queuectl.cli.dlq.page import page
    from queuectl.cli.tables import glyphs_for

    width, glyphs = output.console().width, glyphs_for(unicode=output.speaks_unicode())
    about = {name: str(value) for name, value in facts.items()}
    output.render(*page(job, about, attempts, printed, steps, width=width, at=now(), glyphs=glyphs))


def _write(facts: dict[str, object], attempts: Sequence[Attempt], printed: str, steps: Sequence[Step]) -> None:
    """Write what a pipe gets."""
    for name, value in facts.items():
        output.line(f"{name}:", value)
    output.write("\nattempts:\n")
    for one in attempts:
        output.line(one.attempt, one.started_at, one.duration_seconds, one.exit_code, one.error, one.last_line)
    if printed:
        output.write("\noutput of the last attempt:\n")
        for line in printed.splitlines():
            output.line(f"  {line}")
    output.write("\nwhat next:\n")
    for step in steps:
        output.line(f"  {step.does}:", step.command)


def _facts(job: Job, died_of: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield what is worth a line."""
    yield "id", job.id
    yield "command", job.command
    yield "queue", job.queue
    if job.cwd:
        yield "cwd", job.cwd
    if job.tags:
        yield "tags", ", ".join(job.tags)
    if job.finished_at is not None:
        yield "died", format_time(job.finished_at)
    yield "reason", job.error or "unknown"
    others = died_of["others"]
    yield "group", f"{died_of['group']} ({f'{others:,} more died' if others else 'no other died'} of this)"
    if died_of["signature"] not in {"", job.error}:
        yield "died of", died_of["signature"]
    if before := died_of["retried_before"]:
        yield "put back", "once before" if before == 1 else f"{before:,} times before"


def _attempts(session: Session, job: Job, history: Sequence[Transition]) -> tuple[list[Attempt], int]:
    """Return the attempts since the job was last put back, and how often that was done."""
    from queuectl.cli.printed import log_of

    runs = iter(session.repository.runs(job))
    found: list[Attempt] = []
    before = 0
    for step, after in zip(history, [*history[1:], None], strict=True):
        if step.from_state in FINAL and step.state is JobState.PENDING:
            found.clear()
            before += 1
        if step.state is not JobState.PROCESSING:
            continue
        _, run = next(runs, (0, 0))
        if after is not None and after.state is JobState.FAILED:
            line = log_of(session.repository, job.seq, run).last_line()
            found.append(_attempt(step, after, line))
    return found, before


def _attempt(claim: Transition, end: Transition, last_line: str) -> Attempt:
    started = end.since or claim.at
    duration = None if end.since is None else (end.at - end.since) / 1000
    at = (format_time(started), format_time(end.at))
    return Attempt(claim.attempt, *at, duration, end.exit_code, end.reason, claim.worker, last_line)


def _steps(session: Session, job: Job, group: str, others: int) -> Iterable[Step]:
    """Yield what can be done about it, with the command that does it."""
    word = typed(job.id)
    yield Step("read all that it printed", session.call(f"logs {word}"))
    yield Step("put it back", session.call(f"dlq retry {word}"))
    how, edit = "another command", "command='…'"
    if (job.error or "").startswith("timed out"):
        how, edit = "more time", f"timeout={round(2 * (job.timeout or _HOUR))}s"
    yield Step(f"put it back with {how}", session.call(f"dlq retry --edit {edit} {word}"))
    if others:
        careful = f"dlq retry --group {group} --canary 1"
        yield Step(f"put all {others + 1:,} of its group back, one of them first", session.call(careful))
    yield Step("remove it for good", session.call(f"dlq purge {word}"))
