from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl.model import (
    FINAL,
    NO_ENV,
    TRANSITIONS,
    Bury,
    Cancel,
    Complete,
    Execution,
    JobSpec,
    JobState,
    Outcome,
    Retry,
    Return,
    Verdict,
    execution_of_exit_code,
    execution_of_wait_status,
    path_of,
)
from tests.strategies import executions

VERDICTS: list[Verdict] = [Complete(), Retry(0, "x"), Bury("x"), Return(), Cancel("x")]


def _ended(code: int, *, timed_out_after: float | None = None) -> Execution:
    return execution_of_exit_code(
        code, started_at=1000, finished_at=3000, duration_seconds=2.0, timed_out_after=timed_out_after
    )


def _waited(status: int, *, timed_out_after: float | None = None) -> Execution:
    return execution_of_wait_status(
        status, started_at=1000, finished_at=3000, duration_seconds=2.0, timed_out_after=timed_out_after
    )


def test_the_six_states_stand_in_the_order_of_a_life() -> None:
    assert [str(state) for state in JobState] == ["pending", "processing", "completed", "failed", "dead", "cancelled"]


def test_a_final_state_is_left_only_by_a_person() -> None:
    left = {target for source, target in TRANSITIONS if source in FINAL}
    assert left == {JobState.PENDING, JobState.CANCELLED}
    assert {JobState.COMPLETED, JobState.DEAD, JobState.CANCELLED} == FINAL


def test_every_state_can_be_reached_and_left() -> None:
    assert {source for source, _ in TRANSITIONS} == set(JobState)
    assert {target for _, target in TRANSITIONS} == set(JobState)


def test_no_step_stays_where_it_is() -> None:
    assert all(source is not target for source, target in TRANSITIONS)


def test_only_a_claim_makes_a_job_processing() -> None:
    assert {source for source, target in TRANSITIONS if target is JobState.PROCESSING} == {JobState.PENDING}


def test_a_failed_job_goes_on_to_pending_or_dead() -> None:
    assert {target for source, target in TRANSITIONS if source is JobState.FAILED} == {JobState.PENDING, JobState.DEAD}


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: type(verdict).__name__)
def test_a_verdict_leads_along_allowed_steps_to_its_state(verdict: Verdict) -> None:
    path = (JobState.PROCESSING, *path_of(verdict))
    assert path[-1] is verdict.state
    assert set(pairwise(path)) <= TRANSITIONS


@pytest.mark.parametrize(
    ("verdict", "failed"),
    [(Complete(), False), (Retry(0, "x"), True), (Bury("x"), True), (Return(), False), (Cancel("x"), False)],
    ids=lambda value: type(value).__name__ if isinstance(value, tuple) else str(value),
)
def test_a_verdict_on_a_failure_passes_through_failed(verdict: Verdict, failed: bool) -> None:  # noqa: FBT001
    assert (JobState.FAILED in path_of(verdict)) is failed


def test_verdicts_of_different_kinds_are_never_equal() -> None:
    assert len(set(VERDICTS)) == len(VERDICTS)


def test_a_specification_needs_only_a_command() -> None:
    spec = JobSpec("true")
    assert (spec.queue, spec.priority, spec.env, spec.tags, spec.run_at) == ("default", 0, {}, (), None)


def test_the_shared_empty_environment_is_empty() -> None:
    assert NO_ENV == {}


def test_exit_code_0_is_a_success_without_an_error() -> None:
    assert _waited(0) == Execution(Outcome.EXITED, 0, None, 1000, 3000, 2.0)
    assert _waited(0).is_success()


@pytest.mark.parametrize(
    ("code", "exit_code", "outcome", "error"),
    [
        (1, 1, Outcome.EXITED, "exit code 1"),
        (128, 128, Outcome.EXITED, "exit code 128"),
        (137, 137, Outcome.EXITED, "exit code 137 (SIGKILL)"),
        (255, 255, Outcome.EXITED, "exit code 255"),
        (-9, 137, Outcome.SIGNALLED, "killed by SIGKILL"),
        (-15, 143, Outcome.SIGNALLED, "killed by SIGTERM"),
        (-40, 168, Outcome.SIGNALLED, "killed by signal 40"),
    ],
)
def test_a_failed_run_says_its_code_and_names_the_signal(
    code: int, exit_code: int, outcome: Outcome, error: str
) -> None:
    execution = _ended(code)
    assert (execution.exit_code, execution.outcome, execution.error) == (exit_code, outcome, error)
    assert not execution.is_success()


def test_a_run_that_was_timed_out_failed_whatever_its_code() -> None:
    execution = _ended(0, timed_out_after=5.0)
    assert (execution.outcome, execution.exit_code, execution.error) == (Outcome.TIMED_OUT, 0, "timed out after 5s")
    assert not execution.is_success()


def test_a_run_killed_for_its_timeout_still_says_the_code_of_the_signal() -> None:
    assert _ended(-9, timed_out_after=90).exit_code == 137
    assert _ended(-9, timed_out_after=90).error == "timed out after 1m 30s"


@given(st.integers(0, 255))
def test_every_exit_code_in_a_wait_status_is_kept(code: int) -> None:
    execution = _waited(code << 8)
    assert (execution.outcome, execution.exit_code) == (Outcome.EXITED, code)
    assert execution.is_success() == (code == 0)


@given(st.integers(1, 64), st.booleans())
def test_every_signal_in_a_wait_status_adds_128(number: int, core_dumped: bool) -> None:  # noqa: FBT001
    execution = _waited(number | (0x80 if core_dumped else 0))
    assert (execution.outcome, execution.exit_code) == (Outcome.SIGNALLED, 128 + number)
    assert str(execution.error).startswith("killed by ")


@given(st.integers(-64, 255), st.none() | st.floats(0.001, 1e6))
def test_a_run_has_an_error_exactly_when_it_did_not_succeed(code: int, timeout: float | None) -> None:
    execution = _ended(code, timed_out_after=timeout)
    assert (execution.error is None) == execution.is_success()


@given(executions)
def test_only_a_command_that_ended_by_itself_succeeds(execution: Execution) -> None:
    assert execution.is_success() == (execution.outcome is Outcome.EXITED and execution.exit_code == 0)
