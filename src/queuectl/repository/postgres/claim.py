"""The worker's turn: settle what has ended, claim what is ready, in one transaction.

The claim is one statement: it locks the first ready jobs that nobody else has locked and makes them this worker's, so
that any number of workers claim beside each other (`FOR UPDATE SKIP LOCKED`,
https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE). What has gone well is settled by one
statement too, however much it is. Every settlement has the claim's token in its WHERE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from queuectl import errors
from queuectl.model import Bury, Complete
from queuectl.repository import base
from queuectl.repository.postgres.connection import Connection
from queuectl.repository.postgres.meanings import InDoubt
from queuectl.repository.postgres.outputs import keep
from queuectl.repository.sql.columns import LEASE
from queuectl.repository.sql.pause import open_queues
from queuectl.repository.sql.retries import next_retry
from queuectl.repository.sql.rows import lease_of
from queuectl.repository.sql.settle import settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from queuectl.repository.postgres.transactions import Database

#: Jobs made ready in one turn at the most, so that a million due at once do not keep the others waiting.
_PROMOTE_AT_MOST = 1000

#: The worker's row cannot go before the claim is committed. What else there is to know is read with it.
_REGISTERED = """
    SELECT (SELECT meta.id FROM meta), EXISTS (SELECT 1 FROM paused),
        EXISTS (SELECT 1 FROM jobs WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ?)
    FROM workers WHERE id = ? FOR KEY SHARE OF workers
"""
_PROMOTE = """
    UPDATE jobs SET delayed = 0 WHERE seq IN (
        SELECT seq FROM jobs WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ?
        ORDER BY next_run_at LIMIT ? FOR UPDATE SKIP LOCKED
    )
"""
_CLAIM = f"""
    WITH picked AS MATERIALIZED ({{source}} FOR UPDATE SKIP LOCKED)
    UPDATE jobs SET state = 'processing', attempts = attempts + 1, runs = runs + 1, updated_at = :now,
        started_at = :now, finished_at = NULL, duration_seconds = NULL, exit_code = NULL, reason = 'claimed',
        worker_id = :worker, worker = (SELECT name FROM workers WHERE id = :worker),
        record = (SELECT presence FROM workers WHERE id = :worker),
        lease_token = replace(gen_random_uuid()::text, '-', ''), lease_expires_at = :expires, cancel_grace = NULL,
        retry_until = CASE WHEN policy IS NOT NULL
            THEN coalesce(retry_until, :now + ((policy::json->>'retry_for')::float8 * 1000)::bigint) END
    WHERE seq IN (SELECT seq FROM picked)
    RETURNING {LEASE}
"""
_FROM_ALL = """
    SELECT seq FROM jobs WHERE state = 'pending' AND delayed = 0 ORDER BY priority DESC, seq LIMIT {slots}
"""
#: Of each queue as many as there are slots, then the best of these; what waits in other queues is not looked at.
_FROM_QUEUES = """
    SELECT jobs.seq FROM jobs WHERE jobs.seq IN (
        SELECT best.seq FROM unnest(:queues::text[]) AS wanted (queue), LATERAL (
            SELECT seq, priority FROM jobs
            WHERE state = 'pending' AND delayed = 0 AND queue = wanted.queue COLLATE "C"
            ORDER BY priority DESC, seq LIMIT {slots} FOR UPDATE SKIP LOCKED
        ) AS best ORDER BY best.priority DESC, best.seq LIMIT {slots}
    )
"""
_COMPLETE = """
    UPDATE jobs SET state = 'completed', next_run_at = NULL, updated_at = done.finished_at,
        started_at = coalesce(done.started_at, jobs.started_at), finished_at = done.finished_at,
        duration_seconds = done.seconds, exit_code = done.exit_code, error = NULL, reason = NULL, returned = 0,
        worker_id = NULL, lease_token = NULL, lease_expires_at = NULL, record = NULL, cancel_grace = NULL
    FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::float8[], ?::bigint[])
        AS done (seq, token, started_at, finished_at, seconds, exit_code)
    WHERE jobs.seq = done.seq AND state = 'processing' AND lease_token = done.token COLLATE "C"
    RETURNING done.token
"""
#: What a person asks for while a run ends badly is asked for before it is settled, or after: never in between.
_LOCK = "SELECT 1 FROM jobs WHERE seq = ANY(?) ORDER BY seq FOR UPDATE"

_TOKENS = "SELECT lease_token FROM jobs WHERE seq = ANY(?) AND state = 'processing'"

#: Not its minimum: without statistics, right after a large `enqueue`, the planner would look at all of them.
_NEXT_DUE = """
    SELECT next_run_at FROM jobs WHERE state = 'pending' AND delayed = 1 AND next_run_at > ?
    ORDER BY next_run_at LIMIT 1
"""
_HAS_READY = """
    SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'pending' AND delayed = 0 {mine})
        OR EXISTS (SELECT 1 FROM jobs WHERE state = 'pending' AND delayed = 1 AND next_run_at <= :now {mine})
"""


class _Doubt(NamedTuple):
    """A turn of which it is not known whether it was committed."""

    transaction: int
    worker: int
    settled: frozenset[str]  #: tokens of what it settled
    leases: list[base.Lease]  #: what it claimed


class Claiming(Connection):
    """The part of the repository that hands out work and takes back results."""

    #: Kept until a later turn is committed: that one may be cut off as well.
    _doubts: tuple[_Doubt, ...] = ()

    def turn(  # noqa: PLR0913 - a turn has this many facts
        self,
        settlements: Sequence[base.Settlement],
        *,
        worker: int,
        slots: int,
        queues: Sequence[str] = (),
        now: int,
        lease_seconds: float,
    ) -> base.Turn:
        """Settle, then claim; see `JobRepository.turn`."""
        self._clear_up(worker)
        done = frozenset[str]().union(*(doubt.settled for doubt in self._doubts))
        settlements = [settlement for settlement in settlements if settlement.token not in done]
        refused, claimed, kept = frozenset[str](), list[base.Lease](), list[base.Lease]()
        try:
            with self._working() as db:
                refused = _settle(db, settlements)
                found = db.execute(_REGISTERED, (now, worker)).fetchone()
                if found is not None:
                    self._see_that_it_is(found[0])
                    kept = _still_held(db, [lease for doubt in self._doubts for lease in doubt.leases])
                    slots -= len(kept)
                if slots > 0 and found is not None and not refused:
                    _, is_paused, is_due = found
                    if is_due:
                        db.execute(_PROMOTE, (now, _PROMOTE_AT_MOST))
                    values = {"now": now, "worker": worker, "expires": now + int(lease_seconds * 1000), "slots": slots}
                    claimed = _claim(db, values, queues, is_paused=is_paused)
        except InDoubt as error:
            settled = frozenset(settlement.token for settlement in settlements) - refused
            self._doubts += (_Doubt(error.transaction, worker, settled, claimed),)
            raise
        self._doubts = ()
        return base.Turn(refused, [*kept, *claimed], found is not None)

    def _clear_up(self, worker: int) -> None:
        """Keep of the turns in doubt those that were committed: what they did counts as done.

        Of another worker, that this process was before, nothing is kept: others have taken it over.

        Raises:
            StoreBusy: one of them is still being committed.
        """
        kept = []
        for doubt in self._doubts:
            if doubt.worker != worker:
                continue
            with self._translated():
                self._clean()
                was_committed = self._outcome(doubt.transaction)
            if was_committed is None:
                raise errors.StoreBusy(f"store {self.url!r} is busy: an earlier turn is still being committed", "wait")
            if was_committed:
                kept.append(doubt)
        self._doubts = tuple(kept)

    def outlook(self, queues: Sequence[str] = (), *, now: int) -> base.Outlook:
        """Say what is there to run; see `JobRepository.outlook`."""
        with self._reading() as db:
            (due,) = db.execute(_NEXT_DUE, (now,)).fetchone() or (None,)
            some = open_queues(db, queues)
            if some is not None and not some:
                return base.Outlook(ready=False, next_due=due, next_retry=None)
            mine = list(queues if some is None else some)
            query = _HAS_READY.format(mine="AND queue = ANY(:queues)" if mine else "")
            (ready,) = db.execute(query, {"now": now, "queues": mine}).fetchone() or (False,)
            return base.Outlook(ready, due, next_retry(db, mine))


def _still_held(db: Database, leases: Sequence[base.Lease]) -> list[base.Lease]:
    """Return those of the leases that nobody has taken since, and that this turn has not settled."""
    if not leases:
        return []
    held = {token for (token,) in db.execute(_TOKENS, ([lease.job.seq for lease in leases],))}
    return [lease for lease in leases if lease.token in held]


def _settle(db: Database, settlements: Sequence[base.Settlement]) -> frozenset[str]:
    """Write the outcomes under their tokens; return the tokens that did not hold any more."""
    well = [one for one in settlements if isinstance(one.verdict, Complete)]
    others = [one for one in settlements if not isinstance(one.verdict, Complete)]
    held: set[str] = set()
    if well:
        ends = [one.execution for one in well]
        columns: tuple[Iterable[object], ...] = (
            [one.seq for one in well],
            [one.token for one in well],
            [end.started_at for end in ends],
            [end.finished_at for end in ends],
            [end.duration_seconds for end in ends],
            [end.exit_code for end in ends],
        )
        held |= {token for (token,) in db.execute(_COMPLETE, [_array(column) for column in columns])}
    if others:
        db.execute(_LOCK, ([one.seq for one in others],))
        held |= {one.token for one in others if settle(db, _storable(one))}
    keep(db, [one for one in settlements if one.output and one.token in held])
    return frozenset(one.token for one in settlements) - held


def _array(values: Iterable[object]) -> str:
    """Return numbers, or tokens, as an array's text: a tenth of the work that it is for psycopg, which must quote."""
    return f"{{{','.join('NULL' if value is None else str(value) for value in values)}}}"


def _storable(settlement: base.Settlement) -> base.Settlement:
    """Return a settlement without the NULs that a command may have put into what is told of it."""
    execution, verdict = settlement.execution, settlement.verdict
    if execution.error is not None:
        execution = execution._replace(error=execution.error.replace("\0", ""))
    if isinstance(verdict, Bury):
        verdict = verdict._replace(signature=verdict.signature.replace("\0", ""))
    return settlement._replace(execution=execution, verdict=verdict)


def _claim(db: Database, values: dict[str, Any], queues: Sequence[str], *, is_paused: bool) -> list[base.Lease]:
    some = open_queues(db, queues) if is_paused else None
    wanted = list(queues if some is None else some)
    if some is not None and not wanted:
        return []
    # The number stands in the statement: a plan for any number would be one for a tenth of all jobs.
    source = (_FROM_QUEUES if wanted else _FROM_ALL).format(slots=int(values["slots"]))
    rows = db.execute(_CLAIM.format(source=source), values | {"queues": wanted}).fetchall()
    leases = [lease_of(row) for row in rows]
    leases.sort(key=lambda lease: (-lease.job.priority, lease.job.seq))
    return leases
