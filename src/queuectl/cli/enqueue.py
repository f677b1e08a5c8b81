"""`queuectl enqueue`: put jobs into the queue, all of a call or none."""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.accepted import Acceptance
from queuectl.cli.options import Duration, Time, files, queue_names, shared, tag_names
from queuectl.cli.policy import policy_fields, policy_options
from queuectl.cli.session import Session, now
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput, OperationFailed, quoted
from queuectl.model import NO_POLICY, JobSpec
from queuectl.repository.base import IfExists
from queuectl.spec import build_spec, parse_word, read_specs
from queuectl.worker.wakeup import wake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from queuectl.repository.base import Enqueued


class _Enqueue(Command):
    """Takes options behind a specification too; behind a command they are the command's own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move a specification that options follow to the end of the line."""
        line = list(args)
        rest = super().parse_args(ctx, args)
        words: tuple[str, ...] = ctx.params.get("words") or ()
        before = line[: -len(words)] if words else []
        if len(words) > 1 and before[-1:] != ["--"] and not ctx.resilient_parsing and _is_specification(words[0]):
            ctx.params.clear()
            rest = super().parse_args(ctx, [*before, *words[1:], "--", words[0]])
            if len(ctx.params["words"]) > 1:
                hint = "put them into one array, or into a --file"
                raise InvalidInput("something follows the specification that is no option", hint)
        return rest


def _is_specification(word: str) -> bool:
    return parse_word(word, now=now()) is not None


@click.command(
    "enqueue", cls=_Enqueue, context_settings={"allow_interspersed_args": False}, options_metavar="[OPTIONS]"
)
@click.argument("words", nargs=-1, metavar="JSON | COMMAND [ARG]…", shell_complete=files)
@click.option(
    "--file", "path", metavar="PATH|-", shell_complete=files, help="Read the jobs from a file, or from stdin."
)
@click.option("--id", metavar="ID", help="Its id; made up if absent.")
@click.option("--max-retries", type=int, metavar="N", help="Failed attempts after which it is dead.  [setting: 3]")
@click.option("--backoff-base", type=float, metavar="X", help="Wait X^attempts seconds before a retry.  [setting: 3]")
@policy_options
@click.option("-p", "--priority", type=int, metavar="N", help="Higher ones first.  [default: 0]")
@click.option("--delay", type=Duration(), metavar="DUR", help="Not before this has passed: 90s, 10m, 2h30m, 1d.")
@click.option("--at", type=Time(), metavar="TIME", help="Not before this time: 18:00, +10m, 2026-01-31T18:00:00Z.")
@click.option("--timeout", type=Duration(), metavar="DUR", help="Stop an attempt that runs longer.")
@click.option("-Q", "--queue", metavar="NAME", shell_complete=queue_names, help="Its queue.  [default: default]")
@click.option("-C", "--cwd", metavar="DIR", shell_complete=files, help="Where to run it.  [default: here]")
@click.option(
    "-e", "--env", multiple=True, metavar="K=V", help="Add a variable; K alone takes the value that it has here."
)
@click.option("-t", "--tag", "tags", multiple=True, metavar="TAG", shell_complete=tag_names, help="Add a tag.")
@click.option("--unique-key", metavar="KEY", help="Refuse it while a pending or processing job has this key.")
@click.option(
    "--if-exists", type=click.Choice(tuple(map(str, IfExists))), default="error", show_default=True,
    help="What to do if id or unique key is taken.",
)  # fmt: skip
@shared
@click.pass_obj
def command(
    session: Session, /, words: tuple[str, ...], path: str | None, if_exists: str, at: int | None, **options: Any
) -> None:
    """Put a job into the queue, or many: all of them or none.

    One word that is a JSON object or array is a specification; any other word is a line for the
    shell; several words are a command with its arguments, and keep their quoting. Options behind
    a command are the command's own. With JSON they win over its fields; --env and --tag add to them.

    A file holds an object, an array of objects, or one object a line (JSON Lines). Fields: command,
    id, max_retries, backoff_base, priority, run_at or delay, timeout, queue, cwd, env, tags, unique_key,
    success_codes, retry_on, give_up_on, backoff_max, backoff_jitter, retry_for.

    Prints a sentence on a terminal and the ids in a pipe; with --json, where "how" is created,
    skipped or replaced:

    \b
      {"jobs": [{"id": "task1", "how": "created"}]}

    \b
    Examples:
      queuectl enqueue 'echo Hello World'
      queuectl enqueue --id nightly --at 02:00 --tag backup -- rsync -a src/ 'my backup/'
      queuectl enqueue --retry-on 75,timeout --retry-for 2h --timeout 5m './fetch-rates'
      queuectl enqueue '{"id": "task1", "command": "python -c \\"print(42)\\"", "max_retries": 3}'
      generate-jobs | queuectl enqueue --file -
    """
    if at is not None and options["delay"] is not None:
        raise InvalidInput("both --at and --delay are given", "keep one of them")
    moment = now()
    given = _given(options, at, moment)
    specs = _placed(_jobs(words, path, given, moment), here())
    with Acceptance() as acceptance:
        jobs = session.repository.enqueue(acceptance.after(specs), now=moment, if_exists=IfExists(if_exists))
        workers = wake(session.repository.directory_name)  # before all else: they are quick
        acceptance.accept()
        _report(session, jobs, workers)


# -- what is to be stored ---------------------------------------------------------------------


def _given(options: dict[str, Any], at: int | None, moment: int) -> dict[str, Any]:
    """Return the fields that options name, checked as those of a specification are."""
    fields = policy_fields({name: value for name, value in options.items() if value is not None and value != ()})
    if "env" in fields:
        fields["env"] = dict(map(variable, fields["env"]))
    spec = build_spec({"command": "-", **fields}, now=moment)
    checked = {name: getattr(spec, name) for name in fields if name in JobSpec._fields}
    if spec.policy is not NO_POLICY:
        checked["policy"] = spec.policy
    if "delay" in fields or at is not None:
        checked["run_at"] = spec.run_at if at is None else at
    return checked


def variable(text: str) -> tuple[str, str]:
    """Return name and value of `NAME=VALUE`; of `NAME` the value that it has here."""
    name, equals, value = text.partition("=")
    if not equals:
        from queuectl.config import environment

        if name not in environment():
            raise InvalidInput(f"there is no variable {quoted(name)} here", "write --env NAME=VALUE")
        value = environment()[name]
    return name, value


def _jobs(words: Sequence[str], path: str | None, given: dict[str, Any], moment: int) -> Iterable[JobSpec]:
    """Return the jobs of a call, the options on its line applied."""
    if bool(words) == bool(path):
        example = "queuectl enqueue 'echo Hello World', or --file jobs.json"
        raise InvalidInput("give either a command or a file" if words else "there is no job to enqueue", example)
    if path:
        return _first_checked(_amended(_from_file(path, moment), given))
    specified = parse_word(words[0], now=moment) if len(words) == 1 else None
    if specified is not None:
        return list(_amended(specified, given))
    if len(words) == 1:
        line = words[0]
    else:
        from shlex import join

        line = join(words)
    # The command is checked with the rest, and the options once more, which is cheap.
    return [build_spec({"command": line}, now=moment)._replace(**given)]


def _from_file(path: str, moment: int) -> Iterator[JobSpec]:
    source = "stdin" if path == "-" else output.safe(path)
    try:
        # Descriptor 0 rather than sys.stdin: bytes that are not UTF-8 are to be reported.
        file = open(0 if path == "-" else path, encoding="utf-8", errors="surrogateescape", closefd=path != "-")  # noqa: SIM115 - reading fails in another way than opening
    except OSError as error:
        raise InvalidInput(f"cannot read {quoted(path)}: {error.strerror}", "name a file, or - for stdin") from error
    try:
        with file:
            # The jobs are read while the store is locked. A disk is quick enough for that; who
            # writes into a pipe may take all day, and is waited for before.
            lines: Iterable[str] = file if file.seekable() else file.readlines()
            yield from read_specs(lines, now=moment, source=source)
    except OSError as error:
        raise OperationFailed(f"cannot read {quoted(path)}: {error.strerror}") from error


def _first_checked(specs: Iterable[JobSpec]) -> Iterable[JobSpec]:
    """Look at the first job before a store is opened, or made, for a file without any."""
    rest = iter(specs)
    return chain([next(rest)], rest)


def _amended(specs: Iterable[JobSpec], given: dict[str, Any]) -> Iterable[JobSpec]:
    """Apply the options on the line to jobs from JSON."""
    return _merged(specs, given) if given else specs


def _merged(specs: Iterable[JobSpec], given: dict[str, Any]) -> Iterator[JobSpec]:
    for number, spec in enumerate(specs, 1):
        if number > 1 and "id" in given:
            raise InvalidInput("--id names one job, and there are several", "put an id into each specification")
        merged = dict(given)
        if "env" in given:
            merged["env"] = {**spec.env, **given["env"]}
        if "tags" in given:
            merged["tags"] = tuple(dict.fromkeys((*spec.tags, *given["tags"])))
        if "policy" in given:
            from queuectl.policy import combined

            merged["policy"] = combined(spec.policy, given["policy"])
        yield spec._replace(**merged)


def here() -> str:
    """Return the current directory."""
    try:
        here = os.getcwd()
    except OSError as error:
        raise OperationFailed("the current directory is not there any more", "change into another one") from error
    return build_spec({"command": "-", "cwd": here}, now=0).cwd or here


def _placed(specs: Iterable[JobSpec], here: str) -> Iterator[JobSpec]:
    """Let each job run where it was enqueued, unless it says where."""
    place = JobSpec._fields.index("cwd")
    for spec in specs:
        if spec.cwd is None:
            # As `_replace` does it, in a third of the time: this is done a hundred thousand times.
            yield JobSpec._make((*spec[:place], here, *spec[place + 1 :]))
        elif spec.cwd.startswith("/"):
            yield spec
        else:
            yield spec._replace(cwd=os.path.join(here, spec.cwd))


# -- what is said about it ---------------------------------------------------------------------


def _report(session: Session, jobs: Sequence[Enqueued], workers: int) -> None:
    """Name the jobs that are stored now; whatever goes wrong here cannot change that."""
    try:
        _show(session, jobs)
        output.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        output.warning(f"the jobs are stored, but their ids could not be written: {error.strerror}")
        output.discard()
    session.hint_at_missing_worker(workers)


def _show(session: Session, jobs: Sequence[Enqueued]) -> None:
    if session.json:
        output.document({"jobs": [{"id": job.id, "how": job.how} for job in jobs]})
    elif output.is_terminal() and not session.quiet:
        from queuectl.cli.sentences import named

        hows = dict.fromkeys(job.how for job in jobs)
        verbs = {"created": "Enqueued", "skipped": "Skipped", "replaced": "Replaced"}
        for how in hows:
            output.write(f"{verbs[how]} {named([job.id for job in jobs if job.how == how])}.\n")
    else:
        for job in jobs:
            output.write(output.safe(job.id) + "\n")
