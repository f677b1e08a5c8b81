"""What is said when a command fails: any exception becomes a message, a hint and an exit code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from queuectl import errors
from queuectl.cli import output

if TYPE_CHECKING:
    from collections.abc import Sequence


#: How Click says it, and how we do: it names its own types, and ranges by a formula.
_WORDS = (
    (r"(?<=is not a )valid integer( range)?$", "whole number"),
    (r"(?<=is not a )valid float( range)?$", "number"),
    (r"is not in the range x>=(\d+)$", r"is less than \1"),
    (r"is not in the range (\d+)<=x<=(\d+)$", r"is not from \1 to \2"),
)


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


def report(error: Exception, *, as_json: bool) -> int:
    """Say on stderr what is wrong and how to go on; return the exit code."""
    known = error_of(error)
    output.error(known.message)
    if known.hint:
        output.hint(known.hint)
    if as_json:
        output.message(output.as_json(known.as_json()))
    return known.exit_code


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
        known = [option for param in context.command.get_params(context) for option in param.opts] if context else []
        near = errors.did_you_mean(error.option_name, [option for option in known if option.startswith("--")])
        where = f" in {context.command_path}" if context else ""
        return errors.InvalidInput(f"there is no option {errors.quoted(error.option_name)}{where}", near or hint)
    return errors.InvalidInput(_sentence(error.format_message()), hint)


def _sentence(text: str) -> str:
    """Return one of Click's messages in the form of ours: no capital in front, no full stop."""
    text = re.sub(r"\s+", " ", text).strip().removesuffix(".")
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text[:1].lower() + text[1:]
