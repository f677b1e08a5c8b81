"""Asking before something that touches many jobs."""

from __future__ import annotations

import sys

from queuectl.cli.output import safe
from queuectl.errors import InvalidInput, OperationFailed


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal, unless `--yes` has answered already.

    The question goes to stderr: stdout is for the result. (Click's own prompt uses stdout.)

    Raises:
        InvalidInput: nobody is there to answer.
        OperationFailed: the answer is not yes.
    """
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        raise InvalidInput(f"this needs a yes, and there is no terminal to ask on: {question}", "say --yes")
    sys.stderr.write(f"{safe(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise OperationFailed("nothing was changed")
