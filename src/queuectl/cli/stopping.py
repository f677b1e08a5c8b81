"""What `queuectl worker stop` does: ask, wake, and wait if that is wanted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from queuectl.cli import output
from queuectl.cli.jobjson import worker_object
from queuectl.errors import TimeRanOut, WorkerNotFound
from queuectl.worker.living import is_live, live_workers
from queuectl.worker.wakeup import is_present, wake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.cli.session import Session
    from queuectl.repository.base import Worker
    from queuectl.repository.protocol import JobRepository

#: Seconds between two looks at whether they are gone.
_LOOK = 0.05


def stop(session: Session, names: Sequence[str], *, how: str, wait: float | None) -> None:
    """Ask the workers to stop, and wait for them if that is wanted.

    Raises:
        TimeRanOut: one of them is still there after the time to wait.
    """
    repository = session.repository
    # Looked at before too: a store that calls its workers by itself may have ended an idle one when this returns.
    before = {worker.id for worker in live_workers(repository)}
    found = repository.ask_to_stop(names, how)
    asked = [worker for worker in found if worker.id in before or is_live(repository, worker)]
    if names and len(asked) < len(set(names)):
        gone = min(set(names) - {worker.identity.name for worker in asked})
        raise WorkerNotFound(f"worker {gone!r} is not running", "queuectl worker list shows those that are")
    wake(repository.directory_name)
    left = _wait_for(session, asked, wait) if wait is not None else []
    if left:
        name = left[0].identity.name
        raise TimeRanOut(f"worker {name!r} is still running", "wait for longer, or say: queuectl worker stop --now")
    _report(session, [worker._replace(stopping=how) for worker in asked], waited=wait is not None)


def _wait_for(session: Session, workers: Sequence[Worker], seconds: float) -> list[Worker]:
    """Return those that are still there when the time is up."""
    deadline = time.monotonic() + seconds
    left = list(workers)
    while left:
        left = _still_there(session.repository, left)
        if time.monotonic() >= deadline:
            break
        if left:
            time.sleep(_LOOK)
    return left


def _still_there(repository: JobRepository, workers: Sequence[Worker]) -> list[Worker]:
    """Return those that have not gone: of other hosts, those that are still registered and alive."""
    home = repository.home
    here = [one for one in workers if one.identity.home == home]
    there = {one.id for one in workers if one.identity.home != home}
    left = [one for one in here if is_present(repository.directory_name, one.identity.presence)]
    return left + [one for one in live_workers(repository) if one.id in there] if there else left


def _report(session: Session, asked: Sequence[Worker], *, waited: bool) -> None:
    if session.json:
        output.document([worker_object(worker) | {"running": not waited} for worker in asked])
    elif not asked:
        session.say("No worker is running.")
    else:
        for worker in asked:
            if output.is_terminal() and not session.quiet:
                how = "Stopped" if waited else "Stopping"
                output.write(f"{how} worker {output.safe(repr(worker.identity.name))}.\n")
            else:
                output.line(worker.identity.name)
