"""Values that exist in the store, for tab completion.

A key press must neither make a store nor print an error: whatever goes wrong offers nothing.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from queuectl.cli.output import safe
from queuectl.repository import open_repository
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from queuectl.cli.session import Session
    from queuectl.model import Job, JobState
    from queuectl.repository.protocol import JobRepository

_DESCRIPTION = 50  #: characters of a command beside an id
_GROUPS = 100  #: of dead jobs, that are offered
_NEWEST = 200  #: jobs whose tags are offered


def jobs(
    session: Session, incomplete: str, states: Sequence[JobState], *, but: Collection[str] | None = None
) -> list[CompletionItem]:
    """Offer ids that begin so, those on the line already left out."""

    def ask(repository: JobRepository) -> list[CompletionItem]:
        found = repository.complete_ids(incomplete, states=states)
        return [CompletionItem(job.id, help=_description(job)) for job in found if job.id not in (but or ())]

    return _answer(session, ask)


def queues(session: Session, incomplete: str) -> list[CompletionItem]:
    """Offer the queues that hold jobs."""
    return _answer(session, lambda repository: _beginning(incomplete, repository.queues()))


def paused(session: Session, incomplete: str) -> list[CompletionItem]:
    """Offer the queues that are paused."""
    return _answer(
        session,
        lambda repository: _beginning(incomplete, [one.queue for one in repository.paused() if one.queue]),
    )


def workers(session: Session, incomplete: str) -> list[CompletionItem]:
    """Offer the names of the workers that are alive."""
    from queuectl.worker.living import live_workers

    return _answer(
        session,
        lambda repository: _beginning(incomplete, [worker.identity.name for worker in live_workers(repository)]),
    )


def groups(session: Session, incomplete: str) -> list[CompletionItem]:
    """Offer the groups of dead jobs with what they died of, the largest first."""

    def ask(repository: JobRepository) -> list[CompletionItem]:
        found = repository.dead_groups(Filter(), limit=_GROUPS)
        return [
            CompletionItem(one.id, help=_shortened(f"{one.jobs:,} · {one.signature[:_DESCRIPTION]}"))
            for one in found.groups
            if one.id.startswith(incomplete.lower())
        ]

    return _answer(session, ask)


def tags(session: Session, incomplete: str) -> list[CompletionItem]:
    """Offer the tags of the newest jobs."""

    def ask(repository: JobRepository) -> list[CompletionItem]:
        newest = repository.list(limit=_NEWEST).jobs
        return _beginning(incomplete, sorted({tag for job in newest for tag in job.tags}))

    return _answer(session, ask)


def _answer(session: Session, ask: Callable[[JobRepository], list[CompletionItem]]) -> list[CompletionItem]:
    try:
        with closing(open_repository(session.url, create=False, patience=1.0)) as repository:
            return ask(repository)
    except Exception:  # noqa: BLE001 - no store, a busy one, a damaged one: nothing to offer
        return []


def _beginning(incomplete: str, names: Collection[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _description(job: Job) -> str:
    return _shortened(f"{job.state} · {job.command[:_DESCRIPTION]}")


def _shortened(words: str) -> str:
    text = safe(words)
    return text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 1] + "…"
