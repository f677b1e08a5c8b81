"""The options that commands share, and the types of values that people type."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from queuectl.cli.session import Session, now
from queuectl.cli.words import SharedOption
from queuectl.errors import InvalidInput, did_you_mean, quoted
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from click.shell_completion import CompletionItem

    Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

F = TypeVar("F", bound="Callable[..., Any]")


def session_of(ctx: click.Context) -> Session:
    """Return what this call of the program works with."""
    session: Session = ctx.find_root().ensure_object(Session)
    return session


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Note the option in the session; the one nearest to the end of the line wins."""
    if value not in {None, False}:
        setattr(session_of(ctx), str(param.name), value)


def shared(function: F) -> F:
    """Let a command take the options that all take, behind its word too."""
    for names, settings in reversed(_SHARED):
        function = click.option(*names, cls=SharedOption, expose_value=False, callback=_remember, **settings)(function)
    return function


@contextmanager
def named(param: click.Parameter | None) -> Iterator[None]:
    """Let an error about a value name the option that it was given to."""
    try:
        yield
    except InvalidInput as error:
        option = f"{max(param.opts, key=len)}: " if param else ""
        raise InvalidInput(f"{option}{error.message}", error.hint) from None


class Duration(click.ParamType[float]):
    """A duration like `90s` or `2h30m`, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds."""
        from queuectl.duration import parse_duration

        with named(param):
            return parse_duration(value) if isinstance(value, str) else value


class Time(click.ParamType[int]):
    """A time like `18:00`, `+10m` or RFC 3339, as milliseconds since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the instant."""
        from queuectl.duration import parse_time

        with named(param):
            return parse_time(value, _present(ctx)) if isinstance(value, str) else value


def _present(ctx: click.Context | None) -> int:
    """Return the present; while a line is being completed no server is asked for it."""
    return now() if ctx is None or ctx.resilient_parsing else session_of(ctx).now()


class OrNone(click.ParamType[object]):
    """A value of another type, or `none` for the absence of one."""

    name = "value or none"

    def __init__(self, kind: click.ParamType[Any]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value; `none` stays as it is, for None means that the option was not given."""
        return value if value == "none" else self._kind.convert(value, param, ctx)


class States(click.ParamType[tuple[JobState, ...]]):
    """Names of states with commas between them, as a tuple."""

    name = "states"

    def __init__(self, allowed: Collection[JobState] = tuple(JobState), but: str = "") -> None:
        self._allowed = [state for state in JobState if state in allowed]
        self._but = but  # why not the others

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the states."""
        words = [word.strip().lower() for word in str(value).split(",")]
        states = tuple(map(_state, words))  # an empty word is no state: it must not come to mean all
        for state in states:
            if state not in self._allowed:
                with named(param):
                    raise InvalidInput(f"{state} {self._but}", f"give {', '.join(self._allowed)}")
        return states

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the states for the last word of the list."""
        from click.shell_completion import CompletionItem

        before, comma, word = incomplete.rpartition(",")
        chosen = before.split(",")
        return [
            CompletionItem(before + comma + state)
            for state in self._allowed
            if state.startswith(word) and state not in chosen
        ]


def _state(word: str) -> JobState:
    try:
        return JobState(word)
    except ValueError:
        hint = did_you_mean(word, map(str, JobState)) or f"the states are {', '.join(JobState)}"
        raise InvalidInput(f"there is no state {quoted(word)}", hint) from None


def flat(groups: tuple[tuple[JobState, ...], ...]) -> tuple[JobState, ...]:
    """Return the states that a repeated option of `States` has collected, each once."""
    return tuple(dict.fromkeys(state for group in groups for state in group))


# -- completion: nothing is created, and whatever goes wrong offers nothing ------------------


def job_ids(*states: JobState) -> Completer:
    """Return a completer for the ids of jobs in these states (none named: all)."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from queuectl.cli.candidates import jobs

        return jobs(session_of(ctx), incomplete, states, but=ctx.params.get(str(param.name)))

    return complete


def queue_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the queues that hold jobs."""
    del param
    from queuectl.cli.candidates import queues

    return queues(session_of(ctx), incomplete)


def paused_queues(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the queues that are paused."""
    del param
    from queuectl.cli.candidates import paused

    return paused(session_of(ctx), incomplete)


def worker_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of the workers that are alive."""
    del param
    from queuectl.cli.candidates import workers

    return workers(session_of(ctx), incomplete)


def tag_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the tags of the newest jobs."""
    del param
    from queuectl.cli.candidates import tags

    return tags(session_of(ctx), incomplete)


def files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell offer file names."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _not_blank(ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """Refuse an empty text that was given: it would let everything through, or nothing."""
    given = ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
    if given and ("" in value if isinstance(value, tuple) else not value):
        with named(param):
            raise InvalidInput("the text is empty", "leave the option out to let every job through")
    return value


def some_time(_ctx: click.Context, param: click.Parameter, value: float) -> float:
    """Refuse a span in which nothing can have happened."""
    if not value:
        with named(param):
            raise InvalidInput("a span of 0 holds nothing", "give one like 10m, 1h or 7d")
    return value


def preferred(key: str) -> Callable[[], Any]:
    """Return a default that takes the user's preference when a command line leaves the option out."""

    def default() -> Any:
        return session_of(click.get_current_context()).preferences.value(key)

    return default


class Count(click.types.IntParamType):
    """A number of things, 0 and more: what a store can hold is no bound that a person needs to read of."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        number: int = super().convert(value, param, ctx)
        if number < 0:
            self.fail(f"{number} is less than 0", param, ctx)
        if number >= 2**63:
            self.fail(f"{number} is too large", param, ctx)
        return number


_COUNT = Count()

#: Which jobs: of queues, with tags, with a text, and how many at most.
queue_option = click.option(
    "-Q", "--queue", "queues", multiple=True, metavar="NAME", callback=_not_blank, shell_complete=queue_names,
    help="Only this queue.",
)  # fmt: skip
tag_option = click.option(
    "-t", "--tag", "tags", multiple=True, metavar="TAG", callback=_not_blank, shell_complete=tag_names,
    help="Only with this tag.",
)  # fmt: skip
search_option = click.option(
    "--search",
    default="",
    callback=_not_blank,
    metavar="TEXT",
    help="Only if the id or the command contains this, in any case.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say which jobs it would be.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
limit_option = click.option(
    "-n", "--limit", type=_COUNT, default=preferred("list.limit"), metavar="N",
    help="Only the newest N; 0 for all.  [default: 50]",
)  # fmt: skip

_SHARED: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("--db",),
        {
            "is_eager": True,  # before a time is read that may count from the store's present
            "metavar": "PATH|URL",
            "shell_complete": files,
            "help": "The store: a file, or postgresql://user@host/database.  [env QUEUECTL_DB; default queue.db]",
        },
    ),
    (("--json",), {"is_flag": True, "is_eager": True, "help": "Print one JSON document and nothing else."}),
    (("-q", "--quiet"), {"is_flag": True, "help": "Print data and errors only."}),
    (("--debug",), {"is_flag": True, "help": "Show a traceback with an error."}),
)


def check_ids_or_all(verb: str, ids: tuple[str, ...], *, everything: bool, filtered: bool) -> None:
    """See to it that a line names jobs or says `--all`, and has filters only with `--all`.

    Raises:
        InvalidInput: it says neither, or both.
    """
    if everything == bool(ids):
        raise InvalidInput(f"name the jobs to {verb}, or say --all", "queuectl list shows the jobs")
    if ids and filtered:
        raise InvalidInput("filters go with --all, not with ids", "leave out the one or the other")
