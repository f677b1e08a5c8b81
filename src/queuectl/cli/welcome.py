"""What `queuectl` says when no command is given."""

from __future__ import annotations

from os.path import exists
from typing import TYPE_CHECKING

from queuectl.cli import output
from queuectl.config import database_url

if TYPE_CHECKING:
    from queuectl.cli.session import Session

_TEXT = """\
queuectl runs shell commands in the background, with retries,
a Dead Letter Queue, and jobs that outlive their worker.

  queuectl enqueue 'echo Hi'   put a job into the queue
  queuectl worker start        run the jobs, until Ctrl-C
  queuectl status              see how far they have come

"""


def show(session: Session) -> None:
    """Show three examples and the store in use, which is not opened, let alone made."""
    store = _store(session)
    is_there = exists(store) if store and "://" not in store else None
    if session.json:
        from queuectl import __version__

        output.document({"version": __version__, "db": store, "db_exists": is_there})
        return
    output.write(_TEXT)
    state = " (not there yet: the first command makes it)" if is_there is False else ""
    named = output.safe(store) if store else "unknown until config.toml is mended"
    output.write(f"Store: {named}{state}\nMore:  queuectl --help, queuectl demo\n")


def _store(session: Session) -> str | None:
    """Return the store in use; None if a mistake in the user's preferences, which is told, leaves that open."""
    error = session.forgive_preferences()
    if error is None:
        return session.store
    output.warning(error.message)
    if error.hint:
        output.hint(error.hint)
    return session.store if database_url(session.db, "") else None
