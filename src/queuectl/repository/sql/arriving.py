"""What every engine does with new jobs: their ids, what became of them, and what stands in their way."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from queuectl import errors
from queuectl.repository.base import Enqueued

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.model import JobState
    from queuectl.repository.sql.database import Database

_ALPHABET = b"0123456789abcdefghjkmnpqrstvwxyz"  #: Crockford's: nothing that looks like something else
_LETTERS = bytes(_ALPHABET[byte & 31] for byte in range(256))
_LENGTH = 10  #: 50 random bits: one clash in ten thousand when 100,000 jobs join a million
BLOCK = 1000  #: jobs that are inserted at once


def random_ids() -> Iterator[str]:
    """Make ids for people: short, random from the first character on, easy to read out."""
    while True:
        block = os.urandom(_LENGTH * 64).translate(_LETTERS).decode()
        for start in range(0, len(block), _LENGTH):
            yield block[start : start + _LENGTH]


class Created(Sequence[Enqueued]):
    """What became of new jobs, in little more memory than their ids have letters: there may be a million."""

    def __init__(self) -> None:
        self._blocks: list[str] = []  # ids of so many jobs each, with NUL between, fewer in the last
        self._number = 0

    def add(self, ids: Sequence[str]) -> None:
        """Take in the ids of a block, all but the last one a full one."""
        self._blocks.append("\0".join(ids))
        self._number += len(ids)

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Enqueued]:
        for block in self._blocks:
            for job_id in block.split("\0"):
                yield Enqueued(job_id, "created")

    @overload
    def __getitem__(self, index: int) -> Enqueued: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Enqueued]: ...
    def __getitem__(self, index: int | slice) -> Enqueued | Sequence[Enqueued]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._number))]
        block, place = divmod(range(self._number)[index], BLOCK)
        return Enqueued(self._blocks[block].split("\0")[place], "created")


def existing(db: Database, job_id: str, key: str | None) -> tuple[int, str, JobState] | None:
    """Return number, id and state of the job that has this id, or else waits or runs with this unique key."""
    found: tuple[int, str, JobState] | None
    found = db.execute("SELECT seq, id, state FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if found is None and key:
        found = db.execute(
            "SELECT seq, id, state FROM jobs WHERE unique_key = ? AND state IN ('pending', 'processing')", (key,)
        ).fetchone()
    return found


def clash(db: Database, job_id: str, key: str | None, *, before: int) -> errors.Conflict:
    """Say what stands in the way of a new job; up to the number `before` nothing is of the same call."""
    found = db.execute("SELECT seq, state FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if found is None:
        return key_taken(key or "")
    seq, state = found
    return twice(job_id) if seq > before else exists(job_id, state)


def twice(job_id: str) -> errors.JobExists:
    """Say that an id stands twice in one call."""
    return errors.JobExists(
        f"id {job_id!r} stands twice in this call", hint="nothing was stored; give each job its own id"
    )


def exists(job_id: str, state: str) -> errors.JobExists:
    """Say that an id is taken."""
    return errors.JobExists(
        f"job {job_id!r} exists already ({state})",
        hint="nothing was stored; choose another id, or say --if-exists skip or replace",
    )


def is_running(job_id: str) -> errors.WrongState:
    """Say that a job cannot be replaced."""
    return errors.WrongState(
        f"job {job_id!r} is processing and cannot be replaced",
        hint=f"wait for it, or queuectl cancel {errors.typed(job_id)}",
    )


def key_taken(key: str) -> errors.UniqueKeyTaken:
    """Say that a unique key is taken."""
    return errors.UniqueKeyTaken(
        f"a pending or processing job has the unique key {key!r}",
        hint="nothing was stored; wait until it has ended, or say --if-exists skip or replace",
    )
