"""Reading what the live screen shows: from the store, from the logs, and no oftener than it is worth."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from queuectl.cli.printed import log_of
from queuectl.cli.session import now
from queuectl.cli.top.facts import NOTHING, SPAN, Beats, Details, Facts, Found, Wanted, readable
from queuectl.errors import JobNotFound, StoreGone
from queuectl.model import JobState
from queuectl.repository.base import Filter
from queuectl.worker.living import live_workers
from queuectl.worker.logs import Log, log_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository

#: Rows of each kind that are read: more than any screen shows, so that there is something to filter.
LIMIT = 200
#: Running jobs whose output is looked at.
_WATCHED = 100
#: Dead jobs of one group that are listed.
_FALLEN = 50
#: Bytes of a log's end that are read, and lines that are kept.
_TAIL, _LINES = 65_536, 1_000
#: Reading rests for so many times as long as it took: it never takes more than a tenth of a core.
_REST = 10
#: Seconds after which the store is read without a commit: jobs become due by themselves.
_STALE = 5.0


class Reader:
    """Reads one store again and again."""

    def __init__(self, repository: JobRepository) -> None:
        self._repository = repository
        self._beats = Beats()
        self._version: int | None = None
        self._second = 0
        self._cost = self._read_at = 0.0
        self._facts = NOTHING

    def read(self) -> Facts:
        """Return what is known now; look only if the store has changed, and once a second at what moves by itself."""
        version, second, clock = self._repository.version(), now() // 1000, time.monotonic()
        is_news = version != self._version
        if not (is_news or second != self._second) or clock < self._read_at + self._cost * _REST:
            return self._facts
        # Asked before reading: what is committed meanwhile is news the next time.
        if second != self._second and not self._repository.is_same_file():
            raise StoreGone(
                f"store {self._repository.url!r} was deleted or replaced",
                "start `queuectl top` again to see the new one",
            )
        self._version, self._second = version, second
        if is_news or clock >= self._read_at + _STALE:
            self._facts = self._look()
            self._read_at = time.monotonic()
            self._cost = self._read_at - clock
        elif self._facts.running or self._facts.workers:
            self._facts = self._glance(self._facts)
        return self._facts

    def find(self, wanted: Wanted) -> Found:
        """Look up one job, or those that died of the same."""
        details = self._details(wanted.job_id) if wanted.job_id else None
        return Found(details, self._fallen(wanted.signature))

    def _look(self) -> Facts:
        repository, at = self._repository, now()
        self._beats.add(repository.pulse(after=self._beats.last, span=SPAN))
        running = list(repository.list(Filter(states=(JobState.PROCESSING,)), limit=LIMIT).jobs)
        return Facts(
            at=at,
            counts=repository.counts(now=at),
            workers=live_workers(repository),
            running=running,
            lines=self._lines(running),
            queues=repository.queue_counts(now=at, limit=LIMIT),
            paused={one.queue: one.since for one in repository.paused()},
            retrying=repository.upcoming_retries(limit=LIMIT),
            dead=repository.deadliest(limit=LIMIT),
            ended=repository.recent_ends(limit=LIMIT),
            beats=self._beats.all(),
            since=self._beats.since,
        )

    def _glance(self, facts: Facts) -> Facts:
        """Return the facts with what moves without a commit: workers die, and commands print."""
        dead = {one.id for one in facts.workers} - {one.id for one in live_workers(self._repository)}
        workers = [one for one in facts.workers if one.id not in dead]
        return facts._replace(workers=workers, lines=self._lines(facts.running))

    def _lines(self, jobs: Sequence[Job]) -> Mapping[int, str]:
        # Only of those on this machine: of the others the store has nothing as long as they run.
        directory = self._repository.directory
        return {job.seq: readable(Log(log_path(directory, job.seq, job.runs)).last_line()) for job in jobs[:_WATCHED]}

    def _fallen(self, signature: str | None) -> Sequence[Job]:
        """Return the newest jobs that died of this, newest first."""
        if signature is None:
            return ()
        which = Filter(states=(JobState.DEAD,), signature=signature)
        return list(self._repository.list(which, limit=_FALLEN).jobs)[::-1]

    def _details(self, job_id: str) -> Details | None:
        try:
            job = self._repository.get(job_id)
        except JobNotFound:  # removed meanwhile
            return None
        text = log_of(self._repository, job.seq, job.runs).end(_TAIL).decode("utf-8", "replace")
        lines = text.removesuffix("\n").split("\n")[-_LINES:] if text else []
        return Details(job, self._repository.history(job), tuple(map(readable, lines)))
