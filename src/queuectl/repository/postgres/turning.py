"""The statement of a worker's turn: one for settling and claiming, so that it is one way to the server and back.

It settles what has gone well, looks whether the worker is still registered and whether anything is paused or due, locks
the first ready jobs that nobody else has locked and makes them this worker's, so that any number of workers claim
beside each other (`FOR UPDATE SKIP LOCKED`,
https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE). Both changes of `jobs` being parts of
one statement, its triggers fire once for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from queuectl.repository.postgres.prepared import Call
from queuectl.repository.sql.columns import LEASE
from queuectl.repository.sql.rows import lease_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository import base

_TYPES = {
    "now": "bigint",
    "worker": "bigint",
    "expires": "bigint",
    "slots": "bigint",
    "wanted": "bigint",  # so many settlements have to hold, or nothing is claimed
    "at_once": "boolean",  # claim whatever is paused or due
    "queues": "text[]",
    "jobs": "bigint[]",
    "tokens": "text[]",
    "starts": "bigint[]",
    "ends": "bigint[]",
    "spans": "float8[]",
    "codes": "bigint[]",
}

#: Every settlement has the claim's token in its WHERE. The worker's row cannot go before the claim is committed.
#: The parts of a WITH run when they are asked for: what a claim depends on is asked for before it looks at any job.
_TURN = f"""
    WITH done AS (
        UPDATE jobs SET state = 'completed', next_run_at = NULL, updated_at = ended.finished_at,
            started_at = coalesce(ended.started_at, jobs.started_at), finished_at = ended.finished_at,
            duration_seconds = ended.seconds, exit_code = ended.exit_code, error = NULL, reason = NULL, returned = 0,
            worker_id = NULL, lease_token = NULL, lease_expires_at = NULL, record = NULL, cancel_grace = NULL
        FROM unnest(:jobs, :tokens, :starts, :ends, :spans, :codes)
            AS ended (seq, token, started_at, finished_at, seconds, exit_code)
        WHERE jobs.seq = ended.seq AND state = 'processing' AND lease_token = ended.token COLLATE "C"
        RETURNING ended.token
    ), held AS MATERIALIZED (
        SELECT count(*) AS number, coalesce(string_agg(token, ' '), '') AS tokens FROM done
    ), mine AS MATERIALIZED (
        SELECT name, presence, (SELECT meta.id FROM meta) AS store, EXISTS (SELECT 1 FROM paused) AS paused,
            EXISTS (SELECT 1 FROM jobs WHERE state = 'pending' AND delayed = 1 AND next_run_at <= :now) AS due
        FROM workers WHERE id = :worker FOR KEY SHARE OF workers
    ), picked AS MATERIALIZED (
        {{source}} FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE jobs SET state = 'processing', attempts = attempts + 1, runs = runs + 1, updated_at = :now,
            started_at = :now, finished_at = NULL, duration_seconds = NULL, exit_code = NULL, reason = 'claimed',
            worker_id = :worker, worker = (SELECT name FROM mine), record = (SELECT presence FROM mine),
            lease_token = replace(gen_random_uuid()::text, '-', ''), lease_expires_at = :expires, cancel_grace = NULL,
            retry_until = CASE WHEN policy IS NOT NULL
                THEN coalesce(retry_until, :now + ((policy::json->>'retry_for')::float8 * 1000)::bigint) END
        WHERE seq IN (SELECT seq FROM picked)
        RETURNING {LEASE}
    )
    SELECT held.tokens, mine.store, mine.paused, mine.due, claimed.*
    FROM held LEFT JOIN mine ON true LEFT JOIN claimed ON true
"""
_MAY = "(SELECT number FROM held) = :wanted AND (SELECT :at_once OR NOT (paused OR due) FROM mine)"
_TURN_ALL = _TURN.format(
    source=f"""
    SELECT seq FROM jobs WHERE state = 'pending' AND delayed = 0 AND {_MAY}
    ORDER BY priority DESC, seq LIMIT :slots
"""
)
#: Of each queue as many as there are slots, then the best of these; what waits in other queues is not looked at.
_TURN_SOME = _TURN.format(
    source=f"""
    SELECT jobs.seq FROM jobs WHERE jobs.seq IN (
        SELECT best.seq FROM unnest(:queues) AS wanted (queue), LATERAL (
            SELECT seq, priority FROM jobs
            WHERE state = 'pending' AND delayed = 0 AND queue = wanted.queue COLLATE "C" AND {_MAY}
            ORDER BY priority DESC, seq LIMIT :slots FOR UPDATE SKIP LOCKED
        ) AS best ORDER BY best.priority DESC, best.seq LIMIT :slots
    )
"""
)


class Answer(NamedTuple):
    """What a turn came to."""

    held: frozenset[str]  #: the tokens of what was settled
    store: str  #: the id of the store
    is_registered: bool
    is_paused: bool
    is_due: bool
    leases: list[base.Lease]

    @property
    def is_held_up(self) -> bool:
        """Say whether nothing was claimed because there is something to do before."""
        return self.is_paused or self.is_due


class Order(NamedTuple):
    """What a worker asks for."""

    queues: tuple[str, ...]  #: to claim from; none: from all
    slots: int  #: to claim for at the most
    values: dict[str, int]  #: now, worker, expires

    def call(self, settlements: Sequence[base.Settlement], *, claims: bool = True, at_once: bool = False) -> Call:
        """Make the call that settles what has gone well, and claims.

        Args:
            settlements: to write, under their tokens.
            claims: whether it may; if one of the tokens does not hold any more, it does not.
            at_once: claim whatever is paused or due.
        """
        wanted = len(settlements) if claims else -1
        values = {"slots": self.slots, "wanted": wanted, "at_once": at_once, "queues": self.queues}
        name, statement = ("turn_some", _TURN_SOME) if self.queues else ("turn_all", _TURN_ALL)
        return Call(name, statement, _TYPES, self.values | values | _ends(settlements))

    def answer(self, rows: Sequence[tuple[Any, ...]]) -> Answer:
        """Read what the server answers."""
        held, store, is_paused, is_due = rows[0][:4]
        leases = [lease_of(row[4:]) for row in rows if row[4] is not None]
        leases.sort(key=lambda lease: (-lease.job.priority, lease.job.seq))
        return Answer(
            frozenset(held.split()), store or "", is_paused is not None, bool(is_paused), bool(is_due), leases
        )


def _ends(settlements: Sequence[base.Settlement]) -> dict[str, list[Any]]:
    ends = [one.execution for one in settlements]
    return {
        "jobs": [one.seq for one in settlements],
        "tokens": [one.token for one in settlements],
        "starts": [end.started_at for end in ends],
        "ends": [end.finished_at for end in ends],
        "spans": [end.duration_seconds for end in ends],
        "codes": [end.exit_code for end in ends],
    }
