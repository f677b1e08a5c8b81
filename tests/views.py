"""Jobs, events and views of a worker, as an observer is given them: plain ones and hostile ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from queuectl.model import Bury, Cancel, Complete, Execution, Job, JobState, Outcome, Retry, Return
from queuectl.repository.base import Counts
from queuectl.worker.events import Event, EventKind, Running, View

NOW = 1_795_527_005_123  #: 2026-11-24T13:30:05.123Z


def job(seq: int = 1, **fields: Any) -> Job:
    """Return a running job, changed as the test needs it."""
    plain = Job(
        seq=seq, id=f"job-{seq:04d}", command=f"echo {seq}", state=JobState.PROCESSING, queue="default", priority=0,
        attempts=1, max_retries=3, backoff_base=None, created_at=NOW, updated_at=NOW, next_run_at=None,
        started_at=NOW, finished_at=None, duration_seconds=None, exit_code=None, error=None, worker="worker-1",
        cwd=None, env={}, tags=(), timeout=None, unique_key=None,
    )  # fmt: skip
    return plain._replace(**fields)


def counts(*, ready: int = 0, scheduled: int = 0, retrying: int = 0, **states: int) -> Counts:
    """Return how many jobs stand where."""
    return Counts({state: states.get(state, 0) for state in JobState}, ready, scheduled, retrying, None)


def view(**fields: Any) -> View:
    """Return an idle worker of four slots, changed as the test needs it."""
    plain = View(
        worker="worker-1", store="queue.db", slots=4, at=NOW, started_at=NOW - 65_000, running=(), retrying=(),
        counts=counts(), completed=0, retried=0, dead=0, stopping="",
    )  # fmt: skip
    return plain._replace(**fields)


def running(*jobs: Job, seconds: float = 2.0) -> tuple[Running, ...]:
    """Return these jobs as running for so long."""
    return tuple(Running(one, NOW - round(seconds * 1000), adopted=False) for one in jobs)


def said(kind: EventKind, message: str = "", *, at: int = NOW) -> Event:
    """Return an event without a job."""
    return Event(kind, at, "worker-1", message=message)


def completed(one: Job, *, at: int = NOW, seconds: float = 0.3) -> Event:
    """Return that a job succeeded."""
    execution = Execution(Outcome.EXITED, 0, None, at, at, seconds)
    return Event(EventKind.JOB_COMPLETED, at, "worker-1", one, execution, Complete())


def failed(one: Job, *, at: int = NOW, error: str = "exit code 1", again_at: int | None = None) -> Event:
    """Return that a job failed: for good, or until its next attempt."""
    execution = Execution(Outcome.EXITED, 1, error, at, at, 0.3)
    if again_at is None:
        return Event(EventKind.JOB_DEAD, at, "worker-1", one, execution, Bury(error))
    return Event(EventKind.JOB_RETRYING, at, "worker-1", one, execution, Retry(again_at, error))


# -- hostile ones -------------------------------------------------------------------------

#: Text with everything that ever broke a terminal, and whatever else there is.
texts = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["\x1b[2J\x1b[31mred", "[/foo] :fire: [b]", "a\nb\r\tc", "\u202eevil"]),
    st.sampled_from(["👩\u200d🚀🇩🇪☠️", "漢字" * 40, "\udc80\x9b0m"]),
    st.just("x" * 5_000),
)

_instants = st.integers(NOW - 10**9, NOW + 10**9)
_seconds = st.none() | st.floats(0, 1e7)

jobs = st.builds(
    job,
    seq=st.integers(1, 100),
    id=texts,
    command=texts,
    attempts=st.integers(0, 10**6),
    max_retries=st.integers(0, 10**6),
    timeout=st.none() | st.floats(0.001, 1e7),
    error=st.none() | texts,
    next_run_at=st.none() | _instants,
)

_executions = st.builds(Execution, st.sampled_from(Outcome), st.none() | st.integers(0, 255), st.none() | texts,
                        st.none() | _instants, _instants, _seconds)  # fmt: skip

_verdicts = st.one_of(
    st.none(),
    st.just(Complete()),
    st.builds(Retry, _instants, texts),
    st.builds(Bury, texts),
    st.just(Return()),
    st.builds(Cancel, texts),
)

events = st.builds(
    Event, st.sampled_from(EventKind), _instants, texts, st.none() | jobs, st.none() | _executions, _verdicts, texts
)

_numbers = st.integers(0, 10**7)

views = st.builds(
    View,
    worker=texts,
    store=texts,
    slots=st.integers(1, 80),
    at=_instants,
    started_at=_instants,
    running=st.lists(st.builds(Running, jobs, _instants, st.booleans()), max_size=90).map(tuple),
    retrying=st.lists(jobs, max_size=5).map(tuple),
    counts=st.builds(
        Counts, st.fixed_dictionaries(dict.fromkeys(JobState, _numbers)), _numbers, _numbers, _numbers, st.none()
    ),
    completed=_numbers,
    retried=_numbers,
    dead=_numbers,
    stopping=st.sampled_from(["", "graceful", "now"]),
    paused=st.lists(texts, max_size=3).map(tuple),
)
