"""What several tests ask of whole stores: their export, and whether all that is kept twice agrees."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from queuectl.model import FINAL, TRANSITIONS, JobState
from queuectl.repository.archive import read

if TYPE_CHECKING:
    from pathlib import Path

    from queuectl.repository.keeping import Imported
    from queuectl.repository.protocol import JobRepository


def exported(repository: JobRepository) -> list[bytes]:
    """Return the lines of an export."""
    return [json.dumps(entry).encode() + b"\n" for entry in repository.export()]


def imported(repository: JobRepository, lines: list[bytes], *, now: int, skip: bool = False) -> Imported:
    """Import lines."""
    return repository.import_(read(lines, source="test"), now=now, skip=skip)


def assert_sound(path: Path) -> None:
    """See that a store is whole: its file, its counters, its histories, its leases."""
    with closing(sqlite3.connect(path)) as db:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return db.execute(query).fetchall()

        assert rows("PRAGMA integrity_check") == [("ok",)]
        assert rows("SELECT place, queue, jobs FROM tally ORDER BY 1, 2") == rows(
            "SELECT place, queue, count(*) FROM jobs GROUP BY 1, 2 ORDER BY 1, 2"
        )
        assert rows("SELECT signature, jobs FROM dead_by_signature ORDER BY 1") == rows(
            "SELECT coalesce(signature, ''), count(*) FROM jobs WHERE state = 'dead' GROUP BY 1 ORDER BY 1"
        )
        assert sorted(rows("SELECT tag, seq FROM tags")) == sorted(
            rows("SELECT DISTINCT value, seq FROM jobs, json_each(tags) WHERE tags IS NOT NULL")
        )
        paths = {
            job: [JobState.PENDING, *(JobState(state) for _, state in rest)]
            for job, rest in groupby(rows("SELECT job, state FROM history ORDER BY job, id"), key=lambda row: row[0])
        }
        for seq, state, finished_at, *lease in rows(
            "SELECT seq, state, finished_at, lease_token, lease_expires_at, worker_id, record FROM jobs"
        ):
            steps = paths.pop(seq, [JobState.PENDING])
            assert steps[-1] == state
            assert set(pairwise(steps)) <= TRANSITIONS
            assert (finished_at is not None) == (JobState(state) in FINAL)
            assert [fact is not None for fact in lease] == [state == "processing"] * 4
        assert paths == {}
