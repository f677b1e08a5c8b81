"""`queuectl doctor`: is everything as it should be, and if not, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.options import shared
from queuectl.cli.session import Session, now
from queuectl.cli.words import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.doctor.facts import Finding


@click.command("doctor", cls=Command)
@click.option("--thorough", is_flag=True, help="Read everything and count it anew; takes a while.")
@shared
@click.pass_obj
def command(session: Session, *, thorough: bool) -> int:
    """Examine the store, its machine and its workers. Nothing is made or changed.

    Exits with 1 if there is a problem; a warning is none. In a pipe: ok, warning or problem, what was
    examined, what was found, the way out.

    \b
    Examples:
      queuectl doctor
      queuectl doctor --thorough --json | jq '.findings[] | select(.level != "ok")'
    """
    from queuectl.doctor import machine, server, store, workers
    from queuectl.doctor.gather import gather

    preferences = _preferences(session)
    facts = gather(session.url, now=now(), thorough=thorough)
    findings = [
        preferences,
        *machine.checks(facts),
        *server.checks(facts, session.call),
        *store.checks(facts, session.call),
        *workers.checks(facts, session.call),
    ]
    if session.json:
        output.document(_as_object(findings, session.store))
    elif output.is_terminal():
        from queuectl.cli.findings import findings_table
        from queuectl.cli.tables import glyphs_for

        output.render(*findings_table(findings, session.store, glyphs_for(unicode=output.speaks_unicode())))
    else:
        for finding in findings:
            output.line(finding.level, finding.check, finding.what, finding.remedy)
    return int(any(finding.level == "problem" for finding in findings))


def _preferences(session: Session) -> Finding:
    """Judge the user's file, and go on without it if it is of no use."""
    from queuectl.doctor.facts import Finding

    error = session.forgive_preferences()
    if error:
        what = f"{error.message}; no other command works on a store until then, and here the defaults count"
        return Finding("preferences", "problem", what, error.hint or "")
    preferences = session.preferences
    return Finding("preferences", "ok", preferences.path if preferences.given else "none: the defaults count")


def _as_object(findings: Sequence[Finding], store: str) -> dict[str, Any]:
    levels = [finding.level for finding in findings]
    return {
        "db": store,
        "problems": levels.count("problem"),
        "warnings": levels.count("warning"),
        "findings": [finding._asdict() | {"remedy": finding.remedy or None} for finding in findings],
    }
