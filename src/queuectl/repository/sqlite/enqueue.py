"""Storing new jobs: all of a call or none, in one transaction."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, overload

from queuectl import errors
from queuectl.config import settings_from
from queuectl.model import NO_POLICY, JobState
from queuectl.repository.base import Enqueued, IfExists
from queuectl.repository.sqlite.connection import Connection
from queuectl.repository.sqlite.rows import policy_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from queuectl.config import Settings
    from queuectl.model import JobSpec

_ALPHABET = b"0123456789abcdefghjkmnpqrstvwxyz"  #: Crockford's: nothing that looks like something else
_LETTERS = bytes(_ALPHABET[byte & 31] for byte in range(256))
_BLOCK = 1000  #: jobs inserted by one statement
_LENGTH = 10  #: 50 random bits: one clash in ten thousand when 100,000 jobs join a million

#: What is bound where null is meant. To bind None costs Python 3.11 as much as four texts, and a text as much as four
#: numbers; most jobs leave most fields out. No field has this value: -1 is no text, no time-out and no base.
_NOTHING = -1
_MAYBE = f"nullif(?, {_NOTHING})"

_INSERT = f"""
    INSERT INTO jobs (id, command, queue, priority, max_retries, backoff_base, created_at, updated_at, next_run_at,
        delayed, cwd, env, tags, timeout, unique_key, policy)
    VALUES (?, ?, ?, ?, ?, {_MAYBE}, ?7, ?7, ?, ?, {", ".join([_MAYBE] * 6)})
"""

_REPLACE = f"""
    UPDATE jobs SET command = ?, queue = ?, priority = ?, max_retries = ?, backoff_base = {_MAYBE}, updated_at = ?,
        next_run_at = ?, delayed = ?, cwd = {_MAYBE}, env = {_MAYBE}, tags = {_MAYBE}, timeout = {_MAYBE},
        unique_key = {_MAYBE}, policy = {_MAYBE},
        state = 'pending', attempts = 0, started_at = NULL, finished_at = NULL, duration_seconds = NULL,
        exit_code = NULL, error = NULL, reason = 'replaced', returned = 0, retry_until = NULL, signature = NULL
    WHERE seq = ? AND state <> 'processing'
"""

#: The tags of a job are found by their names only.
_UNTAG = """
    DELETE FROM tags WHERE seq = ? AND tag IN (SELECT value FROM jobs, json_each(jobs.tags) WHERE jobs.seq = ?)
"""


class Enqueueing(Connection):
    """The part of the repository that takes jobs in."""

    def enqueue(
        self, specs: Iterable[JobSpec], *, now: int, if_exists: IfExists = IfExists.ERROR
    ) -> Sequence[Enqueued]:
        """Store all of them or none; see `JobRepository.enqueue`."""
        with self._writing() as db:
            rows = _Rows(specs, now, settings_from(dict(db.execute("SELECT key, value FROM settings"))))
            if if_exists is IfExists.ERROR:
                return _insert_all(db, rows)
            return [_insert_or(db, row, rows.take_tags(), if_exists) for row in rows]


class _Rows:
    """Turns specifications into rows one by one, and remembers the last one, the sums, and what comes after it."""

    def __init__(self, specs: Iterable[JobSpec], now: int, settings: Settings) -> None:
        self._specs = specs
        self._now = now
        self._settings = settings
        self.ids: list[str] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.tagged: list[tuple[str, tuple[str, ...]]] = []
        self.last: tuple[Any, ...] = ()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        now, settings, ids, counts = self._now, self._settings, self.ids, self.counts
        default_timeout = _NOTHING if settings.timeout is None else settings.timeout
        names = random_ids()
        before, where, number = False, "", 0  # most jobs of a call go to the same place: they are counted together
        # Taken apart at once: fourteen look-ups by name take twice as long, for each of a hundred thousand jobs.
        for (
            command, wanted_id, max_retries, base, priority, run_at, timeout, queue, cwd, env, tags, key, policy,
        ) in self._specs:  # fmt: skip
            due = now if run_at is None else run_at
            delayed = due > now
            job_id = wanted_id or next(names)
            ids.append(job_id)
            if delayed is not before or queue != where:
                if number:
                    counts["scheduled" if before else "ready", where] += number
                before, where, number = delayed, queue, 0
            number += 1
            if tags:
                self.tagged.append((job_id, tags))
            self.last = row = (
                job_id,
                command,
                queue,
                priority,
                settings.max_retries if max_retries is None else max_retries,
                _NOTHING if base is None else base,
                now,
                due,
                1 if delayed else 0,
                cwd or _NOTHING,
                json.dumps(dict(env), ensure_ascii=False) if env else _NOTHING,
                json.dumps(tags, ensure_ascii=False) if tags else _NOTHING,
                default_timeout if timeout is None else timeout,
                key or _NOTHING,
                _NOTHING if policy is NO_POLICY else policy_text(policy) or _NOTHING,
            )
            yield row
        if number:
            counts["scheduled" if before else "ready", where] += number

    def take_tags(self) -> Sequence[str]:
        """Return the tags of the last row, for whoever looks at one at a time."""
        return self.tagged.pop()[1] if self.tagged else ()


def random_ids() -> Iterator[str]:
    """Make ids for people: short, random from the first character on, easy to read out."""
    while True:
        block = os.urandom(_LENGTH * 64).translate(_LETTERS).decode()
        for start in range(0, len(block), _LENGTH):
            yield block[start : start + _LENGTH]


class _Created(Sequence[Enqueued]):
    """What became of new jobs, in little more memory than their ids have letters: there may be a million."""

    def __init__(self) -> None:
        self._blocks: list[str] = []  # ids of so many jobs each, with NUL between, fewer in the last
        self._number = 0

    def add(self, ids: Sequence[str]) -> None:
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
        block, place = divmod(range(self._number)[index], _BLOCK)
        return Enqueued(self._blocks[block].split("\0")[place], "created")


def _insert_all(db: sqlite3.Connection, rows: _Rows) -> Sequence[Enqueued]:
    (before,) = db.execute("SELECT coalesce(max(seq), 0) FROM jobs").fetchone()
    created = _Created()
    some = iter(rows)
    while True:
        try:
            db.executemany(_INSERT, islice(some, _BLOCK))
        except sqlite3.IntegrityError as error:
            raise _clash(db, rows.last, before) from error
        if not rows.ids:
            break
        for job_id, tags in rows.tagged:
            tag(db, job_id, tags)
        created.add(rows.ids)
        rows.ids.clear()
        rows.tagged.clear()
    _count(db, rows.counts)
    return created


def _insert_or(db: sqlite3.Connection, row: tuple[Any, ...], tags: Sequence[str], if_exists: IfExists) -> Enqueued:
    found = _existing(db, row)
    if found is None:
        db.execute(_INSERT, row)
        tag(db, row[0], tags)
        _count(db, {("scheduled" if row[8] else "ready", row[2]): 1})
        return Enqueued(row[0], "created")
    seq, job_id, state = found
    if if_exists is IfExists.SKIP:
        return Enqueued(job_id, "skipped")
    if state == JobState.PROCESSING:
        raise errors.WrongState(
            f"job {job_id!r} is processing and cannot be replaced", hint=f"wait for it, or queuectl cancel {job_id}"
        )
    db.execute(_UNTAG, (seq, seq))
    try:
        db.execute(_REPLACE, (*row[1:], seq))
    except sqlite3.IntegrityError as error:
        raise _key_taken(row[13]) from error
    tag(db, job_id, tags)
    return Enqueued(job_id, "replaced")


def _existing(db: sqlite3.Connection, row: tuple[Any, ...]) -> tuple[int, str, str] | None:
    found: tuple[int, str, str] | None
    found = db.execute("SELECT seq, id, state FROM jobs WHERE id = ?", (row[0],)).fetchone()
    if found is None and row[13] != _NOTHING:
        found = db.execute(
            "SELECT seq, id, state FROM jobs WHERE unique_key = ? AND state IN ('pending', 'processing')", (row[13],)
        ).fetchone()
    return found


def _clash(db: sqlite3.Connection, row: tuple[Any, ...], before: int) -> errors.Conflict:
    found = db.execute("SELECT seq, state FROM jobs WHERE id = ?", (row[0],)).fetchone()
    if found is None:
        return _key_taken(row[13])
    seq, state = found
    if seq > before:
        return errors.JobExists(
            f"id {row[0]!r} stands twice in this call", hint="nothing was stored; give each job its own id"
        )
    return errors.JobExists(
        f"job {row[0]!r} exists already ({state})",
        hint="nothing was stored; choose another id, or say --if-exists skip or replace",
    )


def _key_taken(key: str) -> errors.UniqueKeyTaken:
    return errors.UniqueKeyTaken(
        f"a pending or processing job has the unique key {key!r}",
        hint="nothing was stored; wait until it has ended, or say --if-exists skip or replace",
    )


def tag(db: sqlite3.Connection, job_id: str, tags: Iterable[str]) -> None:
    """Let a job be found by its tags."""
    db.executemany(
        "INSERT OR IGNORE INTO tags (tag, seq) SELECT ?, seq FROM jobs WHERE id = ?", [(tag, job_id) for tag in tags]
    )


def _count(db: sqlite3.Connection, counts: dict[tuple[str, str], int]) -> None:
    db.executemany(
        "INSERT INTO counts (place, queue, jobs) VALUES (?, ?, ?)"
        " ON CONFLICT (place, queue) DO UPDATE SET jobs = jobs + excluded.jobs",
        [(place, queue, jobs) for (place, queue), jobs in counts.items()],
    )
