"""What is said when a command fails: any exception becomes a message, a hint and an exit code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from queuectl import errors
from queuectl.cli import output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.cli.session import Session

#: How Click says it, and how we do: it names its own types, and ranges by a formula.
_WORDS = (
    (r"(?<=is not a )valid integer( range)?$", "whole number"),
    (r"(?<=is not a )valid float( range)?$", "number"),
    (r"is not in the range x>=(\d+)$", r"is less than \1"),
    (r"is not in the range (\d+)<=x<=(\d+)$", r"is not from \1 to \2"),
)

#: Arguments that take ids of jobs.
_IDS = {"job_id", "ids"}
#: A command of ours in a hint that names no store yet.
_CALL = r"\bqueuectl (?=[a-z])"


def error_of(error: Exception) -> errors.QueuectlError:
    """Return the error to report for an exception."""
    if isinstance(error, errors.QueuectlError):
        return error
    if isinstance(error, click.ClickException):
        return _of_click(error)
    if isinstance(error, OSError):
        place = f" {errors.quoted(str(error.filename))}" if error.filename else ""
        hint = None if error.filename else "free some space, or send the result elsewhere"
        return errors.OperationFailed(f"{error.strerror or error}{place}", hint)
    if isinstance(error, UnicodeEncodeError):  # bytes on the command line that are no text; nothing was stored
        what = errors.quoted(error.object[error.start : error.end])
        return errors.InvalidInput(f"{what} is not valid UTF-8", "the store holds text only")
    hint = "this is a bug; the option --debug shows where"
    return errors.QueuectlError(f"unexpected {type(error).__name__}: {error}", hint)


def report(error: Exception, session: Session, *, as_json: bool) -> int:
    """Say on stderr what is wrong and how to go on; return the exit code."""
    known = error_of(error)
    known.hint = known.hint and _addressed(known.hint, session)
    output.error(known.message)
    if known.hint:
        output.hint(known.hint)
    if as_json:
        output.message(output.as_json(known.as_json()))
    return known.exit_code


def _addressed(hint: str, session: Session) -> str:
    """Let commands in a hint be about the same store, and among the dead about them: who raised it knows of neither."""
    if session.is_among_dead:
        hint = hint.replace("queuectl list ", "queuectl dlq list ")
    if session.db is None or hint.endswith("--help"):
        return hint
    return re.sub(_CALL, lambda _: session.call(""), hint)


def wants_json(words: Sequence[str]) -> bool:
    """Guess from a command line that could not be parsed whether it asked for JSON."""
    end = words.index("--") if "--" in words else len(words)
    return "--json" in words[:end]


def _of_click(error: click.ClickException) -> errors.QueuectlError:
    """Return a mistake that Click found, in our form."""
    if isinstance(error, click.FileError):
        return errors.OperationFailed(_sentence(error.format_message()))
    context = getattr(error, "ctx", None)
    hint = f"see {context.command_path} --help" if context else None
    if isinstance(error, click.NoSuchOption):
        return _of_option(error.option_name, context, hint)
    return errors.InvalidInput(_sentence(error.format_message()), hint)


def _of_option(option: str, context: click.Context | None, hint: str | None) -> errors.InvalidInput:
    """Return what is to be said of an option that is none; it may be meant as an id."""
    params = context.command.get_params(context) if context else []
    known = [name for param in params for name in param.opts]
    near = errors.did_you_mean(option, [name for name in known if name.startswith("--")])
    if context and any(isinstance(param, click.Argument) and param.name in _IDS for param in params):
        hint = f"an id that begins with - goes behind --, as in: {context.command_path} -- ID"
    where = f" in {context.command_path}" if context else ""
    return errors.InvalidInput(f"there is no option {errors.quoted(option)}{where}", near or hint)


def _sentence(text: str) -> str:
    """Return one of Click's messages in the form of ours: no capital in front, no full stop."""
    text = re.sub(r"\s+", " ", text).strip().removesuffix(".")
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text[:1].lower() + text[1:]
