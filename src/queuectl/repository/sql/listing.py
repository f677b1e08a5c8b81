"""Everything that only reads jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl import errors
from queuectl.model import JobState, Transition
from queuectl.repository import base
from queuectl.repository.ordering import ENQUEUED
from queuectl.repository.sql.columns import COLUMNS
from queuectl.repository.sql.order import sorting
from queuectl.repository.sql.rows import job_of, marks
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl.model import Job
    from queuectl.repository.ordering import Order
    from queuectl.repository.sql.database import Database

_PLACES = {
    JobState.PENDING: ("ready", "scheduled", "retrying"),
    JobState.FAILED: ("retrying",),
}
#: The condition that every job meets.
EVERYTHING = "TRUE"
#: Ids that the message about an ambiguous prefix names.
_NAMED = 3

_DUE = """
    SELECT count(*), sum(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), min(seq) FROM jobs INDEXED BY jobs_due
    WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ?
"""
#: The index has them by queue; so they come in the order of enqueueing.
_DIED_OF = "seq IN (SELECT seq FROM jobs INDEXED BY jobs_by_signature WHERE state = 'dead' AND signature = ?)"
_OLDEST = "SELECT seq, next_run_at FROM jobs INDEXED BY jobs_place WHERE place = 'ready' ORDER BY seq LIMIT 1"

_FIRST_DUE = "SELECT seq, next_run_at FROM jobs WHERE seq = ?"


class Listing(Store):
    """The part of the repository that shows jobs."""

    def get(self, reference: str) -> Job:
        """Return the job with this id or unique prefix; see `JobRepository.get`."""
        with self._reading() as db:
            return job_of(find(db, reference))

    def list(self, which: base.Filter = base.EVERY, *, limit: int = 0, order: Order = ENQUEUED) -> base.Listing:
        """Return the newest jobs in the order of enqueueing, or the first in another; see `JobRepository.list`."""
        if order != ENQUEUED:
            return self._sorted(which, limit, order)
        if not limit:
            return base.Listing(self._stream(which), 0)
        places, where, values = condition(which)
        with self._reading() as db:
            first, older = _cut(db, which, limit)
            where += f" AND place IN ({marks(places)})" if places else ""
            query = f"SELECT {COLUMNS} FROM jobs WHERE {where} AND seq >= ? ORDER BY seq"
            rows = db.execute(query, (*values, *places, first)).fetchall()
        return base.Listing(map(job_of, rows), older)

    def _sorted(self, which: base.Filter, limit: int, order: Order) -> base.Listing:
        if not limit:
            return base.Listing(self._stream_sorted(which, order), 0)
        places, where, values = condition(which)
        with self._reading() as db:
            jobs = [*map(job_of, self._sorted_rows(db, *sorting(places, where, values, order), limit))]
            others = _count(db, places, where, values) - limit if len(jobs) == limit else 0
        return base.Listing(iter(jobs), others)

    def _stream_sorted(self, which: base.Filter, order: Order) -> Iterator[Job]:
        with self._reading() as db:
            yield from map(job_of, self._sorted_rows(db, *sorting(*condition(which), order), 0))

    def _stream(self, which: base.Filter) -> Iterator[Job]:
        places, where, values = condition(which)
        # Rows of one place stand in the index in the right order; those of several would be
        # sorted as a whole first, so they are picked out on a walk through the table.
        column = "place" if len(places) == 1 else "place || ''"
        where += f" AND {column} IN ({marks(places)})" if places else ""
        with self._reading() as db:
            for row in self._rows(db, f"SELECT {COLUMNS} FROM jobs WHERE {where} ORDER BY seq", (*values, *places)):
                yield job_of(row)

    def history(self, job: Job) -> Sequence[Transition]:
        """Return every transition since it was enqueued; see `JobRepository.history`."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT at, state, attempt, worker, reason, exit_code, since FROM history WHERE job = ? ORDER BY id",
                (job.seq,),
            ).fetchall()
        found = [Transition(job.created_at, None, JobState.PENDING, 0, None, "enqueued", None)]
        for at, state, attempt, worker, reason, exit_code, since in rows:
            found.append(Transition(at, found[-1].state, JobState(state), attempt, worker, reason, exit_code, since))
        return found

    def runs(self, job: Job) -> Sequence[tuple[int, int]]:
        """Return (attempt, run) of every run of the job so far, oldest first."""
        query = "SELECT attempt, run FROM history WHERE job = ? AND state = 'processing' ORDER BY id"
        with self._reading() as db:
            return db.execute(query, (job.seq,)).fetchall()

    def counts(self, *, now: int) -> base.Counts:
        """Count the jobs by where they stand; see `JobRepository.counts`."""
        with self._reading() as db:
            places = dict(db.execute("SELECT place, sum(jobs) FROM tally GROUP BY place"))
            due, due_retries, first_due = db.execute(_DUE, (now,)).fetchone()
            firsts = db.execute(_OLDEST).fetchall()
            firsts += db.execute(_FIRST_DUE, (first_due,)).fetchall()
            (pruned,) = db.execute("SELECT coalesce(sum(jobs), 0) FROM pruned").fetchone()
        ready, scheduled, retrying = (places.get(place, 0) for place in _PLACES[JobState.PENDING])
        states = {state: places.get(str(state), 0) for state in JobState}
        states[JobState.PENDING] = ready + scheduled + retrying
        (_, since) = min(firsts, default=(0, None))
        due_retries = due_retries or 0
        return base.Counts(states, ready + due, scheduled - (due - due_retries), retrying - due_retries, since, pruned)

    def complete_ids(self, prefix: str, *, states: Sequence[JobState] = (), limit: int = 100) -> Sequence[Job]:
        """Return the newest jobs whose id starts so; see `JobRepository.complete_ids`."""
        where = f"AND state IN ({marks(states)})" if states else ""
        ids = "id >= ? AND id < ?" if prefix else EVERYTHING
        values = (prefix, after(prefix)) if prefix else ()
        query = f"SELECT {COLUMNS} FROM jobs WHERE {ids} {where} ORDER BY seq DESC LIMIT ?"
        with self._reading() as db:
            return [job_of(row) for row in db.execute(query, (*values, *map(str, states), limit))]

    def queues(self) -> Sequence[str]:
        """Return the names of all queues that hold a job, sorted."""
        with self._reading() as db:
            rows = db.execute("SELECT DISTINCT queue FROM tally ORDER BY queue")
            return [queue for (queue,) in rows]


def find(db: Database, reference: str) -> tuple[Any, ...]:
    """Return the row of the job that a person means by an id or a prefix of one."""
    row = db.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (reference,)).fetchone()
    if row is not None:
        return tuple(row)
    rows: list[tuple[Any, ...]] = []
    if reference:
        query = f"SELECT {COLUMNS} FROM jobs WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
        rows = db.execute(query, (reference, after(reference), _NAMED + 1)).fetchall()
    if not rows:
        raise errors.JobNotFound(f"there is no job {reference!r}", hint="queuectl list shows the jobs")
    if len(rows) > 1:
        some = ", ".join(row[1] for row in rows[:_NAMED]) + (", …" if len(rows) > _NAMED else "")
        raise errors.AmbiguousId(f"{reference!r} fits several jobs: {some}", hint="type more of the id")
    return rows[0]


def after(prefix: str) -> str:
    """Return a text that sorts after everything that starts with `prefix`."""
    return prefix + "\U0010ffff"


def condition(which: base.Filter) -> tuple[tuple[str, ...], str, tuple[Any, ...]]:
    """Turn a filter into the places to look at (none: all), and SQL with values for the rest."""
    clauses: list[str] = []
    values: list[Any] = []
    places = [place for state in which.states for place in _PLACES.get(state, (str(state),))]
    if which.retrying:
        places = ["retrying"]
    for column, wanted in (("queue", which.queues), ("id", which.ids)):
        if wanted:
            clauses.append(f"{column} IN ({marks(wanted)})")
            values += wanted
    for tag in which.tags:
        clauses.append("seq IN (SELECT seq FROM tags WHERE tag = ?)")
        values.append(tag)
    if which.search:
        clauses.append("(instr(folded(id), ?) > 0 OR instr(folded(command), ?) > 0)")
        values += [which.search.casefold()] * 2
    if which.signature is not None:
        clauses.append(_DIED_OF)
        values.append(which.signature)
        # By their place one would walk past all the dead, and of other places there are none.
        places = [] if "dead" in places else places
    if which.finished_before is not None:
        clauses.append("finished_at < ?")
        values.append(which.finished_before)
    return tuple(dict.fromkeys(places)), " AND ".join(clauses) or EVERYTHING, tuple(values)


def _cut(db: Database, which: base.Filter, limit: int) -> tuple[int, int]:
    """Find the seq from which on `limit` jobs are left, and how many stand before it."""
    places, where, values = condition(which)
    newest: list[int] = []
    for place in places or (None,):
        here = "" if place is None else "AND place = ?"
        query = f"SELECT seq FROM jobs WHERE {where} {here} ORDER BY seq DESC LIMIT ?"
        newest += [seq for (seq,) in db.execute(query, (*values, *([place] if place else []), limit))]
    if len(newest) < limit:
        return 0, 0
    first = sorted(newest, reverse=True)[limit - 1]
    return first, _older(db, places, where, values, first, limit)


def _older(  # noqa: PLR0913, PLR0917 - the parts of one query
    db: Database, places: tuple[str, ...], where: str, values: tuple[Any, ...], first: int, limit: int
) -> int:
    if where == EVERYTHING:
        return _count(db, places, where, values) - limit
    return _count(db, places, f"{where} AND seq < ?", (*values, first))


def _count(db: Database, places: tuple[str, ...], where: str, values: tuple[Any, ...]) -> int:
    """Count the jobs of these places (none: all) that a condition lets through."""
    here = f"place IN ({marks(places)})" if places else EVERYTHING
    if where == EVERYTHING:  # the counters know how many there are
        (total,) = db.execute(f"SELECT coalesce(sum(jobs), 0) FROM tally WHERE {here}", places).fetchone()
        return int(total)
    return int(db.execute(f"SELECT count(*) FROM jobs WHERE {where} AND {here}", (*values, *places)).fetchone()[0])
