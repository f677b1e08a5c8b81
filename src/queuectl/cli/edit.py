"""`queuectl edit`: change jobs that have not started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.enqueue import variable
from queuectl.cli.options import Duration, Time, files, job_ids, queue_names, shared, tag_names
from queuectl.cli.session import Session, now
from queuectl.cli.sources import here
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput, WrongState, quoted
from queuectl.fields import FIELDS
from queuectl.model import NO_ENV, NO_POLICY, JobSpec, JobState, Policy
from queuectl.spec import build_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from click.shell_completion import CompletionItem

#: What a field becomes that is set to null: nothing asked for, at once. Those of a policy go the same way.
_CLEARED: Mapping[str, object] = {
    "backoff_base": None, "timeout": None, "unique_key": None, "run_at": None, "env": NO_ENV, "tags": (),
} | NO_POLICY._asdict()  # fmt: skip


def _fields(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    names = (f"{name}=" for name in FIELDS if name not in {"id", "depends_on"})
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class _OrNone(click.ParamType[object]):
    """A value of another type, or `none` for the absence of one."""

    name = "value or none"

    def __init__(self, kind: click.ParamType[Any]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value; `none` stays as it is, for None means that the option was not given."""
        return value if value == "none" else self._kind.convert(value, param, ctx)


@click.command("edit", cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID…", shell_complete=job_ids(JobState.PENDING))
@click.option("--command", metavar="TEXT", help="Another command, a line for the shell.")
@click.option("-p", "--priority", type=int, metavar="N", help="Higher ones first.")
@click.option("-Q", "--queue", metavar="NAME", shell_complete=queue_names, help="Move it into another queue.")
@click.option("--delay", type=Duration(), metavar="DUR", help="Not before this has passed; 0 for at once.")
@click.option("--at", type=Time(), metavar="TIME", help="Not before this time: 18:00, +10m, 2026-01-31T18:00:00Z.")
@click.option("--max-retries", type=int, metavar="N", help="Failed attempts after which it is dead.")
@click.option(
    "--backoff-base", type=_OrNone(click.FLOAT), metavar="X|none", help="Wait X^attempts seconds; none: by the setting."
)
@click.option("--timeout", type=_OrNone(Duration()), metavar="DUR|none", help="Stop an attempt that runs longer.")
@click.option("-C", "--cwd", metavar="DIR", shell_complete=files, help="Where to run it.")
@click.option("-e", "--env", multiple=True, metavar="K=V", help="Add or change a variable; K alone: as here.")
@click.option("-t", "--tag", "tags", multiple=True, metavar="TAG", shell_complete=tag_names, help="Its only tags now.")
@click.option("--unique-key", metavar="KEY|none", help="Another unique key.")
@click.option(
    "--set", "pairs", multiple=True, metavar="FIELD=VALUE", shell_complete=_fields,
    help="Any field of a specification; the value as in JSON, or a bare text. null takes it away.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say which jobs it would be.")
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
      queuectl edit a7 --set tags='["nightly"]' --set env=null
    """
    moment = now()
    changes = _changes(options, pairs, at, moment)
    if not changes:
        raise InvalidInput("there is nothing to change", "say what, for example --priority 10")
    repository = session.repository
    if dry_run:
        jobs = {job.id: job for job in map(repository.get, ids)}
        for job in jobs.values():
            if job.state is not JobState.PENDING:
                raise WrongState(f"job {job.id!r} is {job.state}; only pending jobs can be edited", "see queuectl list")
        _report(session, list(jobs), changes, dry_run=True)
        return
    done = repository.edit(ids, changes, now=moment, by=session.by)
    from queuectl.worker.wakeup import wake

    wake(repository.directory_name)
    _report(session, done, changes)


def _changes(options: dict[str, Any], pairs: Sequence[str], at: int | None, moment: int) -> dict[str, Any]:
    """Return the new values by field, each checked as in a specification."""
    if at is not None and options["delay"] is not None:
        raise InvalidInput("both --at and --delay are given", "keep one of them")
    variables = dict(map(variable, options.pop("env")))
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None and value != ()}
    changes: dict[str, Any] = {} if at is None else {"run_at": at}
    for name, value in given.items():
        is_none = value == "none" and name in {"timeout", "backoff_base", "unique_key"}
        _put(changes, name, None if is_none else value, moment)
    if variables:
        _put(changes, "env", variables, moment)
        changes["env+"] = changes.pop("env")
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InvalidInput(f"--set: {quoted(pair)} has no '='", "write --set FIELD=VALUE")
        _put(changes, name, _decoded(text, _accepts(name)), moment)
    return changes


def _put(changes: dict[str, Any], name: str, value: object, moment: int) -> None:
    """Check one new value as that of a specification, and take it in."""
    if name == "id":
        raise InvalidInput("a job keeps its id", "enqueue another one, and cancel this")
    key = "run_at" if name == "delay" else name
    if key in changes or (key == "env" and "env+" in changes):
        raise InvalidInput(f"{key} is given twice", "keep one of them")
    if value is None:
        if name not in FIELDS:
            build_spec({"command": "-", name: ""}, now=moment)  # says what it may be meant for
        if key not in _CLEARED:
            raise InvalidInput(f"{name}: a job cannot be without it", "give it another value")
        changes[key] = _CLEARED[key]
        return
    spec = build_spec({"command": "-", name: value}, now=moment)
    found = getattr(spec.policy if key in Policy._fields and key not in JobSpec._fields else spec, key)
    changes[key] = os.path.join(here(), found) if key == "cwd" else found


def _accepts(name: str) -> Callable[[object], bool]:
    """Return what tells whether a value would do for a field."""

    def accepts(value: object) -> bool:
        try:
            FIELDS[name](value)
        except (InvalidInput, KeyError):
            return False
        return True

    return accepts


def _decoded(text: str, accepts: Callable[[object], bool]) -> object:
    """Return what `--set` gives: JSON if it is some and does for the field, else the text itself."""
    from json import loads

    try:
        value: object = loads(text)
    except (ValueError, RecursionError):
        return text
    return text if value is not None and not accepts(value) and accepts(text) else value


def _report(session: Session, ids: Sequence[str], changes: dict[str, Any], *, dry_run: bool = False) -> None:
    """Say which jobs it was, and on a terminal what was changed of them."""
    if session.json:
        how = "would_edit" if dry_run else "edited"
        output.document({"jobs": [{"id": job_id, "how": how} for job_id in ids], "dry_run": dry_run})
    elif output.is_terminal() and not session.quiet:
        from queuectl.cli.sentences import named

        fields = ", ".join(name.rstrip("+") for name in changes)
        output.write(f"{'Would edit' if dry_run else 'Edited'} {named(ids)}: {fields}.\n")
    else:
        for job_id in ids:
            output.line(job_id)
