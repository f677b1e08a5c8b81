"""The worker's loop: settle, claim, launch, wait; one thread for any number of slots.

Whatever ends is settled together with the claim of what follows, in one transaction. The
loop waits for everything at once: the shim's news, calls through the named pipe, signals,
and the nearest deadline. When it is killed, the shim and its commands go on; the next
worker finds them through the run record.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING

from queuectl import clock as clocks
from queuectl import errors
from queuectl.model import Retry
from queuectl.worker.ahead import Ahead
from queuectl.worker.bell import Bell
from queuectl.worker.events import EventKind
from queuectl.worker.hold import since_boot
from queuectl.worker.judge import Judge
from queuectl.worker.member import Member
from queuectl.worker.process import become_subreaper
from queuectl.worker.quota import Quota
from queuectl.worker.record import CUT_OFF
from queuectl.worker.retention import Retention
from queuectl.worker.runs import Over, Runs
from queuectl.worker.stopping import Stopping
from queuectl.worker.teller import Teller

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queuectl.repository.base import Settlement, Turn
    from queuectl.repository.protocol import JobRepository
    from queuectl.worker.events import Observer
    from queuectl.worker.options import WorkerOptions
    from queuectl.worker.rescue import Found
    from queuectl.worker.signals import Signals

#: Seconds between two rounds: the store's file, the other workers.
ROUND = 1.0
#: The same for a worker that is alone and idle; one that joins it calls it.
ALONE = 5.0
#: Seconds between two looks for work that nobody announced.
POLL = 5.0
#: Seconds until the next try after the store or the machine refused something.
AGAIN = 0.5

#: The same after a turn that got nothing of what is ready.
HELD = 0.02

#: What may pass: the worker keeps its results and tries again.
PASSING = (errors.StoreBusy, errors.StoreFull, errors.StoreReadOnly, errors.StoreUnreachable, OSError)


class Engine:
    """One worker: from the moment it is made, the others see it."""

    def __init__(self, repository: JobRepository, options: WorkerOptions, observer: Observer, signals: Signals) -> None:
        self._repository = repository
        self._options = options
        self._signals = signals
        self._results: list[tuple[Over, Settlement]] = []  # to be written by the next turn
        self._hungry = True  # there may be more to claim
        self._quota = Quota(options)
        self._next_due: int | None = None
        self._called = False  # somebody wants something: work is there, or a request
        self._refused_until = 0.0
        self._trouble = ""
        self._is_cut_off = False
        self._round_at = 0.0
        self._poll = select.poll()
        self._bell = Bell(repository, self._poll)
        become_subreaper()
        self._judge = Judge(repository)
        self._retention = Retention(repository)
        self._ahead = Ahead(0 if self._quota.is_limited else options.slots)
        self._join()
        self._tell = Teller(observer, self._me.identity.name, options.slots)
        self.stopping = Stopping(signals, options.grace, self._tell)
        self._poll.register(signals.descriptor, select.POLLIN)
        self._tell.started(repository.url)
        self._rescue.sweep()
        self._adopt(everyone=True)

    # -- the loop ---------------------------------------------------------------------

    def loop(self) -> None:
        """Go round until there is nothing more to do."""
        while True:
            self._judge_the_ended()
            self._take_turn()
            if self._is_finished():
                return
            self._keep_hold()
            self._wait()
            self._look_after()

    def leave(self) -> None:
        """Go, as tidily as the store allows; what still runs goes on."""
        self._runs.close()
        self._me.leave()
        self._tell.say(EventKind.WORKER_STOPPED, message=self._tell.summary())

    def _take_turn(self) -> None:
        """Settle what has ended and claim for the free slots."""
        if time.monotonic() < self._refused_until:
            return
        try:
            wanted = self._prepared()
            if not wanted and not self._results:
                return
            began = time.monotonic()
            settlements = [settlement for _, settlement in self._results]
            turn = self._me.turn(settlements, slots=wanted, lease=self._judge.settings.lease)
            self._trouble = ""
            self._ahead.turned(time.monotonic() - began)
            self._take_in(turn)
            if turn.refused or not turn.is_registered:
                self._rejoin()
            elif wanted and len(turn.leases) < wanted:
                self._look_out()
                if self._hungry and not turn.leases:  # somebody holds what is ready, perhaps for long
                    self._refused_until = time.monotonic() + HELD
        except PASSING as error:
            self._suffer(error)

    def _take_in(self, turn: Turn) -> None:
        """Act on what a turn came to; it is committed."""
        results, self._results = self._results, []
        # What was refused another worker has yet to read in our record.
        self._runs.settled(over.task for over, settlement in results if settlement.token not in turn.refused)
        self._quota.count(len(turn.leases))
        # First the commands, then the talk: no slot waits for a terminal.
        if turn.leases:
            self._ahead.moved(time.monotonic())
            self._runs.prepare()  # they may be those of an earlier turn, which was in doubt
            if self._me.hold.is_ending:  # the store took too long to answer
                self._runs.give_back(turn.leases, CUT_OFF)
            elif self.stopping.has_begun:
                self._runs.give_back(turn.leases, "its worker was stopped")
            else:
                self._runs.launch(turn.leases, log_max_bytes=self._judge.settings.log_max_bytes)
        self._judge.written(turn.refused)
        for over, settlement in results:
            self._tell.report(over.task.lease.job, settlement, refused=settlement.token in turn.refused)

    def _prepared(self) -> int:
        """Return how many jobs to claim now, with everything there to start them."""
        wanted = self._wanted()
        if wanted and not self._runs.is_prepared:
            self._look_out()  # an idle worker needs no shim
            wanted = self._wanted()
            if wanted:
                self._runs.prepare()
        return wanted

    def _wanted(self) -> int:
        """Return how many jobs to claim now."""
        if self.stopping.has_begun or not self._hungry or self._me.hold.is_ending:
            return 0
        return self._quota.of(self._runs.room(self._ahead.most))

    def _is_finished(self) -> bool:
        if self._runs.tasks:
            # Once the third signal has come, nothing is waited for beyond its moment.
            return self.stopping.is_last and time.monotonic() >= (self.stopping.leave_at or 0.0)
        if self._results:
            return self.stopping.is_last  # they stand in the run record
        if self.stopping.how:
            return True
        if self._quota.is_reached or (self._options.once and not self._hungry):
            return True
        return self._options.drain and not self._hungry and self._is_drained()

    def _is_drained(self) -> bool:
        try:
            outlook = self._repository.outlook(self._options.queues, now=clocks.now())
        except PASSING as error:
            self._suffer(error)
            return False
        self._hungry = outlook.ready
        return not outlook.ready and outlook.next_retry is None

    def _wait(self) -> None:
        """Sleep until something happens or is due, and take note of it."""
        self._runs.arm()
        patience = 0.0 if self._is_rung() else self._patience()
        for descriptor, _ in self._poll.poll(patience * 1000):
            if descriptor == self._signals.descriptor:
                self._signals.drain()
            elif descriptor == self._me.presence.descriptor:
                self._me.presence.drain()
                self._hungry = self._called = True
            elif descriptor == self._repository.bell:
                self._is_rung(readable=True)
            else:
                self._runs.notice(descriptor)

    def _is_rung(self, *, readable: bool = False) -> bool:
        """Say whether somebody has called us through the store, and take note of it."""
        is_rung = self._bell.has_rung(time.monotonic(), readable=readable)
        if is_rung:
            self._hungry = self._called = True
        return is_rung

    def _keep_hold(self) -> None:
        """Stop our commands before their leases end, if the store has not answered for so long."""
        if self._me.hold.is_ending and not self._is_cut_off:
            self._is_cut_off = True
            self._tell.cut_off(len(self._runs.begun()))
            self._runs.stop_all(self._me.hold.grace, "cut")

    def _patience(self) -> float:
        """Return the seconds until the next thing that is due."""
        clock = time.monotonic()
        moments = [self._round_at, *self._runs.moments(), *self._bell.moments()]
        if not self._is_cut_off:
            moments.append(clock + self._me.hold.stop_at - since_boot())
        if self.stopping.leave_at is not None:
            moments.append(self.stopping.leave_at)
        if (tick := self._tell.next_tick()) is not None:
            moments.append(tick)
        if self._next_due is not None:
            moments.append(clock + (self._next_due - clocks.now()) / 1000)
        if self._runs.surplus():
            moments.append(self._ahead.due)
        if self._results or self._wanted():
            moments.append(self._refused_until)
        return max(0.0, min(moments) - clock)

    def _look_after(self) -> None:
        """Do whatever is due."""
        clock = time.monotonic()
        self.stopping.answer_signals(clock, self._runs)
        self._runs.enforce(clock)
        self._runs.look(clock)
        waiting = self._runs.waiting() if self.stopping.has_begun else self._runs.surplus()
        if waiting and (self.stopping.has_begun or clock >= self._ahead.due):
            for task in waiting:
                task.drop()
            self._ahead.give_up(clock)
        if self._next_due is not None and clocks.now() >= self._next_due:
            self._next_due = None
            self._hungry = True
        try:
            if self._called:
                self.stopping.heed(self._repository.requests(self._me.id), clock, self._runs)
                self._called = False
                self._round_at = min(self._round_at, clock + ROUND)
            if clock >= self._round_at:
                self._round_at = clock + ROUND
                self._do_the_rounds(clock)
                if self._renew_at > clock:  # a lease that is to be kept may be shorter than our rounds
                    self._round_at = min(self._round_at, self._renew_at)
                if not (self._rescue.has_company or self._runs.tasks or self._retention.is_behind):
                    self._round_at = min(clock + ALONE, self._renew_at, max(clock + ROUND, self._rescue.look_at))
            self._tell.tick(clock, self._repository, self._runs.begun(), self.stopping.how)
        except PASSING as error:
            self._suffer(error)

    # -- results ----------------------------------------------------------------------

    def _judge_the_ended(self) -> None:
        """Decide what follows from every run that has ended; the next turn writes it."""
        if self._runs.shim_was_lost:
            self._runs.shim_was_lost = False
            self._refused_until = time.monotonic() + AGAIN  # not over and over
            self._ahead.give_up(time.monotonic())
            self._tell.say(EventKind.WARNING, message="the shim was killed; the worker follows its commands itself")
        begun = self._runs.take_begun()
        if begun:
            self._ahead.moved(time.monotonic())
        for task in begun:
            self._tell.say(EventKind.JOB_STARTED, task.lease.job)
        for over in self._runs.take_over():
            if over.passing:
                self._refused_until = time.monotonic() + AGAIN
                self._tell.say(EventKind.WARNING, over.task.lease.job, f"{over.execution.error}; trying again")
            settlement = self._judge.settle(over)
            if isinstance(settlement.verdict, Retry):
                due = settlement.verdict.next_run_at
                self._next_due = min(self._next_due or due, due)
            self._ahead.learn(over.execution)
            self._results.append((over, settlement))
            self._hungry = True

    def _suffer(self, error: Exception) -> None:
        """Keep the results, say so once, and try again soon."""
        self._refused_until = time.monotonic() + AGAIN
        if self._trouble != str(error):
            self._trouble = str(error)
            self._tell.say(EventKind.WARNING, message=f"{error}; results are kept, trying again")

    # -- the others -------------------------------------------------------------------

    def _join(self) -> None:
        """Become one of the store's workers."""
        repository, lease = self._repository, self._judge.settings.lease
        self._me = Member(repository, self._options, lease)
        self._rescue = self._me.rescue
        self._runs = Runs(
            store=repository.location,
            directory=repository.directory,
            record=self._me.record,
            worker=self._me.identity.name,
            slots=self._options.slots,
            poll=self._poll,
        )
        self._runs.hold(self._me.hold.kill_at)
        self._is_cut_off = False  # and our commands are being stopped
        self._poll.register(self._me.presence.descriptor, select.POLLIN)
        clock = time.monotonic()
        self._round_at = clock
        self._renew_at = clock + lease / 3
        self._poll_at = clock + POLL

    def _rejoin(self) -> None:
        """Begin anew after others took us for dead; whoever rescues first has our jobs."""
        self._tell.say(EventKind.WARNING, message="taken for dead by another worker; beginning anew")
        runs, presence = self._runs, self._me.presence
        self._join()
        runs.close()
        self._results.clear()
        self._judge.disown()
        self._poll.unregister(presence.descriptor)
        presence.close()
        self._adopt(everyone=True)

    def _do_the_rounds(self, clock: float) -> None:
        """Look after the store's file, our lease, dead workers and forgotten work."""
        if not self._repository.is_same_file():
            raise errors.StoreGone(
                f"store {self._repository.url!r} was deleted or replaced",
                hint="start a worker on the store that is there now",
            )
        self._runs.reap_strangers()
        renewing = clock >= self._renew_at
        if renewing:
            self._renew(clock)
            self._rescue.sweep()
        if not self.stopping.how:
            self._adopt(everyone=renewing)
        self._retention.tend(clock, self._judge.settings)
        if clock >= self._poll_at and not self._hungry and not self.stopping.how:
            self._poll_at = clock + POLL
            self._called = True
            self._look_out()

    def _renew(self, clock: float) -> None:
        self._judge.read_settings()
        lease = self._judge.settings.lease
        asked = self._me.renew(lease)
        self._renew_at = clock + lease / 3
        self._called = True
        if asked is None:
            self._rejoin()
            return
        self._runs.hold(self._me.hold.kill_at)
        if self._is_cut_off:
            self._is_cut_off, self._hungry = False, True
            self._tell.say(EventKind.WARNING, message="the store answers again")
        # What is ours without our knowing, because an answer of the store got lost.
        known = self._runs.tokens() | {settlement.token for _, settlement in self._results}
        self._take_on(self._rescue.unknown(known))

    def _adopt(self, *, everyone: bool) -> None:
        """Take over what dead workers left."""
        lease = self._judge.settings.lease
        self._take_on(self._rescue.find(everyone=everyone, only_ended=self._options.once, lease_seconds=lease))

    def _take_on(self, found: Iterable[Found]) -> None:
        for one in found:
            self._called = True  # there may be a request that the dead one did not see
            if self._runs.adopt(*one):
                self._tell.say(EventKind.JOB_ADOPTED, one.lease.job)

    def _look_out(self) -> None:
        """See whether there is work, and when the next is due."""
        outlook = self._repository.outlook(self._options.queues, now=clocks.now())
        self._hungry = outlook.ready
        self._next_due = outlook.next_due
