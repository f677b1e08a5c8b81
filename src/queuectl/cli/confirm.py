"""Asking before something that touches many jobs."""

from __future__ import annotations

import sys

from queuectl.cli.output import safe
from queuectl.errors import InvalidInput, OperationFailed


def demand_somebody(*, yes: bool) -> None:
    """See that the question that is to come can be answered, or was already by `--yes`.

    Called before anything is counted: a script without `--yes` fails on its first run, not on
    the first one that has something to do.

    Raises:
        InvalidInput: nobody is there to answer.
    """
    if not (yes or (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())):
        raise InvalidInput(
            "this must be confirmed, and there is no terminal to ask on",
            "say --yes to do it, or --dry-run to see what it would touch",
        )


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal, unless `--yes` has answered already.

    The question goes to stderr: stdout is for the result. (Click's own prompt uses stdout.)

    Raises:
        InvalidInput: nobody is there to answer.
        OperationFailed: the answer is not yes.
    """
    demand_somebody(yes=yes)
    if yes:
        return
    sys.stderr.write(f"{safe(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise OperationFailed("nothing was changed")
