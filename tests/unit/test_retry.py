from __future__ import annotations

import math
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from queuectl.config import Settings
from queuectl.duration import MAX_DURATION, MAX_INSTANT
from queuectl.model import (
    NO_POLICY,
    TRANSITIONS,
    Bury,
    Cancel,
    Complete,
    Execution,
    Job,
    JobState,
    Outcome,
    Retry,
    Return,
    path_of,
)
from queuectl.retry import RetryPolicy, policy_for
from tests.strategies import executions, instants, luck

NOW = 1_795_526_285_120

bases = st.floats(0, 1e6) | st.integers(0, 10**6).map(float)
attempts = st.integers(0, 10**6)
policies = st.builds(
    RetryPolicy,
    max_retries=st.integers(0, 10**6),
    base=bases,
    cap=st.floats(0, MAX_DURATION),
    jitter=st.floats(0, 1),
    asked=st.just(NO_POLICY),
    retry_until=st.none(),
)


def _failed(error: str | None = "exit code 1") -> Execution:
    return Execution(Outcome.EXITED, 1, error, NOW - 1000, NOW, 1.0)


def _ended(outcome: Outcome, exit_code: int | None = None) -> Execution:
    return Execution(outcome, exit_code, f"it was {outcome.value}", NOW - 1000, NOW, 1.0)


# -- delay ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tried", "seconds"), [(0, 1), (1, 3), (2, 9), (3, 27), (10, 59_049), (11, 86_400)])
def test_the_delay_is_the_base_to_the_power_of_the_attempts_up_to_a_day(tried: int, seconds: float) -> None:
    assert RetryPolicy().delay(tried) == seconds


@given(policies, attempts, luck)
@example(RetryPolicy(base=1e6), 10**6, 0.0)
@example(RetryPolicy(base=2.0, cap=math.inf), 10**6, 0.0)
@example(RetryPolicy(base=0.0), 0, 0.0)
@example(RetryPolicy(base=0.0), 10**6, 0.0)
def test_the_delay_is_defined_and_within_the_cap(policy: RetryPolicy, tried: int, chance: float) -> None:
    assert 0 <= policy.delay(tried, luck=chance) <= min(policy.cap, MAX_DURATION)


@given(policies, attempts, attempts)
def test_the_delay_never_shrinks_from_one_attempt_to_a_later_one(policy: RetryPolicy, one: int, other: int) -> None:
    growing = policy._replace(base=max(1.0, policy.base))
    earlier, later = sorted([one, other])
    assert growing.delay(earlier) <= growing.delay(later)


@given(policies, attempts, luck)
def test_jitter_takes_away_its_share_at_most(policy: RetryPolicy, tried: int, chance: float) -> None:
    whole = policy.delay(tried)
    floor = whole * (1 - policy.jitter)
    assert math.nextafter(floor, 0) <= policy.delay(tried, luck=chance) <= whole


@given(policies, attempts, luck, luck)
def test_more_luck_never_means_a_longer_wait(policy: RetryPolicy, tried: int, one: float, other: float) -> None:
    less, more = sorted([one, other])
    assert policy.delay(tried, luck=more) <= policy.delay(tried, luck=less)


@given(policies, attempts, luck)
def test_without_jitter_luck_changes_nothing(policy: RetryPolicy, tried: int, chance: float) -> None:
    steady = policy._replace(jitter=0.0)
    assert steady.delay(tried, luck=chance) == steady.delay(tried)


@pytest.mark.parametrize(("jitter", "seconds"), [(1.0, 4.5), (0.5, 6.75), (0.0, 9.0)])
def test_half_the_luck_takes_half_of_what_jitter_leaves_to_it(jitter: float, seconds: float) -> None:
    assert RetryPolicy(jitter=jitter).delay(2, luck=0.5) == seconds


def test_a_whole_number_as_base_makes_no_number_of_a_million_digits() -> None:
    tracemalloc.start()
    try:
        assert RetryPolicy(base=3).delay(10**6) == 86_400
        assert tracemalloc.get_traced_memory()[1] < 50_000
    finally:
        tracemalloc.stop()


# -- judge ------------------------------------------------------------------------------------


def test_a_job_fails_three_times_and_is_dead_as_the_seed_says() -> None:
    policy = RetryPolicy()
    assert [policy.judge(tried, _failed(), now=NOW) for tried in (1, 2, 3)] == [
        Retry(NOW + 3000, "exit code 1"),
        Retry(NOW + 9000, "exit code 1"),
        Bury("exit code 1"),
    ]


@pytest.mark.parametrize("most", [0, 1])
def test_no_retries_and_one_retry_both_mean_one_attempt(most: int) -> None:
    assert RetryPolicy(max_retries=most).judge(1, _failed(), now=NOW) == Bury("exit code 1")


@pytest.mark.parametrize(
    "outcome", [Outcome.SIGNALLED, Outcome.TIMED_OUT, Outcome.LOST, Outcome.NEVER_STARTED], ids=str
)
def test_every_other_bad_end_counts_as_a_failure(outcome: Outcome) -> None:
    policy = RetryPolicy()
    assert policy.judge(1, _ended(outcome, 0), now=NOW) == Retry(NOW + 3000, f"it was {outcome.value}")
    assert policy.judge(3, _ended(outcome, 0), now=NOW) == Bury(f"it was {outcome.value}")


def test_a_returned_attempt_is_given_back_even_when_it_was_the_last() -> None:
    assert RetryPolicy().judge(3, _ended(Outcome.RETURNED), now=NOW) == Return()


def test_a_cancelled_run_is_neither_retried_nor_dead() -> None:
    assert RetryPolicy().judge(3, _ended(Outcome.CANCELLED, 143), now=NOW) == Cancel("it was cancelled")


def test_a_failure_without_a_reason_gets_the_name_of_its_outcome() -> None:
    assert RetryPolicy().judge(3, _failed(None), now=NOW) == Bury("exited")


def test_the_wait_is_counted_from_now_and_not_from_the_end_of_the_run() -> None:
    assert RetryPolicy().judge(1, _failed(), now=NOW + 5000) == Retry(NOW + 8000, "exit code 1")


def test_a_retry_after_the_last_year_is_due_in_its_last_moment() -> None:
    assert RetryPolicy().judge(1, _failed("x"), now=MAX_INSTANT - 1) == Retry(MAX_INSTANT, "x")


def test_luck_shortens_the_wait() -> None:
    assert RetryPolicy(jitter=1.0).judge(1, _failed(), now=NOW, luck=0.5) == Retry(NOW + 1500, "exit code 1")


@given(policies, st.integers(1, 10**6), executions, instants, luck)
def test_a_verdict_keeps_to_the_lifecycle_and_the_calendar(
    policy: RetryPolicy, tried: int, execution: Execution, now: int, chance: float
) -> None:
    verdict = policy.judge(tried, execution, now=now, luck=chance)
    path = (JobState.PROCESSING, *path_of(verdict))
    assert set(pairwise(path)) <= TRANSITIONS
    if isinstance(verdict, Retry):
        assert now <= verdict.next_run_at <= MAX_INSTANT


@given(policies, st.integers(1, 10**6), executions, instants)
def test_success_and_nothing_else_completes_a_job(
    policy: RetryPolicy, tried: int, execution: Execution, now: int
) -> None:
    verdict = policy.judge(tried, execution, now=now)
    assert isinstance(verdict, Complete) == execution.is_success()


@given(policies, st.integers(0, 50), instants)
def test_a_job_that_always_fails_is_tried_as_often_as_its_policy_says(policy: RetryPolicy, most: int, now: int) -> None:
    limited = policy._replace(max_retries=most)
    tried = 1
    while isinstance(limited.judge(tried, _failed(), now=now), Retry):
        tried += 1
    assert tried == max(1, most)


# -- whose policy -----------------------------------------------------------------------------


def _job(*, max_retries: int, backoff_base: float | None) -> Job:
    fields = dict.fromkeys(Job._fields)
    return Job(**fields | {"max_retries": max_retries, "backoff_base": backoff_base, "policy": NO_POLICY})  # type: ignore[arg-type]


def test_a_job_brings_its_own_retries_and_the_settings_the_rest() -> None:
    settings = Settings(max_retries=9, backoff_base=2.0, backoff_max=60.0, backoff_jitter=0.25)
    assert policy_for(_job(max_retries=5, backoff_base=None), settings) == RetryPolicy(5, 2.0, 60.0, 0.25)


def test_the_base_of_a_job_comes_before_the_setting_even_when_it_is_0() -> None:
    settings = Settings(backoff_base=2.0)
    assert policy_for(_job(max_retries=5, backoff_base=0.0), settings).base == 0.0
