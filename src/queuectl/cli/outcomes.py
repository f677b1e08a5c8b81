"""What became of jobs that were waited for: as lines, sentences, JSON, and an exit code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from queuectl.cli import output
from queuectl.cli.waiting import unbroken
from queuectl.duration import format_duration
from queuectl.model import JobState
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from queuectl.cli.session import Session
    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository

#: Exit code when a job that was waited for ended without success.
UNSUCCESSFUL = 5
#: Of more jobs a person reads only the failures, and the sum.
_FEW = 20
#: Ids that one query looks up.
_BLOCK = 500

_ENDED = {JobState.COMPLETED: "completed", JobState.DEAD: "dead", JobState.CANCELLED: "cancelled"}


def exit_code(job: Job, *, own: bool) -> int:
    """Return what to exit with after this job: 0, `UNSUCCESSFUL`, or its `own` exit code.

    One that failed though its command said 0, by its timeout for instance, is no success.
    """
    if job.state is JobState.COMPLETED:
        return 0
    return (own and job.exit_code) or UNSUCCESSFUL


def sentence(job: Job) -> str:
    """Return what became of a job, for people."""
    name = output.safe(repr(job.id))
    if job.state is JobState.COMPLETED:
        took = "" if job.duration_seconds is None else f" in {format_duration(job.duration_seconds)}"
        return f"Job {name} completed{took}."
    if job.state is JobState.DEAD:
        return f"Job {name} is dead: {output.safe(job.error or 'it gave up')}."
    return f"Job {name} was cancelled."


class Outcomes:
    """Tells what becomes of jobs as they end, and remembers what is asked for at the end.

    Args:
        session: says in which form.
        jobs: the ids of all that are waited for, by number.
        own: whether to exit with the own exit code of a job that failed.
        hows: by id, what `enqueue` did; becomes a field of the JSON.
    """

    def __init__(
        self, session: Session, jobs: Mapping[int, str], *, own: bool, hows: Mapping[str, str] | None = None
    ) -> None:
        self._session = session
        self._jobs = jobs
        self._own = own
        self._hows = hows or {}
        self._codes: dict[int, int] = {}  # of those that failed
        self._objects: dict[int, Job] = {}
        self._states: Counter[JobState] = Counter()
        self._write = unbroken(_write_line)
        self.speaks = output.is_terminal() and not session.quiet and not session.json  #: to a person

    @property
    def number(self) -> int:
        """How many have ended."""
        return self._states.total()

    @property
    def code(self) -> int:
        """What to exit with: of those that failed the one that was named first decides."""
        return next((self._codes[number] for number in self._jobs if number in self._codes), 0)

    def says(self, job: Job) -> bool:
        """Whether this end is worth a sentence."""
        return self.speaks and (len(self._jobs) <= _FEW or job.state is not JobState.COMPLETED)

    def tell(self, job: Job) -> None:
        """Take note of an end, and tell it at once unless there is to be one document."""
        self._states[job.state] += 1
        code = exit_code(job, own=self._own)
        if code:
            self._codes[job.seq] = code
        if self._session.json:
            self._objects[job.seq] = job
        elif self.says(job):
            self._write(sentence(job))
        elif not self.speaks:
            self._write("\t".join(_fields(job)))

    def close(self, *, timed_out: bool) -> None:
        """Say what is to be said at the end."""
        if self._session.json:
            behind = f', "timed_out": {output.as_json(timed_out)}}}'
            output.array(self._documents(), before='{"jobs": ', behind=behind)
        elif self.speaks and len(self._jobs) > _FEW and self._states:
            parts = [f"{self._states[state]:,} {word}" for state, word in _ENDED.items() if self._states[state]]
            self._write(f"Of {len(self._jobs):,} jobs {', '.join(parts)}.")

    def _documents(self) -> Iterator[dict[str, Any]]:
        from queuectl.cli.jobjson import job_object

        left = [job_id for number, job_id in self._jobs.items() if number not in self._objects]
        self._objects |= {job.seq: job for job in standing(self._session.repository, left)}
        for number in self._jobs:
            job = self._objects.get(number)  # None: it was removed in the last moment
            if job is not None:
                how = {"how": self._hows[job.id]} if job.id in self._hows else {}
                yield {"id": job.id} | how | job_object(job)


def standing(repository: JobRepository, ids: Sequence[str]) -> Iterator[Job]:
    """Yield the jobs with these exact ids as they are now; those that are not there are passed over."""
    for start in range(0, len(ids), _BLOCK):
        yield from repository.list(Filter(ids=tuple(ids[start : start + _BLOCK]))).jobs


def _write_line(text: str) -> None:
    output.write(f"{text}\n")
    output.flush()


def _fields(job: Job) -> Iterator[str]:
    for field in (job.id, job.state, job.exit_code, job.error):
        yield "" if field is None else output.safe(str(field))
