"""The worker's loop: settle, claim, launch, wait; one thread for any number of slots.

Whatever ends is settled together with the claim of what follows, in one transaction. The
loop waits for everything at once: the shim's news, calls through the named pipe, signals,
and the nearest deadline. When it is killed, the shim and its commands go on; the next
worker finds them through the run record.
"""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.config import settings_from
from queuectl.model import Cancel, Complete, Execution, Outcome, Return, Retry
from queuectl.repository.base import Settlement
from queuectl.retry import policy_for
from queuectl.worker import process
from queuectl.worker.events import Event, EventKind, Running, View
from queuectl.worker.logs import log_path
from queuectl.worker.presence import Presence, identify
from queuectl.worker.record import Record
from queuectl.worker.rescue import Rescue
from queuectl.worker.signals import Signals
from queuectl.worker.task import Adopted, Stop, Task, run_name, timed_out

if TYPE_CHECKING:
    from queuectl.config import Settings
    from queuectl.model import Job, Verdict
    from queuectl.repository.base import JobRepository, Lease
    from queuectl.worker.events import Observer
    from queuectl.worker.options import WorkerOptions

#: Seconds between TERM and KILL.
GRACE = 5.0
#: Seconds between two looks at the store's file and at the other workers.
LOOK = 1.0
#: Seconds between two safety looks for work that nobody announced.
POLL = 5.0
#: Seconds until the next try after the store or the machine refused something.
AGAIN = 0.5
#: Runs given back because they never started, after which one counts as failed.
RETURNS = 3

#: What may pass: the worker keeps its results and tries again.
_PASSING = (errors.StoreBusy, errors.StoreFull, errors.StoreReadOnly, errors.StoreUnreachable)


def run_worker(repository: JobRepository, options: WorkerOptions, observer: Observer) -> int:
    """Run a worker in the foreground until it has done what was asked, or is stopped.

    Returns:
        The exit code: 0, or 128 + N if signal N stopped it hard.

    Raises:
        StoreError: the store was lost; running commands go on and will be adopted.
    """
    with Signals() as signals:
        engine = Engine(repository, options, observer, signals)
        try:
            engine.start()
            engine.loop()
        finally:
            engine.leave()
        return 128 + signals.last if engine.stopping == "now" else 0


class Engine:
    """One worker."""

    def __init__(
        self, repository: JobRepository, options: WorkerOptions, observer: Observer, signals: Signals
    ) -> None:
        self.stopping = ""  #: empty, `graceful` or `now`
        self._repository = repository
        self._options = options
        self._observer = observer
        self._signals = signals
        self._heard = 0  # stop signals that have been answered
        self._grace_ends: float | None = None
        self._tasks: dict[str, Task] = {}  # by the run's name
        self._free = list(range(options.slots - 1, -1, -1))
        self._results: list[tuple[Task, Settlement]] = []
        self._hungry = True  # there may be more to claim
        self._claimed = 0
        self._next_due: int | None = None
        self._refused_until = 0.0
        self._trouble = ""
        self._shim: process.Shim | None = None
        self._done = {EventKind.JOB_COMPLETED: 0, EventKind.JOB_RETRYING: 0, EventKind.JOB_DEAD: 0}
        self._poll = select.poll()

    # -- the loop ---------------------------------------------------------------------

    def start(self) -> None:
        """Register, and settle or adopt what dead workers left."""
        process.become_subreaper()
        self._settings = self._read_settings()
        self._started_at = _now()
        self._join()
        self._poll.register(self._signals.descriptor, select.POLLIN)
        self._say(EventKind.WORKER_STARTED, message=f"{self._options.slots} slots, store {self._repository.url}")
        self._rescue.sweep()
        self._adopt(everyone=True)

    def loop(self) -> None:
        """Go round until there is nothing more to do."""
        while True:
            self._take_turn()
            if self._is_finished():
                return
            self._wait()
            self._look_after()

    def leave(self) -> None:
        """Go, as tidily as the store allows."""
        if self._shim is not None:
            self._shim.close()
        clean = not self._tasks and not self._results
        try:
            if clean:
                self._repository.leave(self._id)
                self._record.path.unlink(missing_ok=True)
        except errors.QueuectlError:
            pass  # the next worker finds a dead one without jobs
        finally:
            self._presence.close()
        self._say(EventKind.WORKER_STOPPED, message=self._summary())

    def _take_turn(self) -> None:
        """Settle what has ended and claim for the free slots."""
        wanted = self._wanted()
        if (not wanted and not self._results) or time.monotonic() < self._refused_until:
            return
        try:
            turn = self._repository.turn(
                [settlement for _, settlement in self._results],
                worker=self._id,
                slots=wanted,
                queues=self._options.queues,
                now=_now(),
                lease_seconds=self._settings.lease,
            )
        except _PASSING as error:
            self._suffer(error)
            return
        self._trouble = ""
        results, self._results = self._results, []
        for task, settlement in results:
            self._report(task.lease.job, settlement, refused=settlement.token in turn.refused)
        self._launch(turn.leases)
        if wanted:
            self._hungry = len(turn.leases) == wanted
            if not self._hungry:
                self._look_out()

    def _wanted(self) -> int:
        """Return how many jobs to claim now."""
        if self.stopping or not self._hungry:
            return 0
        most = self._options.slots - len(self._tasks)
        if self._options.once:
            most = min(most, 1 - self._claimed)
        if self._options.max_jobs is not None:
            most = min(most, self._options.max_jobs - self._claimed)
        return max(0, most)

    def _is_finished(self) -> bool:
        if self._results:
            return False
        if self._tasks:
            return self._signals.stops > 2 and self._grace_ends is not None and time.monotonic() > self._grace_ends
        if self.stopping:
            return True
        if self._options.once:
            return bool(self._claimed) or not self._hungry
        if self._options.max_jobs is not None and self._claimed >= self._options.max_jobs:
            return True
        return self._options.drain and not self._hungry and self._is_drained()

    def _is_drained(self) -> bool:
        outlook = self._repository.outlook(self._options.queues, now=_now())
        self._hungry = outlook.ready
        return not outlook.ready and outlook.next_retry is None

    def _wait(self) -> None:
        """Sleep until something happens or is due, and take note of it."""
        for descriptor, _ in self._poll.poll(self._patience() * 1000):
            if descriptor == self._signals.descriptor:
                self._signals.drain()
                process.reap_strangers({task.pid for task in self._tasks.values() if isinstance(task, Adopted)})
            elif descriptor == self._presence.descriptor:
                self._presence.drain()
                self._hungry = True
            elif self._shim is not None and descriptor == self._shim.fileno():
                self._hear()
            else:  # an adopted command has ended
                for task in self._adopted():
                    if task.descriptor == descriptor:
                        task.look_at = 0.0
                        self._poll.unregister(descriptor)
                        task.close()

    def _patience(self) -> float:
        """Return the seconds until the next thing that is due."""
        clock = time.monotonic()
        moments = [self._look_at, self._grace_ends if self._grace_ends and self._grace_ends > clock else clock + LOOK]
        if self._observer.interval is not None:
            moments.append(self._tick_at)
        if self._next_due is not None:
            moments.append(clock + (self._next_due - _now()) / 1000)
        if self._refused_until > clock:
            return max(0.0, min([*moments, self._refused_until]) - clock)
        for task in self._tasks.values():
            ends = task.stop.kill_at if task.stop else task.times_out_at()
            if ends is not None:
                moments.append(ends)
            if isinstance(task, Adopted):
                moments.append(task.look_at)
        if self._results or self._wanted():
            return 0.0
        return max(0.0, min(moments) - clock)

    def _look_after(self) -> None:
        """Do whatever is due."""
        clock = time.monotonic()
        self._answer_signals(clock)
        self._enforce(clock)
        for task in self._adopted():
            if task.look_at <= clock:
                self._look_at_adopted(task)
        if self._next_due is not None and _now() >= self._next_due:
            self._next_due = None
            self._hungry = True
        if clock >= self._look_at:
            self._look_at = clock + LOOK
            self._look_around(clock)
        if self._observer.interval is not None and clock >= self._tick_at:
            self._tick_at = clock + self._observer.interval
            self._observer.tick(self._view())

    # -- starting and ending commands -------------------------------------------------

    def _launch(self, leases: list[Lease]) -> None:
        if not leases:
            return
        if self._shim is None:
            self._shim = process.Shim(self._record.path)
            self._poll.register(self._shim.fileno(), select.POLLIN)
        self._claimed += len(leases)
        starts = []
        for lease in leases:
            task = Task(lease, self._shim, self._free.pop())
            self._tasks[task.run] = task
            starts.append(self._start_of(task).message())
        self._shim.send(starts)
        for lease in leases:
            self._say(EventKind.JOB_STARTED, lease.job)

    def _start_of(self, task: Task) -> process.Start:
        job = task.lease.job
        log = log_path(self._repository.directory, job.seq, task.lease.run)
        log.parent.mkdir(mode=0o700, exist_ok=True)
        variables = {
            **job.env,
            "QUEUECTL_JOB_ID": job.id,
            "QUEUECTL_ATTEMPT": str(job.attempts),
            "QUEUECTL_QUEUE": job.queue,
            "QUEUECTL_DB": self._store,
            "QUEUECTL_WORKER": self._name,
            "QUEUECTL_RUN": task.run,
        }
        return process.Start(
            task.slot, task.run, job.command, job.cwd or os.getcwd(), variables, log, self._settings.log_max_bytes
        )

    def _hear(self) -> None:
        """Take what the shim says has ended."""
        assert self._shim is not None
        news = self._shim.news()
        if news is None:
            self._lose_shim()
            return
        for ended in news:
            task = self._tasks.get(ended.run)
            if task is not None:
                if ended.passing:
                    self._give_back(task, ended.execution)
                else:
                    self._end(task, ended.execution)

    def _lose_shim(self) -> None:
        """Follow the commands of a shim that was killed; they are our children now."""
        assert self._shim is not None
        self._poll.unregister(self._shim.fileno())
        self._shim.close()
        self._shim = None
        self._say(EventKind.WARNING, message="the shim was killed; its commands go on and are followed by the worker")
        for name, task in list(self._tasks.items()):
            if not isinstance(task, Adopted):
                adopted = Adopted(task.lease, self._record, self._store)
                adopted.slot, adopted.stop = task.slot, task.stop
                self._tasks[name] = adopted

    def _end(self, task: Task, execution: Execution) -> None:
        """Decide what follows from the end of a run; the next turn writes it."""
        job = task.lease.job
        cause = task.stop.cause if task.stop else ""
        if cause == "timeout":
            execution = timed_out(execution, job.timeout or 0.0)
        if execution.outcome is Outcome.NEVER_STARTED and isinstance(task, Adopted) and task.lease.returned < RETURNS:
            verdict: Verdict = Return()
        elif cause == "cancel":
            verdict = Cancel(execution.error or "cancelled")
        elif cause == "stop" and not execution.succeeded:
            execution = execution._replace(outcome=Outcome.RETURNED, error="its worker was stopped")
            verdict = Return()
        else:
            verdict = self._judge(job, execution)
        self._settle(task, execution, verdict)

    def _judge(self, job: Job, execution: Execution) -> Verdict:
        if execution.succeeded:
            return Complete()
        try:  # back-off settings count from the next failure on
            self._settings = self._read_settings()
        except _PASSING:
            pass  # then those that were read last
        luck = int.from_bytes(os.urandom(4), "little") / 2**32
        return policy_for(job, self._settings).judge(job.attempts, execution, now=execution.finished_at, luck=luck)

    def _give_back(self, task: Task, execution: Execution) -> None:
        """Return an attempt that the machine, not the job, made fail; and take a breath."""
        self._say(EventKind.WARNING, task.lease.job, message=f"{execution.error}; trying again")
        self._refused_until = time.monotonic() + AGAIN
        self._settle(task, execution._replace(outcome=Outcome.RETURNED), Return())

    def _settle(self, task: Task, execution: Execution, verdict: Verdict) -> None:
        del self._tasks[task.run]
        if task.slot >= 0:
            self._free.append(task.slot)
        self._results.append((task, Settlement(task.lease.job.seq, task.lease.token, execution, verdict)))
        # A slot is free, so there may be something to claim for it.
        self._hungry = self._hungry or not self.stopping

    # -- stopping ---------------------------------------------------------------------

    def _answer_signals(self, clock: float) -> None:
        while self._heard < min(self._signals.stops, 3):
            self._heard += 1
            if self._heard == 1:
                self._stop_gracefully(clock)
            else:
                self._stop_now(clock, grace=GRACE if self._heard == 2 else 0.0)
        if self.stopping == "graceful" and self._grace_ends is not None and clock >= self._grace_ends:
            self._grace_ends = None
            for task in self._tasks.values():
                self._stop(task, "stop", GRACE)

    def _stop_gracefully(self, clock: float) -> None:
        self.stopping = "graceful"
        if self._options.grace is not None:
            self._grace_ends = clock + self._options.grace
        self._say(EventKind.WORKER_STOPPING, message=f"finishing {len(self._tasks)} running jobs")

    def _stop_now(self, clock: float, *, grace: float) -> None:
        self.stopping = "now"
        self._grace_ends = clock + grace + 1.0
        self._say(EventKind.WORKER_STOPPING, message=f"stopping {len(self._tasks)} running jobs")
        for task in self._tasks.values():
            self._stop(task, "stop", grace)

    def _stop(self, task: Task, cause: str, grace: float) -> None:
        """Ask a command to end, and see that it does."""
        if task.stop is None:
            task.signal(process.TERM)
            task.stop = Stop(cause, time.monotonic() + grace)
        else:
            task.stop = Stop(task.stop.cause, min(task.stop.kill_at, time.monotonic() + grace))

    def _enforce(self, clock: float) -> None:
        """Kill what did not end in its time."""
        for task in self._tasks.values():
            ends = task.times_out_at()
            if task.stop is not None and clock >= task.stop.kill_at:
                task.signal(process.KILL)
                task.stop = task.stop._replace(kill_at=clock + 1.0)
            elif task.stop is None and ends is not None and clock >= ends:
                self._stop(task, "timeout", GRACE)

    # -- the others -------------------------------------------------------------------

    def _join(self) -> None:
        self._presence = Presence(self._repository.directory)
        identity = identify(self._options, self._presence.name)
        self._name = identity.name
        self._store = os.path.abspath(self._repository.directory).removesuffix(".d")
        self._record = Record(self._repository.directory / "runs" / self._presence.name)
        self._id = self._repository.join(identity, now=_now(), ticks=time.monotonic())
        self._rescue = Rescue(self._repository, self._id, identity)
        self._poll.register(self._presence.descriptor, select.POLLIN)
        clock = time.monotonic()
        self._look_at = self._tick_at = clock
        self._renew_at = clock + self._settings.lease / 3
        self._poll_at = clock + POLL

    def _look_around(self, clock: float) -> None:
        """Do the rounds: the store's file, our lease, dead workers, forgotten work."""
        if not self._repository.is_same_file():
            raise errors.StoreGone(
                f"store {self._repository.url!r} was deleted or replaced", hint="start a worker on the store that is there now"
            )
        try:
            everyone = clock >= self._renew_at
            if everyone:
                self._renew(clock)
            self._adopt(everyone=everyone)
            if clock >= self._poll_at and not self._hungry and not self.stopping:
                self._poll_at = clock + POLL
                self._look_out()
        except _PASSING as error:
            self._suffer(error)

    def _renew(self, clock: float) -> None:
        self._settings = self._read_settings()
        asked = self._repository.renew(
            self._id, now=_now(), ticks=time.monotonic(), lease_seconds=self._settings.lease
        )
        self._renew_at = clock + self._settings.lease / 3
        if asked is None:
            self._rejoin()

    def _rejoin(self) -> None:
        """Begin anew after others took us for dead: our jobs are theirs by now."""
        self._say(EventKind.WARNING, message="taken for dead by another worker, which has our jobs now; starting anew")
        for task in self._adopted():
            task.close()
        self._tasks.clear()
        self._results.clear()
        self._free = list(range(self._options.slots - 1, -1, -1))
        if self._shim is not None:
            self._poll.unregister(self._shim.fileno())
            self._shim.close()
            self._shim = None
        self._poll.unregister(self._presence.descriptor)
        self._presence.close()
        self._join()

    def _adopt(self, *, everyone: bool) -> None:
        for lease, record in self._rescue.find(everyone=everyone, only_ended=self._options.once, lease_seconds=self._settings.lease):
            task = Adopted(lease, record, self._store)
            self._tasks[run_name(lease)] = task
            self._look_at_adopted(task, fresh=True)

    def _look_at_adopted(self, task: Adopted, *, fresh: bool = False) -> None:
        before = task.descriptor
        execution = task.look()
        if execution is not None:
            task.close()
            self._end(task, execution)
            return
        if task.descriptor is not None and task.descriptor != before:
            self._poll.register(task.descriptor, select.POLLIN)
        if fresh:
            self._say(EventKind.JOB_ADOPTED, task.lease.job)

    def _adopted(self) -> list[Adopted]:
        return [task for task in self._tasks.values() if isinstance(task, Adopted)]

    def _look_out(self) -> None:
        """See whether there is work, and when the next is due."""
        outlook = self._repository.outlook(self._options.queues, now=_now())
        self._hungry = outlook.ready
        self._next_due = outlook.next_due

    # -- telling ----------------------------------------------------------------------

    def _suffer(self, error: errors.StoreError) -> None:
        """Keep the results, say so once, and try again soon."""
        self._refused_until = time.monotonic() + AGAIN
        if self._trouble != error.code:
            self._trouble = error.code
            self._say(EventKind.WARNING, message=f"{error.message}; results are kept, trying again")

    def _report(self, job: Job, settlement: Settlement, *, refused: bool) -> None:
        kind = {
            "Complete": EventKind.JOB_COMPLETED,
            "Retry": EventKind.JOB_RETRYING,
            "Bury": EventKind.JOB_DEAD,
            "Cancel": EventKind.JOB_CANCELLED,
        }.get(type(settlement.verdict).__name__, EventKind.JOB_RETURNED)
        if refused:
            kind = EventKind.LEASE_LOST
        if kind in self._done:
            self._done[kind] += 1
        if isinstance(settlement.verdict, Retry) and not refused:
            due = settlement.verdict.next_run_at
            self._next_due = due if self._next_due is None else min(self._next_due, due)
        self._observer.event(
            Event(kind, _now(), self._name, job, settlement.execution, settlement.verdict)
        )

    def _say(self, kind: EventKind, job: Job | None = None, message: str = "") -> None:
        self._observer.event(Event(kind, _now(), self._name, job, message=message))

    def _summary(self) -> str:
        completed, retried, dead = self._done.values()
        return f"{completed} completed, {retried} retried, {dead} dead"

    def _view(self) -> View:
        running = tuple(
            Running(task.lease.job, task.started_at, isinstance(task, Adopted)) for task in self._tasks.values()
        )
        completed, retried, dead = self._done.values()
        now = _now()
        return View(
            worker=self._name,
            store=self._repository.url,
            slots=self._options.slots,
            at=now,
            started_at=self._started_at,
            running=running,
            retrying=tuple(self._repository.upcoming_retries(limit=5)),
            counts=self._repository.counts(now=now),
            completed=completed,
            retried=retried,
            dead=dead,
            stopping=self.stopping,
        )

    def _read_settings(self) -> Settings:
        return settings_from(self._repository.settings())


def _now() -> int:
    return time.time_ns() // 1_000_000
