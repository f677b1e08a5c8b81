"""`queuectl enqueue`: put jobs into the queue, all of a call or none."""

from __future__ import annotations

from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import enqueued, sources
from queuectl.cli.accepted import Acceptance
from queuectl.cli.options import Duration, Time, files, queue_names, shared, tag_names
from queuectl.cli.policy import policy_fields, policy_options
from queuectl.cli.session import Session, now
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput, quoted
from queuectl.model import NO_POLICY, JobSpec
from queuectl.repository.base import IfExists
from queuectl.spec import build_spec, parse_word
from queuectl.worker.living import call_workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from queuectl.cli.waiting import Wish


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
@click.option("--lines", metavar="PATH|-", shell_complete=files, help="Read shell commands, one a line.")
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
@click.option("--wait", is_flag=True, help="Show its output as it comes, and exit by what becomes of it.")
@click.option("--exit-code", "own", is_flag=True, help="With --wait: if it fails, exit with its own code.")
@click.option("--timeout-wait", "patience", type=Duration(), metavar="DUR", help="With --wait: no longer than this.")
@shared
@click.pass_obj
def command(session: Session, /, words: tuple[str, ...], if_exists: str, at: int | None, **options: Any) -> int:
    """Put a job into the queue, or many: all of them or none.

    One word that is a JSON object or array is a specification; any other word is a line for the
    shell; several words are a command with its arguments, and keep their quoting. Options behind
    a command are the command's own. With JSON they win over its fields; --env and --tag add to them.

    A --file holds an object, an array of objects, or one object a line (JSON Lines). Fields: command,
    id, max_retries, backoff_base, priority, run_at or delay, timeout, queue, cwd, env, tags, unique_key,
    success_codes, retry_on, give_up_on, backoff_max, backoff_jitter, retry_for.
    Of --lines each is a command for the shell; blank ones and those that begin with # are left out.

    With --wait stdout is the job's own, and its id goes to stderr; several jobs are told as by
    `queuectl wait`, which says more about the exit code.

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
      queuectl enqueue --wait --exit-code 'make test' > test.log
    """
    if at is not None and options["delay"] is not None:
        raise InvalidInput("both --at and --delay are given", "keep one of them")
    wish = _wish(options)
    moment, here = session.now(), sources.here()
    source = _source(options, words, moment, here)
    given = _given(options, at, moment, here)
    asked = _doubted(session, _jobs(words, source, given, moment, here), given)
    with _watched(session, source, asked) as specs, Acceptance() as acceptance:
        jobs = session.repository.enqueue(acceptance.after(specs), now=moment, if_exists=IfExists(if_exists))
        workers = call_workers(session.repository)  # before all else: they are quick
        if wish is None:
            acceptance.accept()
            enqueued.report(session, jobs, workers)
            _hint_at_options(session, words)
            return 0
        with enqueued.kept(session, jobs):
            acceptance.let_through()
            return enqueued.wait_for(session, jobs, wish)


def _hint_at_options(session: Session, words: Sequence[str]) -> None:
    """Say of an option behind a line for the shell that it is not ours: few programs have a blank in their name."""
    if len(words) > 1 and " " in words[0]:
        ours = {name for param in click.get_current_context().command.params for name in param.opts}
        found = next((name for name in (word.partition("=")[0] for word in words[1:]) if name in ours), None)
        if found:
            session.hint(
                f"{found} belongs to the command, as all that stands behind it; enqueue's own options go first"
            )


def _wish(options: dict[str, Any]) -> Wish | None:
    """Take out of the options what is asked of waiting; None: not to wait."""
    wait, own, patience = (options.pop(name) for name in ("wait", "own", "patience"))
    if not wait:
        if own or patience is not None:
            raise InvalidInput("--exit-code and --timeout-wait go with --wait", "say --wait too, or leave them out")
        return None
    from queuectl.cli.waiting import Wish

    return Wish(seconds=patience, own=own)


def _watched(
    session: Session, source: sources.Source | None, specs: Iterable[JobSpec]
) -> AbstractContextManager[Iterable[JobSpec]]:
    """Show a person how far it has come, if there is one and it takes a while."""
    if source is None:
        return nullcontext(specs)
    from queuectl.cli.progress import is_wanted, watched

    # Closed, it sets right what it drew, even if Ctrl-C comes between two jobs.
    return closing(watched(specs, "Enqueueing", number=source.number)) if is_wanted(session) else nullcontext(specs)


# -- what is to be stored ---------------------------------------------------------------------


def _given(options: dict[str, Any], at: int | None, moment: int, here: str) -> dict[str, Any]:
    """Return the fields that options name, checked as those of a specification are."""
    fields = policy_fields({name: value for name, value in options.items() if value is not None and value != ()})
    if "env" in fields:
        fields["env"] = dict(map(variable, fields["env"]))
    spec = build_spec({"command": "-", **fields}, now=moment, here=here)
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


def _source(options: dict[str, Any], words: Sequence[str], moment: int, here: str) -> sources.Source | None:
    """Take out of the options where the jobs come from; None: from the words on the line."""
    path, lines = options.pop("path"), options.pop("lines")
    if bool(words) + bool(path) + bool(lines) != 1:
        example = "queuectl enqueue 'echo Hello World', or --file jobs.json"
        is_several = words or path or lines
        raise InvalidInput(
            "give either a command or --file or --lines" if is_several else "there is no job to enqueue", example
        )
    return sources.Source(lines or path, moment, here, plain=bool(lines)) if path or lines else None


def _jobs(
    words: Sequence[str], source: sources.Source | None, given: dict[str, Any], moment: int, here: str
) -> Iterable[JobSpec]:
    """Return the jobs of a call, the options on its line applied."""
    if source:
        return sources.first_checked(_amended(source, given))
    specified = parse_word(words[0], now=moment, here=here) if len(words) == 1 else None
    if specified is not None:
        return list(_amended(specified, given))
    if len(words) == 1:
        line = words[0]
    else:
        from shlex import join

        line = join(words)
    # The command is checked with the rest, and the options once more, which is cheap.
    return [build_spec({"command": line}, now=moment, here=here)._replace(**given)]


def _doubted(session: Session, asked: Iterable[JobSpec], given: dict[str, Any]) -> Iterable[JobSpec]:
    """Look for the directory that a person named, by an option or of a single job on the line; of many it is theirs."""
    if "cwd" in given:
        sources.doubt(session, given["cwd"])
    elif isinstance(asked, list) and len(asked) == 1:
        sources.doubt(session, asked[0].cwd)
    return asked


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
