"""What has been: the history of all jobs, read backwards."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from queuectl.repository.sql.store import Store
from queuectl.statistics import Step

if TYPE_CHECKING:
    from collections.abc import Generator

#: Along the numbers of the transitions: no index is needed.
_STEPS = "SELECT state, at, since FROM history ORDER BY id DESC"
_STEPS_WITH_JOBS = """
    SELECT history.state, history.at, history.since, jobs.queue, jobs.tags
    FROM history CROSS JOIN jobs WHERE jobs.seq = history.job ORDER BY history.id DESC
"""


class Recounting(Store):
    """The part of the repository that knows what has been."""

    def steps(self, *, with_jobs: bool = False) -> Generator[Step, None, None]:
        """Yield every transition, newest first; see `JobRepository.steps`."""
        with self._reading() as db:
            if with_jobs:
                for state, at, since, queue, tags in self._rows(db, _STEPS_WITH_JOBS):
                    yield Step(state, at, since, queue, _tags(tags))
            else:
                for state, at, since in self._rows(db, _STEPS):
                    yield Step(state, at, since)


@lru_cache(maxsize=1024)
def _tags(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()
