"""`queuectl top`: a live screen of what goes on in a store, with keys to act on it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import shared
from queuectl.cli.words import Command
from queuectl.config import dumb_terminal
from queuectl.errors import InvalidInput

if TYPE_CHECKING:
    from queuectl.cli.session import Session


@click.command("top", cls=Command)
@click.option("--once", is_flag=True, help="Print one frame as plain lines and exit; works in a pipe too.")
@shared
@click.pass_obj
def command(session: Session, *, once: bool) -> None:
    """Watch workers, queues, retries and the dead on a live screen, and act on them by keys.

    Arrows or j and k move, Tab changes the pane, Enter shows a job in full and l what it prints; c cancels it, r runs
    it again, p pauses its queue or lets it go on, / filters, ? shows all keys, q quits.

    \b
    Examples:
      queuectl top
      queuectl top --once
      queuectl top --json | jq .runs_per_minute
    """
    if once or session.json:
        from queuectl.cli.top.once import show

        show(session)
        return
    _demand_screen()
    from queuectl.cli.top.loop import Top

    Top(session).run()


def _demand_screen() -> None:
    """See that there is a terminal with a keyboard.

    Raises:
        InvalidInput: there is none.
    """
    hint = "use `queuectl top --once`, `queuectl status --watch`, or `queuectl status --json`"
    if not (output.is_terminal() and _has_keyboard()):
        raise InvalidInput("top needs a terminal to draw on and to read keys from", hint)
    if dumb_terminal():
        raise InvalidInput("this terminal (TERM=dumb) cannot show a screen", hint)


def _has_keyboard() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
