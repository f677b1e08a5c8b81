"""Being one of a store's workers: what the others see of it, and for how long."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from queuectl import clock, errors
from queuectl.worker.ahead import lines
from queuectl.worker.hold import Hold, since_boot
from queuectl.worker.presence import Presence, identify
from queuectl.worker.record import Record
from queuectl.worker.rescue import Rescue
from queuectl.worker.wakeup import wake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.base import Settlement, Turn
    from queuectl.repository.protocol import JobRepository
    from queuectl.worker.options import WorkerOptions


class Member:
    """One of a store's workers: from the moment it is made, the others see it.

    Args:
        repository: the store.
        options: what it serves.
        lease: seconds within which it promises its next sign of life.
    """

    def __init__(self, repository: JobRepository, options: WorkerOptions, lease: float) -> None:
        self._repository = repository
        self.hold = Hold(is_shared=bool(repository.home))
        self.presence = Presence(repository.directory)
        try:
            self.identity = identify(options, self.presence.name, repository.home)
            self.record = Record(repository.directory / "runs" / self.presence.name)
            self.record.create(lines(options.slots))
            began, now = since_boot(), clock.now()
            self.id = repository.join(self.identity, now=now, ticks=time.monotonic(), lease_seconds=lease)
        except BaseException:
            self.presence.close()
            raise
        self.hold.renew(began, lease, now)
        wake(repository.directory)  # whoever thought to be alone
        self.rescue = Rescue(repository, self.id, self.identity)

    def turn(self, settlements: Sequence[Settlement], *, slots: int, lease: float) -> Turn:
        """Settle what has ended, and claim; see `JobRepository.turn`."""
        return self._repository.turn(
            settlements,
            worker=self.id,
            slots=slots,
            queues=self.identity.queues,
            now=clock.now(),
            lease_seconds=lease,
        )

    def leave(self) -> None:
        """Be a worker no more, unless jobs are held; as far as the store allows.

        If it does not answer, the next worker finds a dead one. If it is not the store that we joined, what lies
        beside it is not ours.
        """
        with contextlib.suppress(errors.QueuectlError, OSError):
            if self._repository.is_same_file():
                if not self._repository.leases_of(self.id):
                    self._repository.leave(self.id)
                    self.record.path.unlink(missing_ok=True)
                self.rescue.sweep()
        self.presence.close()

    def renew(self, lease: float) -> str | None:
        """Give a sign of life; see `JobRepository.renew`."""
        began, now = since_boot(), clock.now()
        asked = self._repository.renew(self.id, now=now, ticks=time.monotonic(), lease_seconds=lease)
        if asked is not None:
            self.hold.renew(began, lease, now)
        return asked
