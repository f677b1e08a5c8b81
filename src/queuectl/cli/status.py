"""`queuectl status`: how many jobs stand where, and who runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.options import shared
from queuectl.cli.session import Session, now
from queuectl.cli.watch import watch, watch_option
from queuectl.cli.words import Command
from queuectl.worker.living import live_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import RenderableType

    from queuectl.repository.acting import Paused
    from queuectl.repository.base import Counts, Worker


@click.command("status", cls=Command)
@watch_option
@shared
@click.pass_obj
def command(session: Session, *, seconds: float | None) -> None:
    """Count the jobs by state, and show the paused queues and the workers that are alive.

    No job stays in `failed`: it goes on to `pending` for a retry, or to `dead`.

    \b
    Examples:
      queuectl status
      queuectl status --json | jq .jobs.dead
    """
    if seconds is not None:
        watch(session, lambda width, _height: _page(session, width), seconds=seconds)
        return
    repository, at = session.repository, now()
    counts, paused, workers = repository.counts(now=at), repository.paused(), live_workers(repository)
    if session.json:
        output.document(_as_object(counts, workers, session.store, at) | {"paused": _paused_objects(paused)})
    elif output.is_terminal():
        output.render(*_drawn(counts, paused, workers, session.store, output.console().width, at))
    else:
        _write_lines(counts, workers, session.store, at)
        for one in paused:
            output.line("paused", one.queue or "*", one.ready)


def _page(session: Session, width: int) -> Callable[[int], Iterable[RenderableType]]:
    """Read the counts and the workers, and return what draws them at an instant."""
    repository = session.repository
    counts, paused, workers = repository.counts(now=now()), repository.paused(), live_workers(repository)
    return lambda at: _drawn(counts, paused, workers, session.store, width, at)


def _drawn(  # noqa: PLR0917 - what stands on the page
    counts: Counts, paused: Sequence[Paused], workers: Sequence[Worker], store: str, width: int, at: int
) -> Iterable[RenderableType]:
    from queuectl.cli.overview import overview
    from queuectl.cli.tables import glyphs_for

    glyphs = glyphs_for(unicode=output.speaks_unicode())
    return overview(counts, paused, workers, store, width=width, at=at, glyphs=glyphs)


def _as_object(counts: Counts, workers: Sequence[Worker], store: str, at: int) -> dict[str, Any]:
    from queuectl.cli.jobjson import worker_object

    return {
        "jobs": {state.value: number for state, number in counts.states.items()},
        "pending": {"ready": counts.ready, "scheduled": counts.scheduled, "retrying": counts.retrying},
        "oldest_ready_seconds": _oldest(counts, at),
        "workers": [worker_object(worker) for worker in workers],
        "db": store,
    }


def _paused_objects(paused: Sequence[Paused]) -> list[dict[str, Any]]:
    from queuectl.duration import format_time

    return [
        {"queue": one.queue or "*", "since": format_time(one.since), "by": one.by or None, "ready": one.ready}
        for one in paused
    ]


def _write_lines(counts: Counts, workers: Sequence[Worker], store: str, at: int) -> None:
    for state, number in counts.states.items():
        output.line(state, number)
    for name in ("ready", "scheduled", "retrying"):
        output.line(f"pending.{name}", getattr(counts, name))
    output.line("oldest_ready_seconds", _oldest(counts, at))
    output.line("workers", len(workers))
    output.line("db", store)


def _oldest(counts: Counts, at: int) -> float | None:
    return None if counts.oldest_ready_since is None else max(0, at - counts.oldest_ready_since) / 1000
