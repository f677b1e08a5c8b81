"""The events of a store: three tables that are numbered in the order of their commits, read as one.

A cursor is one number of each table. An engine never gives a number twice, and says up to which number nothing can
come any more (`Store._settled_numbers`): so what lies behind a cursor can only grow at its end.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from queuectl.errors import InvalidInput, quoted
from queuectl.model import JobState
from queuectl.repository.sql.store import Store
from queuectl.repository.telling import START, Deed, Event, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl.model import Job
    from queuectl.repository.sql.database import Database

# Each row begins with its number and its time. The indexes are named because a walk from the cursor on to find
# the few steps of one job would look cheap to the planner.
_ENQUEUED = "SELECT seq, created_at, id, queue FROM jobs WHERE seq > ? AND seq <= ? {only} ORDER BY seq {order} LIMIT ?"
_STEPS = """
    SELECT h.id, h.at, h.job, j.id, coalesce((
            SELECT p.state FROM history AS p INDEXED BY history_of_job
            WHERE p.job = h.job AND p.id < h.id ORDER BY p.id DESC LIMIT 1
        ), 'pending'), h.state, h.attempt, h.run, h.worker, h.reason, h.exit_code, j.queue
    FROM history AS h {index} CROSS JOIN jobs AS j
    WHERE j.seq = h.job AND h.id > ? AND h.id <= ? {only} ORDER BY h.id {order} LIMIT ?
"""
_DEEDS = "SELECT id, at, by, verb, what, jobs FROM actions WHERE id > ? AND id <= ? ORDER BY id {order} LIMIT ?"

_FORM = r"([0-9a-f]{1,15})\.([0-9a-f]{1,15})\.([0-9a-f]{1,15})"


class _Mark(NamedTuple):
    """The number of the last row that was told, of each table."""

    jobs: int
    history: int
    actions: int

    def text(self) -> str:
        return f"{self.jobs:x}.{self.history:x}.{self.actions:x}"


class _Rows(NamedTuple):
    """What is to be told, each kind in its own order."""

    enqueued: deque[tuple[Any, ...]]
    steps: deque[tuple[Any, ...]]
    deeds: deque[tuple[Any, ...]]


class Telling(Store):
    """The part of the repository that tells what has happened."""

    def cursor(self) -> str:
        """Return the cursor behind everything; see `JobRepository.cursor`."""
        return self._certain().text()

    def events(self, after: str, *, limit: int, job: Job | None = None) -> Sequence[Event]:
        """Return the first events behind a cursor; see `JobRepository.events`."""
        mark, end = _mark_of(after), self._certain()
        if any(told > given for told, given in zip(mark, end, strict=True)):
            raise _foreign(after)
        with self._reading() as db:
            rows = _read(db, mark, end, job, limit, "ASC")
        return [event for event, _ in zip(_merged(rows, mark), range(limit), strict=False)]

    def last_events(self, *, limit: int, job: Job | None = None) -> Sequence[Event]:
        """Return the last events; see `JobRepository.last_events`."""
        end = self._certain()
        with self._reading() as db:
            rows = _Rows(*(deque(reversed(some)) for some in _read(db, _Mark(0, 0, 0), end, job, limit, "DESC")))
        before = _Mark._make(some[0][0] - 1 if some else last for some, last in zip(rows, end, strict=True))
        return list(deque(_merged(rows, before), maxlen=limit))

    def _certain(self) -> _Mark:
        """Return the last numbers that are certain, of rows that may be gone: what comes is numbered higher."""
        given = self._settled_numbers()
        return _Mark._make(given.get(table, 0) for table in _Mark._fields)


def _mark_of(cursor: str) -> _Mark:
    if cursor == START:
        return _Mark(0, 0, 0)
    match = re.fullmatch(_FORM, cursor)
    if match is None:
        raise _foreign(cursor)
    return _Mark._make(int(number, 16) for number in match.groups())


def _foreign(cursor: str) -> InvalidInput:
    return InvalidInput(
        f"{quoted(cursor)} is no cursor of this store",
        f"give the cursor of an event that this store has told, or {START} for the first one",
    )


def _read(db: Database, mark: _Mark, end: _Mark, job: Job | None, limit: int, order: str) -> _Rows:  # noqa: PLR0913, PLR0917
    """Return up to `limit` rows of each kind between two marks: of so many events none can come from further on."""
    only, value = ("AND {} = ?", (job.seq,)) if job else ("", ())
    index = "INDEXED BY history_of_job" if job else ""
    enqueued = _ENQUEUED.format(only=only.format("seq"), order=order)
    steps = _STEPS.format(only=only.format("h.job"), order=order, index=index)
    return _Rows(
        deque(db.execute(enqueued, (mark.jobs, end.jobs, *value, limit))),
        deque(db.execute(steps, (mark.history, end.history, *value, limit))),
        deque() if job else deque(db.execute(_DEEDS.format(order=order), (mark.actions, end.actions, limit))),
    )


def _merged(rows: _Rows, mark: _Mark) -> Iterator[Event]:
    """Yield the rows by their times, each table in its own order, no step before the enqueueing of its job."""
    enqueued, steps, deeds = rows
    while heads := [some for some in rows if some]:
        first = min(heads, key=lambda some: int(some[0][1]))  # of equal times the kind that is named first
        if first is steps and enqueued and enqueued[0][0] <= steps[0][2]:
            first = enqueued
        number, at, *row = first.popleft()
        if first is enqueued:
            mark = mark._replace(jobs=number)
            job_id, queue = row
            yield Step(mark.text(), at, job_id, None, JobState.PENDING, 0, 0, None, "enqueued", None, queue)
        elif first is deeds:
            mark = mark._replace(actions=number)
            yield Deed(mark.text(), at, *row)
        else:
            mark = mark._replace(history=number)
            _, job_id, before, state, *facts = row
            yield Step(mark.text(), at, job_id, JobState(before), JobState(state), *facts)
