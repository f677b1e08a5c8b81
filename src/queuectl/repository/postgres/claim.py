"""The worker's turn: settle what has ended, claim what is ready, in one transaction.

Where all has gone well, nothing is paused and nothing is due, it is one statement (`turning`), sent together with the
BEGIN: twice to the server and back, whatever the number of jobs. What has gone badly is settled before, job by job.
Every settlement has the claim's token in its WHERE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.model import Bury, Complete
from queuectl.repository import base
from queuectl.repository.postgres.connection import Connection
from queuectl.repository.postgres.meanings import InDoubt
from queuectl.repository.postgres.outputs import keep
from queuectl.repository.postgres.turning import Order
from queuectl.repository.sql.pause import open_queues
from queuectl.repository.sql.retries import next_retry
from queuectl.repository.sql.settle import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.postgres.transactions import Database
    from queuectl.repository.postgres.turning import Answer

#: Jobs made ready in one turn at the most, so that a million due at once do not keep the others waiting.
_PROMOTE_AT_MOST = 1000

_PROMOTE = """
    UPDATE jobs SET delayed = 0 WHERE seq IN (
        SELECT seq FROM jobs WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ?
        ORDER BY next_run_at LIMIT ? FOR UPDATE SKIP LOCKED
    )
"""
#: What a person asks for while a run ends badly is asked for before it is settled, or after: never in between.
_LOCK = "SELECT 1 FROM jobs WHERE seq = ANY(?) ORDER BY seq FOR UPDATE"

_NEXT_DUE = "SELECT min(next_run_at) FROM jobs WHERE state = 'pending' AND delayed = 1 AND next_run_at > ?"
_HAS_READY = """
    SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'pending' AND delayed = 0 {mine})
        OR EXISTS (SELECT 1 FROM jobs WHERE state = 'pending' AND delayed = 1 AND next_run_at <= :now {mine})
"""


class Claiming(Connection):
    """The part of the repository that hands out work and takes back results."""

    #: A turn of which it is not known whether it was committed: its transaction, what it settled, and what it came to.
    _doubt: tuple[int, frozenset[str], base.Turn] | None = None

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
        earlier = self._cleared_up()
        done = earlier[0] if earlier else frozenset()
        settlements = [settlement for settlement in settlements if settlement.token not in done]
        leases: list[base.Lease] = list(earlier[1].leases) if earlier else []
        slots -= len(leases)
        turn = base.Turn(frozenset(), [])
        try:
            values = {"now": now, "worker": worker, "expires": now + int(lease_seconds * 1000)}
            order = Order(tuple(queues), max(slots, 0), values)
            well = [one for one in settlements if isinstance(one.verdict, Complete)]
            others = [one for one in settlements if not isinstance(one.verdict, Complete)]
            with self._working(None if others else order.call(well)) as db:
                refused = _settle(db, others)
                answer = order.answer(db.call(order.call(well, claims=not refused)) if others else db.answer)
                refused |= {one.token for one in well} - answer.held
                turn = base.Turn(refused, leases + answer.leases, answer.is_registered)
                keep(db, [one for one in settlements if one.output and one.token not in refused])
                if answer.is_held_up and not refused and slots > 0:
                    turn.leases.extend(_claim(db, order, answer))
        except InDoubt as error:
            settled = done | {settlement.token for settlement in settlements}
            self._doubt = error.transaction, settled - turn.refused, turn
            raise
        if earlier:
            turn = turn._replace(refused=turn.refused | earlier[1].refused)
        return turn

    def _cleared_up(self) -> tuple[frozenset[str], base.Turn] | None:
        """Find out about the turn that was in doubt; return what it settled and came to if it was committed."""
        if self._doubt is None:
            return None
        number, settled, turn = self._doubt
        with self._translated():
            row = self._clean().execute("SELECT pg_xact_status(%s::text::xid8)", (number,)).fetchone()
        self._doubt = None
        return (settled, turn) if row == ("committed",) else None

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


def _settle(db: Database, settlements: Sequence[base.Settlement]) -> frozenset[str]:
    """Write the outcomes of what has not gone well, each by itself; return the tokens that did not hold any more."""
    if settlements:
        db.execute(_LOCK, ([one.seq for one in settlements],))
    return frozenset(one.token for one in settlements if not settle(db, _storable(one)))


def _storable(settlement: base.Settlement) -> base.Settlement:
    """Return a settlement without the NULs that a command may have put into what is told of it."""
    execution, verdict = settlement.execution, settlement.verdict
    if execution.error is not None:
        execution = execution._replace(error=execution.error.replace("\0", ""))
    if isinstance(verdict, Bury):
        verdict = verdict._replace(signature=verdict.signature.replace("\0", ""))
    return settlement._replace(execution=execution, verdict=verdict)


def _claim(db: Database, order: Order, answer: Answer) -> list[base.Lease]:
    """Claim where something is due, which is made ready before, or paused: then the queues are told apart."""
    if answer.is_due:
        db.execute(_PROMOTE, (order.values["now"], _PROMOTE_AT_MOST))
    some = open_queues(db, order.queues) if answer.is_paused else None
    if some is not None:
        if not some:
            return []
        order = order._replace(queues=tuple(some))
    return order.answer(db.call(order.call([], at_once=True))).leases
