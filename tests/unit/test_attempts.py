"""The runs of a job, put together from its history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from queuectl.attempts import Run, runs_of
from queuectl.model import JobState, Transition

NOW = 1_800_000_000_000
PENDING, PROCESSING, COMPLETED = JobState.PENDING, JobState.PROCESSING, JobState.COMPLETED
FAILED, DEAD, CANCELLED = JobState.FAILED, JobState.DEAD, JobState.CANCELLED


def _claim(at: int, attempt: int = 1, since: int | None = None) -> Transition:
    return Transition(at, PENDING, PROCESSING, attempt, "w1", "claimed", None, since)


def _end(
    at: int, state: JobState, since: int | None = None, reason: str | None = None, code: int | None = None
) -> Transition:
    return Transition(at, PROCESSING, state, 1, "w1", reason, code, since)


BEGIN = Transition(NOW, None, PENDING, 0, None, "enqueued", None)


def test_a_job_that_never_ran_has_none() -> None:
    assert runs_of([BEGIN], now=NOW) == ()
    assert runs_of([BEGIN, _end(NOW, CANCELLED)], now=NOW) == ()


def test_a_success_tells_its_wait_and_its_time() -> None:
    history = [BEGIN, _claim(NOW + 1500, since=NOW), _end(NOW + 4000, COMPLETED, NOW + 2000, code=0)]
    (run,) = runs_of(history, now=NOW)
    assert run == Run(1, "completed", 1.5, NOW + 2000, NOW + 4000, 2.0, 0, None, "w1")
    assert run.ending == "exit code 0"


def test_a_failure_tells_its_reason() -> None:
    history = [BEGIN, _claim(NOW), _end(NOW + 9, FAILED, NOW, "killed by SIGKILL", 137), _end(NOW + 9, DEAD)]
    (run,) = runs_of(history, now=NOW)
    assert (run.how, run.ending, run.exit_code, run.waited) == ("failed", "killed by SIGKILL", 137, None)


def test_a_run_that_goes_on_has_no_end_yet() -> None:
    (run,) = runs_of([BEGIN, _claim(NOW)], now=NOW + 2500)
    assert (run.how, run.ending, run.finished_at, run.seconds) == ("running", "running", None, 2.5)


def test_an_attempt_that_was_given_back_never_ran() -> None:
    first, second = runs_of(
        [BEGIN, _claim(NOW), _end(NOW + 5, PENDING, reason="stopped"), _claim(NOW + 9)], now=NOW + 9
    )
    assert (first.ending, first.seconds) == ("given back", None)
    assert (first.attempt, second.attempt) == (1, 1)


def test_a_cancelled_run_says_by_whom() -> None:
    (run,) = runs_of([BEGIN, _claim(NOW), _end(NOW + 5, CANCELLED, reason="cancelled by me@here")], now=NOW)
    assert (run.how, run.ending, run.seconds) == ("cancelled", "cancelled by me@here", 0.005)


steps = st.builds(
    Transition,
    st.integers(0, NOW),
    st.none(),
    st.sampled_from(JobState),
    st.integers(0, 9),
    st.none() | st.text(),
    st.none() | st.text(),
    st.none() | st.integers(0, 255),
    st.none() | st.integers(0, NOW),
)


@given(st.lists(steps, max_size=20), st.integers(0, NOW))
def test_every_claim_is_a_run_whatever_follows(history: list[Transition], now: int) -> None:
    runs = runs_of(history, now=now)
    assert [run.worker for run in runs] == [step.worker for step in history if step.state is PROCESSING]
    assert all(run.seconds is None or run.seconds >= 0 for run in runs)
    assert all(run.ending for run in runs)
    assert sum(run.finished_at is None for run in runs) <= 1
