"""`queuectl explain`: why a job stands where it does, and the command that changes that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import job_ids, shared
from queuectl.cli.session import now
from queuectl.cli.words import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.cli.session import Session
    from queuectl.model import Job
    from queuectl.reasons import Printed, Reason

#: Cells before a command, below the reason that it answers.
_INDENT = 2


@click.command("explain", cls=Command)
@click.argument("job_id", metavar="ID", shell_complete=job_ids())
@shared
@click.pass_obj
def command(session: Session, job_id: str) -> None:
    """Say why a job is not running, or is, or has ended, and what to do about it.

    All that stands in its way is named, what matters most first, each with the command that
    changes it. In a pipe: one line a reason with tabs between code, message and command.

    \b
    Examples:
      queuectl explain k3v9t2m8qa
      queuectl explain k3v9 --json | jq -r '.reasons[].code'
    """
    from queuectl.reasons import explain
    from queuectl.worker.living import is_live

    repository = session.repository
    found = repository.circumstances(job_id, now=now())
    live = [one.id for one in found.workers if is_live(repository, one)]
    reasons = [
        reason._replace(command=reason.command and session.call(reason.command))
        for reason in explain(found, live=live, now=now(), printed=_printed(session, found.job))
    ]
    _show(session, found.job, reasons)


def _printed(session: Session, job: Job) -> Printed:
    """Return what the job's last run printed last."""
    from queuectl.cli.printed import log_of
    from queuectl.reasons import NOTHING, Printed

    if not job.runs:
        return NOTHING
    log = log_of(session.repository, job.seq, job.runs)
    return Printed(line, log.written_at()) if (line := log.last_line()) else NOTHING


def _show(session: Session, job: Job, reasons: Sequence[Reason]) -> None:
    if session.json:
        output.document({"id": job.id, "state": job.state.value, "reasons": [reason._asdict() for reason in reasons]})
    elif output.is_terminal():
        _draw(job, reasons)
    else:
        for reason in reasons:
            output.line(*reason)


def _draw(job: Job, reasons: Sequence[Reason]) -> None:
    """Draw a line that names the job, below it the reasons, wrapped, and their commands, as they are to be typed."""
    from rich.padding import Padding
    from rich.text import Text

    from queuectl.cli.tables import glyphs_for, is_retrying, state_cell

    canvas = output.console()
    glyphs = glyphs_for(unicode=output.speaks_unicode())
    state = state_cell(job.state, glyphs, retrying=is_retrying(job))
    canvas.print(Text.assemble((output.safe(job.id), "bold"), "  ", state))
    for _, message, words in reasons:
        canvas.print(Padding(Text(f"{output.safe(message[:1].upper() + message[1:])}."), (1, 0, 0, _INDENT)))
        if words:
            canvas.print(Text(" " * 2 * _INDENT + output.safe(words), "cyan"), soft_wrap=True)
