"""Storing new jobs: all of a call or none, in one transaction; many of them by COPY."""

from __future__ import annotations

import json
import re
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from psycopg.errors import UniqueViolation

from queuectl.config import settings_from
from queuectl.model import NO_POLICY, JobState
from queuectl.repository.base import Enqueued, IfExists
from queuectl.repository.postgres.connection import Connection
from queuectl.repository.postgres.persistence import persistent
from queuectl.repository.sql.arriving import (
    BLOCK,
    Created,
    existing,
    exists,
    is_running,
    key_taken,
    random_ids,
    twice,
)
from queuectl.repository.sql.rows import marks, policy_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from queuectl import errors
    from queuectl.config import Settings
    from queuectl.model import JobSpec
    from queuectl.repository.postgres.transactions import Database

_COLUMNS = (
    "id", "command", "queue", "priority", "max_retries", "backoff_base", "created_at", "updated_at", "next_run_at",
    "delayed", "cwd", "env", "tags", "timeout", "unique_key", "policy",
)  # fmt: skip
_ID, _TAGS, _KEY = map(_COLUMNS.index, ("id", "tags", "unique_key"))

_INSERT = f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({marks(_COLUMNS)})"
_COPY = f"COPY jobs ({', '.join(_COLUMNS)}) FROM STDIN"
_TAG = """
    INSERT INTO tags (tag, seq) SELECT DISTINCT tag, seq FROM jobs, json_array_elements_text(tags::json) AS tag
    WHERE seq = ?
"""
_UNTAG = (
    "DELETE FROM tags WHERE seq = ? AND tag IN (SELECT json_array_elements_text(tags::json) FROM jobs WHERE seq = ?)"
)
_REPLACE = f"""
    UPDATE jobs SET {", ".join(f"{name} = ?" for name in _COLUMNS if name not in ("id", "created_at"))},
        state = 'pending', attempts = 0, started_at = NULL, finished_at = NULL, duration_seconds = NULL,
        exit_code = NULL, error = NULL, reason = 'replaced', returned = 0, retry_until = NULL, signature = NULL
    WHERE seq = ?
"""


class Enqueueing(Connection):
    """The part of the repository that takes jobs in."""

    def enqueue(
        self, specs: Iterable[JobSpec], *, now: int, if_exists: IfExists = IfExists.ERROR
    ) -> Sequence[Enqueued]:
        """Store all of them or none; see `JobRepository.enqueue`."""
        if if_exists is IfExists.ERROR:
            return self._insert_all(specs, now)
        wanted = list(specs)
        for is_last in (False, False, True):  # what others enqueue at the same moment is there the next time
            try:
                found: Sequence[Enqueued] = self._insert_or(wanted, now, if_exists)
            except UniqueViolation as error:
                if is_last:
                    raise self._clash(error) from error
            else:
                return found
        raise AssertionError

    def _insert_all(self, specs: Iterable[JobSpec], now: int) -> Sequence[Enqueued]:
        created = Created()
        try:
            with self._working() as db:
                _insert(db, _noted(_rows(specs, now, _settings(db)), created))
        except UniqueViolation as error:
            raise self._clash(error) from error
        return created

    def _clash(self, error: UniqueViolation) -> errors.Conflict:
        """Say which job stood in the way; by what the server says, for what was stored of the call is gone."""
        found = re.search(r"\((?:id|unique_key)\)=\((.*)\)", error.diag.message_detail or "", re.DOTALL)
        value = found[1] if found else ""
        if error.diag.constraint_name == "jobs_unique_key":
            return key_taken(value)
        with self._reading() as db:
            row = db.execute("SELECT state FROM jobs WHERE id = ?", (value,)).fetchone()
        return exists(value, row[0]) if row else twice(value)

    @persistent  # unlike `enqueue`, it has what it was given in a list, and can be called again
    def _insert_or(self, specs: Sequence[JobSpec], now: int, if_exists: IfExists) -> Sequence[Enqueued]:
        with self._writing() as db:
            return [_insert_or(db, row, if_exists) for row in _rows(specs, now, _settings(db))]


def _settings(db: Database) -> Settings:
    return settings_from(dict(db.execute("SELECT key, value FROM settings").fetchall()))


def _rows(specs: Iterable[JobSpec], now: int, settings: Settings) -> Iterator[tuple[Any, ...]]:
    """Yield the row of each specification, in the order of `_COLUMNS`."""
    names = random_ids()
    for spec in specs:
        due = now if spec.run_at is None else spec.run_at
        yield (
            spec.id or next(names),
            spec.command,
            spec.queue,
            spec.priority,
            settings.max_retries if spec.max_retries is None else spec.max_retries,
            spec.backoff_base,
            now,
            now,
            due,
            int(due > now),
            spec.cwd,
            json.dumps(dict(spec.env), ensure_ascii=False) if spec.env else None,
            json.dumps(spec.tags, ensure_ascii=False) if spec.tags else None,
            settings.timeout if spec.timeout is None else spec.timeout,
            spec.unique_key,
            None if spec.policy is NO_POLICY else policy_text(spec.policy),
        )


def _noted(rows: Iterator[tuple[Any, ...]], created: Created) -> Iterator[tuple[Any, ...]]:
    """Pass rows on, and write down their ids."""
    while block := list(islice(rows, BLOCK)):
        created.add([row[_ID] for row in block])
        yield from block


def _insert(db: Database, rows: Iterator[tuple[Any, ...]]) -> None:
    """Insert rows while they are made; a single one as it is, for to copy takes two answers more."""
    first = list(islice(rows, 2))
    if len(first) == 1:
        db.execute(_INSERT, first[0])
    elif first:
        with db.driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in chain(first, rows):
                copy.write_row(row)


def _insert_or(db: Database, row: tuple[Any, ...], if_exists: IfExists) -> Enqueued:
    found = existing(db, row[_ID], row[_KEY])
    if found is None:
        db.execute(_INSERT, row)
        return Enqueued(row[_ID], "created")
    seq, job_id, state = found
    if if_exists is IfExists.SKIP:
        return Enqueued(job_id, "skipped")
    if state == JobState.PROCESSING:
        raise is_running(job_id)
    db.execute(_UNTAG, (seq, seq))
    values = [value for name, value in zip(_COLUMNS, row, strict=True) if name not in {"id", "created_at"}]
    db.execute(_REPLACE, (*values, seq))
    if row[_TAGS]:
        db.execute(_TAG, (seq,))
    return Enqueued(job_id, "replaced")
