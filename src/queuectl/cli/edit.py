"""`queuectl edit`: change jobs that have not started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from queuectl.changes import ABSENT, NO_CHANGES, Changes
from queuectl.cli import output
from queuectl.cli.changing import changes_of, field_names, placed
from queuectl.cli.enqueue import variable
from queuectl.cli.options import Duration, OrNone, Time, dry_run_option, files, job_ids, queue_names, shared, tag_names
from queuectl.cli.policy import policy_asked, policy_changes
from queuectl.cli.sources import doubt
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput, WrongState
from queuectl.model import JobState
from queuectl.spec import build_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.cli.session import Session


#: Fields with an option that takes `none`.
_MAY_GO = {"timeout", "backoff_base", "unique_key"}


@click.command("edit", cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID…", shell_complete=job_ids(JobState.PENDING))
@click.option("--command", metavar="TEXT", help="Another command, a line for the shell.")
@click.option("-p", "--priority", type=int, metavar="N", help="Higher ones first.")
@click.option("-Q", "--queue", metavar="NAME", shell_complete=queue_names, help="Move it into another queue.")
@click.option("--delay", type=Duration(), metavar="DUR", help="Not before this has passed; 0 for at once.")
@click.option("--at", type=Time(), metavar="TIME", help="Not before this time: 18:00, +10m, 2026-01-31T18:00:00Z.")
@click.option("--max-retries", type=int, metavar="N", help="Failed attempts after which it is dead.")
@click.option(
    "--backoff-base", type=OrNone(click.FLOAT), metavar="X|none", help="Wait X^attempts seconds; none: by the setting."
)
@policy_changes
@click.option("--timeout", type=OrNone(Duration()), metavar="DUR|none", help="Stop an attempt that runs longer.")
@click.option("-C", "--cwd", metavar="DIR", shell_complete=files, help="Where to run it.")
@click.option("-e", "--env", multiple=True, metavar="K=V", help="Add or change a variable; K alone: as here.")
@click.option("-t", "--tag", "tags", multiple=True, metavar="TAG", shell_complete=tag_names, help="Its only tags now.")
@click.option("--unique-key", metavar="KEY|none", help="Another unique key.")
@click.option(
    "--set", "pairs", multiple=True, metavar="FIELD=VALUE", shell_complete=field_names,
    help="Any field of a specification, or env.NAME; text or JSON, none takes it away.",
)  # fmt: skip
@dry_run_option
@shared
@click.pass_obj
def command(
    session: Session, /, ids: tuple[str, ...], pairs: tuple[str, ...], at: int | None, *, dry_run: bool, **options: Any
) -> None:
    """Change jobs that have not started: pending ones, those that wait for a retry included.

    All of them or, if one has started meanwhile or has ended, none. A job that waits for a retry keeps
    its attempts. --env adds to the variables that are there, --tag replaces all tags.

    \b
    Examples:
      queuectl edit a7 --priority 10 --delay 0
      queuectl edit a7 b3 --queue slow --timeout none
      queuectl edit a7 --set tags='["nightly"]' --set env=none
      queuectl edit a7 --retry-on 75,SIGKILL --backoff-max none --set env.DEBUG=1
    """
    moment = session.now()
    changes = _merged(_given(options, at, moment), changes_of("--set", pairs, moment))
    if changes == NO_CHANGES:
        raise InvalidInput("there is nothing to change", "say what, for example --priority 10")
    repository = session.repository
    if dry_run:
        jobs = {job.id: job for job in map(repository.get, ids)}
        for job in jobs.values():
            if job.state is not JobState.PENDING:
                raise WrongState(f"job {job.id!r} is {job.state}; only pending jobs can be edited", "see queuectl list")
            changes.policy_of(job.id, job.policy)
        _report(session, list(jobs), changes, dry_run=True)
        return
    done = repository.edit(ids, changes, now=moment, by=session.by)
    from queuectl.worker.wakeup import wake

    wake(repository.directory_name)
    _report(session, done, changes)
    doubt(session, changes.fields.get("cwd"))


def _given(options: dict[str, Any], at: int | None, moment: int) -> Changes:
    """Return the changes that the options ask for, each checked as in a specification."""
    if at is not None and options["delay"] is not None:
        raise InvalidInput("both --at and --delay are given", "keep one of them")
    variables = dict(map(variable, options.pop("env")))
    policy = policy_asked(options)
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    absent = [name for name, value in given.items() if value == "none" and name in _MAY_GO]
    asked = {name: value for name, value in given.items() if name not in absent}
    spec = build_spec({"command": "-", "env": variables, **asked}, now=moment)
    fields = {"run_at" if name == "delay" else name for name in asked}
    values = {name: getattr(spec, name) for name in spec._fields if name in fields}
    values |= {name: ABSENT[name] for name in absent}
    if at is not None:
        values["run_at"] = at
    return placed(Changes(values, variables, policy))


def _merged(options: Changes, pairs: Changes) -> Changes:
    """Return the changes of both, none of which may stand in the way of another."""
    twice = [name for name in options.names if name in pairs.names]
    if options.env and "env" in pairs.fields:
        twice.append("env")
    if twice:
        raise InvalidInput(f"{twice[0]} is given twice", "keep one of them")
    return Changes({**options.fields, **pairs.fields}, {**options.env, **pairs.env}, {**options.policy, **pairs.policy})


def _report(session: Session, ids: Sequence[str], changes: Changes, *, dry_run: bool = False) -> None:
    """Say which jobs it was, and on a terminal what was changed of them."""
    if session.json:
        how = "would_edit" if dry_run else "edited"
        output.document({"jobs": [{"id": job_id, "how": how} for job_id in ids], "dry_run": dry_run})
    elif output.is_terminal() and not session.quiet:
        from queuectl.cli.sentences import named

        fields = ", ".join(map(output.safe, changes.names))
        output.write(f"{'Would edit' if dry_run else 'Edited'} {named(ids)}: {fields}.\n")
    else:
        for job_id in ids:
            output.line(job_id)
