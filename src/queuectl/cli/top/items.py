"""The rows of the live screen as data: what each pane holds, filtered, in its order; pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from queuectl.repository.glancing import QueueCounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from queuectl.cli.top.facts import Facts
    from queuectl.model import Job
    from queuectl.repository.base import Worker
    from queuectl.repository.glancing import Ended


class Pane(Enum):
    """A part of the screen with rows to move between, in the order in which Tab visits them."""

    RUNNING = "Running"
    QUEUES = "Queues"
    DEAD = "Dead"
    RETRIES = "Next retries"
    ENDED = "Ended"


class Item(NamedTuple):
    """A row: a job, a heading, a queue, or what jobs died of."""

    key: str  #: the same as long as it is the same row; empty: a heading, passed over
    job: Job | None = None
    worker: Worker | None = None  #: a heading, or who runs the job
    name: str = ""  #: of a worker that is gone
    ended: Ended | None = None
    queue: QueueCounts | None = None
    signature: str = ""
    jobs: int = 0  #: that died of it

    @property
    def queue_name(self) -> str | None:
        """The queue that pausing means."""
        return self.queue.name if self.queue else self.job.queue if self.job else None


Items = dict[Pane, "Sequence[Item]"]


def items(facts: Facts, fallen: Sequence[Job] = (), wanted: str = "") -> Items:
    """Return the rows of every pane; only those that contain a text, if one is wanted."""
    text = wanted.casefold()
    return {
        Pane.RUNNING: list(_running(facts, text)),
        Pane.QUEUES: [Item(f"queue {one.name}", queue=one) for one in _queues(facts) if text in one.name.casefold()],
        Pane.DEAD: list(_dead(facts, fallen, text)),
        Pane.RETRIES: [Item(f"job {job.seq}", job=job) for job in facts.retrying if _fits(job, text)],
        Pane.ENDED: [
            Item(f"end {one.number}", job=one.job, ended=one)
            for one in facts.ended
            if _fits(one.job, text) or text in (one.reason or "").casefold()
        ],
    }


def _fits(job: Job, text: str) -> bool:
    return not text or any(text in field.casefold() for field in (job.id, job.command, job.queue, job.worker or ""))


def _running(facts: Facts, text: str) -> Iterator[Item]:
    """Yield each worker with what it runs, and at last what runs on under nobody's eyes."""
    jobs: Mapping[str, Job] = {job.id: job for job in facts.running}
    seen: set[str] = set()
    for worker in facts.workers:
        held = [jobs[one] for one in worker.jobs if one in jobs]
        seen.update(worker.jobs)
        shown = [job for job in held if _fits(job, text)]
        if shown or not text:
            yield Item("", worker=worker)
        for job in shown:
            yield Item(f"job {job.seq}", job=job, worker=worker)
    orphans: dict[str, list[Job]] = {}
    for job in facts.running:
        if job.id not in seen and _fits(job, text):
            orphans.setdefault(job.worker or "", []).append(job)
    for name, held in orphans.items():
        yield Item("", name=name)
        for job in held:
            yield Item(f"job {job.seq}", job=job)


def _dead(facts: Facts, opened: Sequence[Job], text: str) -> Iterator[Item]:
    """Yield what they died of and, where that is opened, the jobs."""
    for signature, jobs in facts.dead:
        fallen = [job for job in opened if job.signature == signature and _fits(job, text)]
        if fallen or text in signature.casefold():
            yield Item(f"dead {signature}", signature=signature, jobs=jobs)
        for job in fallen:
            yield Item(f"job {job.seq}", job=job)


def _queues(facts: Facts) -> Iterator[QueueCounts]:
    """Yield the paused queues first, also those without jobs, then the busy ones."""
    known = {one.name: one for one in facts.queues}
    for name in facts.paused:
        if name:
            yield known.pop(name, QueueCounts(name))
    yield from known.values()
