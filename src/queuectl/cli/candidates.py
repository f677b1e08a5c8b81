"""Values that exist in the store, for tab completion.

A key press must neither make a store nor print an error: whatever goes wrong offers nothing.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from queuectl.cli.output import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl.cli.session import Session
    from queuectl.model import JobState
    from queuectl.repository.base import JobRepository

_DESCRIPTION = 50  #: characters of a command beside an id


def jobs(
    session: Session, incomplete: str, states: Sequence[JobState], *, but: Sequence[str] | None = None
) -> list[CompletionItem]:
    """Offer ids that begin so, those on the line already left out."""
    with _opened(session) as repository:
        found = repository.complete_ids(incomplete, states=states)
        return [
            CompletionItem(job.id, help=_description(f"{job.state} · {job.command}"))
            for job in found
            if job.id not in (but or ())
        ]
    return []


def queues(session: Session, incomplete: str) -> list[CompletionItem]:
    """Offer the queues that hold jobs."""
    with _opened(session) as repository:
        return [CompletionItem(name) for name in repository.queues() if name.startswith(incomplete)]
    return []


def workers(session: Session, incomplete: str) -> list[CompletionItem]:
    """Offer the names of the workers that are alive."""
    from queuectl.cli.status import live_workers

    with _opened(session) as repository:
        names = [worker.identity.name for worker in live_workers(repository)]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return []


def tags(session: Session, incomplete: str) -> list[CompletionItem]:
    """Offer the tags of the newest jobs."""
    with _opened(session) as repository:
        names = {tag for job in repository.list(limit=200).jobs for tag in job.tags}
        return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]
    return []


@contextlib.contextmanager
def _opened(session: Session) -> Iterator[JobRepository]:
    from queuectl.repository import open_repository

    with contextlib.suppress(Exception):
        repository = open_repository(session.url, create=False)
        with contextlib.closing(repository):
            yield repository


def _description(text: str) -> str:
    shown = safe(text)
    return shown if len(shown) <= _DESCRIPTION else shown[: _DESCRIPTION - 1] + "…"
