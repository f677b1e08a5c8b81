"""The runs that a worker has in hand: starting and following them."""

from __future__ import annotations

import math
import select
import time
from typing import TYPE_CHECKING, NamedTuple

from queuectl import clock as clocks
from queuectl.model import Execution, Outcome
from queuectl.worker import process
from queuectl.worker.ahead import lines
from queuectl.worker.launch import Launch
from queuectl.worker.task import Adopted, Task
from queuectl.worker.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from queuectl.repository.base import Lease
    from queuectl.worker.record import Record


class Over(NamedTuple):
    """A run that has ended."""

    task: Task
    execution: Execution
    passing: bool = False  #: it could not start for a reason that has nothing to do with the job


class Runs(Tasks):
    """All runs of one worker, its own and the adopted ones.

    Args:
        store: location of the store, as the commands get it.
        directory: the store's data directory.
        record: the worker's own run record.
        worker: its name.
        slots: how many commands it may run at a time.
        poll: waits for whatever announces the end of a run.
    """

    def __init__(  # noqa: PLR0913
        self, *, store: str, directory: Path, record: Record, worker: str, slots: int, poll: select.poll
    ) -> None:
        super().__init__(record, slots)
        self.shim_was_lost = False
        self._begun: list[Task] = []
        self._over: list[Over] = []
        self._store = store
        self._launch = Launch(store, str(directory), worker)
        self._poll = poll
        self._free = list(range(lines(slots)))
        self._shim: process.Shim | None = None
        self._until = math.inf

    def room(self, ahead: int) -> int:
        """Return how many more may be launched, so many of them before a slot is free."""
        return max(0, min(self._slots + ahead - len(self.tasks), len(self._free)))

    def take_begun(self) -> list[Task]:
        """Return the runs that have begun since the last call; they may be over by now."""
        begun, self._begun = self._begun, []
        return begun

    def tokens(self) -> set[str]:
        """Return the tokens of all runs in hand, those that have just ended included."""
        return {task.lease.token for task in (*self.tasks.values(), *(over.task for over in self._over))}

    def take_over(self) -> list[Over]:
        """Return the runs that have ended since the last call; others may run in their place."""
        over, self._over = self._over, []
        return over

    def settled(self, tasks: Iterable[Task]) -> None:
        """Let the lines of these runs be used again: what they tell is in the store."""
        self._free += [task.slot for task in tasks if task.slot >= 0]

    def close(self) -> None:
        """Leave what still runs to the shim."""
        if self._shim is not None:
            self._poll.unregister(self._shim.fileno())
            self._shim.close()
            self._shim = None
        for task in self.adopted():
            self._unfollow(task)

    def hold(self, until: float) -> None:
        """Let all that goes on here do so until this moment by the clock since the boot, whatever becomes of us."""
        self._until = until
        kept = {task.record.path: task.record for task in self.adopted()}
        for record in (kept | {self._record.path: self._record}).values():
            record.hold(until)

    # -- starting ---------------------------------------------------------------------

    @property
    def is_prepared(self) -> bool:
        """Whether the shim is there."""
        return self._shim is not None

    def prepare(self) -> None:
        """Start the shim, if it is not there. To be called before a claim.

        The run record is locked from then on: whoever finds a claim of ours without a line in it
        knows by the lock that the command may still be started.

        Raises:
            OSError: the machine has no room for another process or descriptor.
        """
        if self._shim is None:
            self._shim = process.Shim(self._record.path, self._store)
            self._poll.register(self._shim.fileno(), select.POLLIN)

    def launch(self, leases: Sequence[Lease], *, log_max_bytes: int) -> None:
        """Hand the commands of freshly claimed jobs to the shim, which starts each as soon as a slot is free."""
        starts: list[tuple[object, ...]] = []
        for lease in leases:
            assert self._shim is not None  # noqa: S101 - the caller has prepared
            task = Task(lease, self._shim, self._free.pop())
            self.tasks[task.run] = task
            try:
                starts.append(self._launch.start_of(task, log_max_bytes).message())
            except OSError as error:
                reason = f"cannot write the job's log: {error.strerror}"
                execution = Execution(Outcome.NEVER_STARTED, None, reason, None, clocks.now(), None)
                self._end(task, execution, passing=True)
        if starts and self._shim is not None:
            self._shim.send([self._most(), *starts])

    def give_back(self, leases: Sequence[Lease], reason: str) -> None:
        """Start none of these freshly claimed jobs."""
        for lease in leases:
            assert self._shim is not None  # noqa: S101 - the caller has prepared
            task = Task(lease, self._shim, self._free.pop())
            self.tasks[task.run] = task
            self._end(task, Execution(Outcome.RETURNED, None, reason, None, clocks.now(), None))

    def arm(self) -> None:
        """Wait for room on the way to the shim as well, if it was full."""
        if self._shim is not None:
            self._poll.register(self._shim.fileno(), select.POLLIN | (select.POLLOUT if self._shim.flush() else 0))

    def balance(self) -> None:
        """Tell the shim how many may go on, now that adopted ones have come or gone."""
        if self._shim is not None and self.waiting():
            self._shim.send([self._most()])

    def _most(self) -> tuple[str, int]:
        return "most", max(0, self._slots - len(self.adopted()))

    def adopt(self, lease: Lease, record: Record, host: str = "") -> bool:
        """Follow the run of a worker that is gone; say whether it still goes on.

        `host` is that worker's, if its data directory is not ours.
        """
        task = Adopted(lease, record, self._store, host)
        self.tasks[task.run] = task
        record.hold(self._until)  # before the look: it may be the last moment
        goes_on = not self._look_at(task)
        self.balance()
        return goes_on

    # -- following --------------------------------------------------------------------

    def notice(self, descriptor: int) -> None:
        """Take note of what a readable descriptor announces."""
        if self._shim is not None and descriptor == self._shim.fileno():
            self._hear(self._shim)
            return
        for task in self.adopted():
            if task.descriptor == descriptor:
                self._unfollow(task)
                task.look_at = 0.0

    def look(self, clock: float) -> None:
        """Look at the adopted runs whose time has come."""
        for task in self.adopted():
            if task.look_at <= clock:
                self._look_at(task)

    def _hear(self, shim: process.Shim) -> None:
        news = shim.news()
        if news is None:
            self._lose(shim)
            return
        clock = time.monotonic()
        for run, execution, passing in news:
            task = self.tasks.get(run)
            if task is None or isinstance(task, Adopted):
                continue
            if execution is None:
                task.began = clock
                self._begun.append(task)
            else:
                self._end(task, execution, passing=passing)

    def _lose(self, shim: process.Shim) -> None:
        """Follow the commands of a shim that was killed; they are our children now."""
        self._poll.unregister(shim.fileno())
        shim.close()
        self._shim = None
        self.shim_was_lost = True
        for name, task in list(self.tasks.items()):
            if not isinstance(task, Adopted):
                orphan = Adopted(task.lease, self._record, self._store)
                orphan.slot, orphan.stop, orphan.is_abandoned = task.slot, task.stop, True
                self.tasks[name] = orphan

    def _look_at(self, task: Adopted) -> bool:
        before = task.descriptor
        execution = task.look()
        if execution is not None:
            self._unfollow(task)
            self._end(task, execution)
            return True
        if task.descriptor is not None and task.descriptor != before:
            self._poll.register(task.descriptor, select.POLLIN)
        return False

    def _unfollow(self, task: Adopted) -> None:
        if task.descriptor is not None:
            self._poll.unregister(task.descriptor)
            task.close()

    def _end(self, task: Task, execution: Execution, *, passing: bool = False) -> None:
        del self.tasks[task.run]
        if passing:
            self._launch.forget_shelves()  # somebody may have removed them
        self._over.append(Over(task, execution, passing))
        if isinstance(task, Adopted):
            self.balance()

    def reap_strangers(self) -> None:
        """Bury children that fell to us when their parent died, but none whose end counts."""
        while (pid := process.ended_child()) is not None:
            if self._shim is not None and pid == self._shim.pid:
                self._hear(self._shim)
            if pid in {task.pid for task in self.adopted()} | self._record.pids():
                return  # its turn comes when the run is looked at
            process.bury(pid)
