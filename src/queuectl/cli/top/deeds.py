"""Doing what a key asked for, and saying what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.cli.output import safe
from queuectl.cli.session import Session, now
from queuectl.cli.top.state import Act, Verb
from queuectl.errors import QueuectlError
from queuectl.repository.base import Filter
from queuectl.worker.wakeup import wake

if TYPE_CHECKING:
    from queuectl.repository.protocol import JobRepository

#: Seconds that a running command has between TERM and KILL, as in `queuectl cancel`.
_GRACE = 5.0
#: Seconds that it waits for the store's lock: nothing is drawn meanwhile.
_PATIENCE = 2.0


def do(session: Session, act: Act) -> tuple[str, bool]:
    """Do it in the name of whoever sits there; return a sentence, and whether it could not be done."""
    repository = session.repository
    patience, repository.patience = repository.patience, _PATIENCE
    try:
        words = _do(repository, act, session.by)
    except QueuectlError as error:
        return safe(error.message), True
    finally:
        repository.patience = patience
    wake(repository.directory_name)
    return words, False


def _do(repository: JobRepository, act: Act, by: str) -> str:
    name = safe(repr(act.target))
    if act.verb is Verb.CANCEL:
        cancelled = repository.cancel(Filter(ids=(act.target,)), now=now(), grace=_GRACE, by=by)
        return f"stopping job {name}" if cancelled.asked else f"cancelled job {name}"
    if act.verb is Verb.RETRY:
        which = Filter(ids=(act.target,), states=(act.state,) if act.state else ())
        repository.retry(which, now=now(), by=by)
        return f"job {name} is ready to run again"
    if act.verb is Verb.RETRY_GROUP:
        which = Filter(states=(act.state,) if act.state else (), signature=act.target)
        number = len(repository.retry(which, now=now(), by=by))
        return f"{number:,} {'job is' if number == 1 else 'jobs are'} ready to run again"
    if act.verb is Verb.PAUSE:
        repository.pause([act.target], now=now(), by=by)
        return f"queue {name} is paused"
    repository.resume([act.target], now=now(), by=by)
    return f"queue {name} goes on"
