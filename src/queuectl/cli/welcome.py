"""What `queuectl` says when no command is given."""

from __future__ import annotations

from os.path import exists
from typing import TYPE_CHECKING

from queuectl.cli import output

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
    store = session.store
    is_there = exists(store) if "://" not in store else None
    if session.json:
        from queuectl import __version__

        output.document({"version": __version__, "db": store, "db_exists": is_there})
        return
    output.write(_TEXT)
    state = " (not there yet: the first command makes it)" if is_there is False else ""
    output.write(f"Store: {output.safe(store)}{state}\nMore:  queuectl --help, queuectl demo\n")
