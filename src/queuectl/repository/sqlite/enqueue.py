"""Storing new jobs: all of a call or none, in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from queuectl.config import settings_from
from queuectl.model import NO_POLICY, JobState
from queuectl.repository.base import Enqueued, IfExists
from queuectl.repository.sql.arriving import BLOCK, Created, clash, existing, is_running, key_taken, random_ids
from queuectl.repository.sql.rows import policy_text
from queuectl.repository.sqlite.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from queuectl.config import Settings
    from queuectl.model import JobSpec

#: What is bound where null is meant. To bind None costs Python 3.11 as much as four texts, and a text as much as four
#: numbers; most jobs leave most fields out. No field has this value: -1 is no text, no time-out and no base.
_NOTHING = -1
_MAYBE = f"nullif(?, {_NOTHING})"

_INSERT = f"""
    INSERT INTO jobs (id, command, queue, priority, max_retries, backoff_base, created_at, updated_at, next_run_at,
        delayed, cwd, env, tags, timeout, unique_key, policy)
    VALUES (?, ?, ?, ?, ?, {_MAYBE}, ?, ?, ?, ?, {", ".join([_MAYBE] * 6)})
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


def _insert_all(db: sqlite3.Connection, rows: _Rows) -> Sequence[Enqueued]:
    (before,) = db.execute("SELECT coalesce(max(seq), 0) FROM jobs").fetchone()
    created = Created()
    some = iter(rows)
    while True:
        try:
            db.executemany(_INSERT, islice(some, BLOCK))
        except sqlite3.IntegrityError as error:
            raise clash(db, rows.last[0], _key(rows.last), before=before) from error
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
    found = existing(db, row[0], _key(row))
    if found is None:
        db.execute(_INSERT, row)
        tag(db, row[0], tags)
        _count(db, {("scheduled" if row[9] else "ready", row[2]): 1})
        return Enqueued(row[0], "created")
    seq, job_id, state = found
    if if_exists is IfExists.SKIP:
        return Enqueued(job_id, "skipped")
    if state == JobState.PROCESSING:
        raise is_running(job_id)
    db.execute(_UNTAG, (seq, seq))
    try:
        db.execute(_REPLACE, (*row[1:6], *row[7:], seq))
    except sqlite3.IntegrityError as error:
        raise key_taken(row[14]) from error
    tag(db, job_id, tags)
    return Enqueued(job_id, "replaced")


def _key(row: tuple[Any, ...]) -> str | None:
    return None if row[14] == _NOTHING else row[14]


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
