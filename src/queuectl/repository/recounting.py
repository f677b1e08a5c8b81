"""What every storage engine tells about what has been: a part of `queuectl.repository.base`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator

    from queuectl.statistics import Step


class Recounting(Protocol):
    """The history of all jobs, read backwards."""

    def steps(self, *, with_jobs: bool = False) -> Generator[Step, None, None]:
        """Yield every transition, the one committed last first, with its job's queue and tags if they are wanted.

        Read from one snapshot and streamed: it costs what is read of it. Close it, or read it to its end,
        before the next call on this repository. Of jobs that were removed nothing is left.
        """
