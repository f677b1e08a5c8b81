"""The worker's turn: settle what has ended, claim what is ready, in one transaction.

Where all has gone well, nothing is paused and nothing is due, it is one statement (`turning`), sent together with the
BEGIN: twice to the server and back, whatever the number of jobs. What has gone badly is settled before, job by job.
Every settlement has the claim's token in its WHERE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from queuectl import errors
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
        well = [one for one in settlements if isinstance(one.verdict, Complete)]
        others = [one for one in settlements if not isinstance(one.verdict, Complete)]
        before = [lease for doubt in self._doubts for lease in doubt.leases]
        values = {"now": now, "worker": worker, "expires": now + int(lease_seconds * 1000)}
        order = Order(tuple(queues), max(slots - len(before), 0), values)
        refused, claimed, kept = frozenset[str](), list[base.Lease](), list[base.Lease]()
        try:
            with self._working(None if others else order.call(well)) as db:
                refused = _settle(db, others)
                answer = order.answer(db.call(order.call(well, claims=not refused)) if others else db.answer)
                refused |= {one.token for one in well} - answer.held
                claimed = answer.leases
                keep(db, [one for one in settlements if one.output and one.token not in refused])
                if answer.is_registered:
                    self._see_that_it_is(answer.store)
                    kept = _still_held(db, before)
                if answer.is_held_up and not refused and order.slots > 0:
                    claimed = [*claimed, *_claim(db, order, answer)]
        except InDoubt as error:
            settled = frozenset(settlement.token for settlement in settlements) - refused
            self._doubts += (_Doubt(error.transaction, worker, settled, claimed),)
            raise
        self._doubts = ()
        return base.Turn(refused, [*kept, *claimed], answer.is_registered)

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
