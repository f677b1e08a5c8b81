"""The root command: which words there are, and how each call of the program ends.

The words stand in a table, so that neither help nor completion imports a command.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.options import session_of, shared
from queuectl.cli.session import Session
from queuectl.cli.words import LazyWords
from queuectl.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: By word: section of the help, help in one line, place of the command.
TABLE = {
    "enqueue": ("Jobs", "Put a job into the queue, or many.", "queuectl.cli.enqueue:command"),
    "list": ("Jobs", "List jobs.  [also: ls]", "queuectl.cli.list:command"),
    "status": ("Jobs", "Count the jobs by state, and show the workers.", "queuectl.cli.status:command"),
    "stats": ("Jobs", "Show throughput, success, waits and run times.", "queuectl.cli.stats:command"),
    "top": ("Jobs", "Watch what goes on, and act on it by keys.", "queuectl.cli.top.command:command"),
    "show": ("Jobs", "Show one job in full.", "queuectl.cli.show:command"),
    "explain": ("Jobs", "Say why a job is not running.", "queuectl.cli.explain:command"),
    "logs": ("Jobs", "Show what a job printed.", "queuectl.cli.logs:command"),
    "edit": ("Jobs", "Change jobs that have not started.", "queuectl.cli.edit:command"),
    "wait": ("Jobs", "Wait until jobs have ended.", "queuectl.cli.wait:command"),
    "cancel": ("Jobs", "Stop jobs, running or not.", "queuectl.cli.cancel:command"),
    "retry": ("Jobs", "Run jobs again that have ended.", "queuectl.cli.retry:command"),
    "rm": ("Jobs", "Remove jobs that have ended.", "queuectl.cli.rm:command"),
    "prune": ("Jobs", "Remove jobs that ended long ago.", "queuectl.cli.prune:command"),
    "events": ("Jobs", "Tell what happened to the jobs, step by step.", "queuectl.cli.events:command"),
    "pause": ("Queues", "Hold queues back: nothing of them is started.", "queuectl.cli.pause:command"),
    "resume": ("Queues", "Let the jobs of paused queues be started again.", "queuectl.cli.resume:command"),
    "worker": ("Workers", "Run the jobs; see and stop the workers.", "queuectl.cli.worker:command"),
    "dlq": ("Dead Letter Queue", "See, retry and purge the jobs that gave up.", "queuectl.cli.dlq:command"),
    "config": ("Settings", "Read and change the store's settings.", "queuectl.cli.config:command"),
    "init": ("Store", "Make the store, if it is not there.", "queuectl.cli.init:command"),
    "doctor": ("Store", "Examine the store, its machine and its workers.", "queuectl.cli.doctor:command"),
    "backup": ("Store", "Copy the store while workers go on.", "queuectl.cli.backup:command"),
    "export": ("Store", "Write all jobs, with their history, as JSON Lines.", "queuectl.cli.export:command"),
    "import": ("Store", "Read what export wrote, all or nothing.", "queuectl.cli.import_:command"),
    "schema": ("Settings", "Print the JSON Schema of jobs, events and errors.", "queuectl.cli.schema:command"),
    "completion": ("Getting started", "Let the shell complete commands and ids.", "queuectl.cli.completion:command"),
    "demo": ("Getting started", "Take a tour of ten seconds.", "queuectl.cli.demo:command"),
}

INTERRUPTED = 130  #: exit code after Ctrl-C, as shells have it: 128 + SIGINT


class ReaderGoneError(Exception):
    """Whoever reads stdout has seen enough, as in `list | head -1`."""


class Root(LazyWords):
    """The program as a whole."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - Click's signature
        **extra: Any,
    ) -> Any:
        """Run one command line; in standalone mode exit with its code."""
        words = sys.argv[1:] if args is None else list(args)
        session: Session = extra.setdefault("obj", Session())

        def run() -> Any:
            name = prog_name or "queuectl"
            return super(Root, self).main(words, name, complete_var, standalone_mode=False, **extra)

        try:
            if not standalone_mode:
                return run()
            sys.exit(_code_of(run, session, words))
        finally:
            session.close()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and keep from Click that nobody reads on: it would exit with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    def _main_shell_completion(self, ctx_args: Any, prog_name: str, complete_var: str | None = None) -> None:
        """Answer a shell that asks for candidates, and never with an error."""
        from queuectl.config import environment

        if complete_var is None and f"_{prog_name.upper()}_COMPLETE" in environment():
            from queuectl.cli import shells

            shells.answer(super()._main_shell_completion, ctx_args, prog_name)


def _code_of(run: Callable[[], Any], session: Session, words: Sequence[str]) -> int:
    """Run, report what goes wrong, and return the exit code."""
    try:
        result = run()
        output.flush()
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (ReaderGoneError, BrokenPipeError):
        output.discard()
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
        return _report(error, session, words)
    return result if isinstance(result, int) else 0


def _report(error: Exception, session: Session, words: Sequence[str]) -> int:
    from queuectl.cli import failure
    from queuectl.config import debug

    if session.debug or debug():
        from traceback import print_exception

        print_exception(error)
    unparsed = isinstance(error, click.UsageError | InvalidInput) and not session.is_open
    as_json = session.json or (unparsed and failure.wants_json(words))
    return failure.report(error, session, as_json=as_json)


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - Click's signature
    if value and not ctx.resilient_parsing:
        from queuectl import __version__

        click.echo(f"queuectl {__version__}")
        ctx.exit()


@click.group(
    "queuectl",
    cls=Root,
    table=TABLE,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARG]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command has its own --help.",
)
@click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@shared
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Run shell commands in the background.

    Failed jobs are retried with growing delays; what gives up waits in the Dead Letter Queue. Jobs
    outlive a worker that dies.
    """
    if ctx.invoked_subcommand is None:
        from queuectl.cli import welcome

        welcome.show(session_of(ctx))
