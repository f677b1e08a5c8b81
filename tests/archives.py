"""What several tests ask of whole stores: their export, and whether all that is kept twice agrees."""

from __future__ import annotations

import json
from contextlib import closing
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from queuectl.model import FINAL, TRANSITIONS, JobState
from queuectl.repository.archive import read

if TYPE_CHECKING:
    from queuectl.repository.keeping import Imported
    from queuectl.repository.protocol import JobRepository
    from tests.engines import Outside


def exported(repository: JobRepository) -> list[bytes]:
    """Return the lines of an export."""
    return [json.dumps(entry).encode() + b"\n" for entry in repository.export()]


def imported(repository: JobRepository, lines: list[bytes], *, now: int, skip: bool = False) -> Imported:
    """Import lines."""
    return repository.import_(read(lines, source="test"), now=now, skip=skip)


def assert_sound(outside: Outside) -> None:
    """See that a store is whole: its file, if it is one, its counters, its histories, its leases."""
    with closing(outside):
        rows = outside.rows
        assert rows("SELECT place, queue, jobs FROM tally ORDER BY 1, 2") == rows(
            "SELECT place, queue, count(*) FROM jobs GROUP BY 1, 2 ORDER BY 1, 2"
        )
        assert rows("SELECT signature, jobs FROM dead_by_signature ORDER BY 1") == rows(
            "SELECT coalesce(signature, ''), count(*) FROM jobs WHERE state = 'dead' GROUP BY 1 ORDER BY 1"
        )
        tagged = {
            (tag, seq)
            for seq, tags in rows("SELECT seq, tags FROM jobs WHERE tags IS NOT NULL")
            for tag in (json.loads(tags) if isinstance(tags, str) else tags)
        }
        assert sorted(rows("SELECT tag, seq FROM tags")) == sorted(tagged)
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
