"""Every error that queuectl reports, as one tree.

A class says what went wrong in general: the exit code and a stable word for scripts. An
instance names the thing and the way out. Nothing here knows how errors are shown; a job
that fails is not an error but an `Execution`.
"""

# ruff: noqa: N818 - the names are read after `raise` and `except`, where the suffix says nothing

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class QueuectlError(Exception):
    """The root: whatever a user can be told in a sentence."""

    exit_code: ClassVar[int] = 1  #: of the process that ends with it
    code: ClassVar[str] = "error"  #: the word for `--json`; never changes once released

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Say in `message` what is wrong, naming the thing, and in `hint` the way out."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def as_json(self) -> dict[str, dict[str, str | None]]:
        """Return the document that `--json` prints on stderr."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


class OperationFailed(QueuectlError):
    """What was asked for was sound, and did not work."""

    exit_code = 1
    code = "operation_failed"


class StoreUntrusted(OperationFailed):
    """Another user may write the store, and so could choose what a worker runs."""

    code = "store_untrusted"


class TimeRanOut(QueuectlError):
    """What was waited for has not come about in the time that was given."""

    exit_code = 124
    code = "time_ran_out"


class LeaseLost(QueuectlError):
    """A worker's claim no longer holds. It stays inside the worker."""

    exit_code = 1
    code = "lease_lost"


class InvalidInput(QueuectlError):
    """What was typed or read is not valid: an option, a value, JSON, a setting."""

    exit_code = 2
    code = "invalid_input"


class NotFound(QueuectlError):
    """What was named does not exist, or not only once."""

    exit_code = 3
    code = "not_found"


class JobNotFound(NotFound):
    """No job has this id, and none begins with it."""

    code = "job_not_found"


class AmbiguousId(NotFound):
    """Several jobs begin with this prefix."""

    code = "ambiguous_id"


class WorkerNotFound(NotFound):
    """No worker has this name."""

    code = "worker_not_found"


class QueueNotFound(NotFound):
    """No job is in this queue, and it is not paused."""

    code = "queue_not_found"


class GroupNotFound(NotFound):
    """No dead job died of what is meant."""

    code = "group_not_found"


class Conflict(QueuectlError):
    """What is there already stands in the way."""

    exit_code = 4
    code = "conflict"


class JobExists(Conflict):
    """The id is taken, in the store or by another job of the same call."""

    code = "job_exists"


class WrongState(Conflict):
    """The job's state does not allow this action."""

    code = "wrong_state"


class UniqueKeyTaken(Conflict):
    """A job that has not ended carries this unique key."""

    code = "unique_key_taken"


class StoreError(QueuectlError):
    """The store cannot be used as it is."""

    exit_code = 6
    code = "store_error"


class StoreBusy(StoreError):
    """Somebody else held the store's lock for too long."""

    code = "store_busy"


class StoreFull(StoreError):
    """No space is left where the store is."""

    code = "store_full"


class StoreReadOnly(StoreError):
    """The store, or its directory, may not be written."""

    code = "store_read_only"


class StoreDamaged(StoreError):
    """The store's content is broken."""

    code = "store_damaged"


class StoreForeign(StoreError):
    """The file is not one of ours."""

    code = "store_foreign"


class StoreNewer(StoreError):
    """The store was written by a later version of queuectl."""

    code = "store_newer"


class StoreUnreachable(StoreError):
    """The store cannot be opened: no such directory, no permission, no server."""

    code = "store_unreachable"


class StoreGone(StoreError):
    """The store was deleted or replaced while it was open."""

    code = "store_gone"


def quoted(text: str, *, limit: int = 60) -> str:
    r"""Return `text` as a message shows it: quoted, control characters as `\x1b`, cut short.

    `limit` is in characters before quoting.
    """
    return repr(text) if len(text) <= limit else repr(text[:limit]) + "…"


def typed(*names: str) -> str:
    """Return ids as one types them in a shell behind all options: quoted, and after `--` if one begins with `-`."""
    from shlex import join

    return ("-- " if any(name.startswith("-") for name in names) else "") + join(names)


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Return `did you mean 'x'?` for the choice nearest to `word`, or None if none is near."""
    from difflib import get_close_matches

    known = {choice.casefold(): choice for choice in choices}
    near = get_close_matches(word[:100].casefold(), known, n=1)
    return f"did you mean {known[near[0]]!r}?" if near else None
