"""The policy of a single job: what a specification may ask for, and what follows from each ending."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from queuectl.config import Settings
from queuectl.duration import MAX_DURATION, MAX_INSTANT
from queuectl.errors import InvalidInput
from queuectl.model import (
    NO_POLICY,
    Bury,
    Complete,
    Execution,
    Job,
    Outcome,
    Policy,
    Retry,
    execution_of_exit_code,
    execution_of_wait_status,
)
from queuectl.policy import POLICY_FIELDS, amended, combined
from queuectl.repository.base import Lease
from queuectl.retry import TEMPFAIL, RetryPolicy, endings_of, policy_for
from queuectl.spec import parse_spec
from queuectl.worker.outcome import decide, explain
from tests.strategies import executions, instants, json_values, luck, policies_of_jobs

NOW = 1_795_526_285_120


def _parsed(**fields: object) -> Policy:
    return parse_spec({"command": "true", **fields}, now=NOW).policy


def _refused(**fields: object) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        _parsed(**fields)
    return caught.value.message, str(caught.value.hint)


def _exited(code: int) -> Execution:
    return execution_of_exit_code(code, started_at=NOW - 1000, finished_at=NOW, duration_seconds=1.0)


def _ended(outcome: Outcome, code: int | None = None) -> Execution:
    return Execution(outcome, code, f"it was {outcome.value}", NOW - 1000, NOW, 1.0)


def _judged(execution: Execution, *, attempts: int = 1, retry_after: float | None = None, **asked: Any) -> Any:
    policy = RetryPolicy(asked=amended(NO_POLICY, asked))
    return policy.judge(attempts, execution, now=NOW, retry_after=retry_after)


# -- the fields -----------------------------------------------------------------------------------


def test_every_field_finds_its_place_in_the_policy() -> None:
    assert _parsed(
        success_codes=[0, 3, 0],
        retry_on=[75, "SIGKILL", "kill", "Timeout"],
        give_up_on=["lost", 64],
        backoff_max="10m",
        backoff_jitter=1,
        retry_for=90,
    ) == Policy((0, 3), ("75", "SIGKILL", "timeout"), ("lost", "64"), 600.0, 1.0, 90.0)


def test_a_job_that_asks_for_nothing_has_the_policy_that_asks_for_nothing() -> None:
    assert _parsed() is NO_POLICY
    assert _parsed(retry_on=[], give_up_on=[], success_codes=[]) is NO_POLICY


@pytest.mark.parametrize("field", ["success_codes", "retry_on", "give_up_on"])
def test_one_ending_stands_for_a_list_of_one(field: str) -> None:
    assert _parsed(**{field: 3}) == _parsed(**{field: [3]}) != NO_POLICY


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        ({"success_codes": [0, 256]}, "success_codes[1]: 256 is not an exit code", "0 to 255"),
        ({"success_codes": -1}, "success_codes: -1 is not an exit code", "0 to 255"),
        ({"success_codes": [True]}, "success_codes[0]: true is not an exit code", "0 to 255"),
        ({"success_codes": ["3"]}, "success_codes[0]: '3' is not an exit code", "without quotes"),
        ({"success_codes": ["SIGTERM"]}, "success_codes[0]: 'SIGTERM' is not an exit code", "0 to 255"),
        ({"retry_on": ["75"]}, "retry_on[0]: '75' is not an exit code", "without quotes"),
        ({"retry_on": [75, "SIGKIL"]}, "retry_on[1]: 'SIGKIL' is no ending", "did you mean 'SIGKILL'?"),
        ({"retry_on": ["timeuot"]}, "retry_on[0]: 'timeuot' is no ending", "did you mean 'timeout'?"),
        ({"give_up_on": [""]}, "give_up_on[0]: '' is no ending", "exit codes from 0 to 255, signals like SIGKILL"),
        ({"give_up_on": [None]}, "give_up_on[0]: null is not an exit code", "0 to 255"),
        ({"give_up_on": {"a": 1}}, "give_up_on: an object is not an exit code", "0 to 255"),
        ({"give_up_on": [[64]]}, "give_up_on[0]: a list is not an exit code", "0 to 255"),
        ({"backoff_max": "soon"}, "backoff_max: 'soon' is not a duration", "2h30m"),
        ({"backoff_jitter": 1.5}, "backoff_jitter: 1.5 is not a number from 0 to 1", "chance"),
        ({"backoff_jitter": "0.5"}, "backoff_jitter: '0.5' is not a number", "without quotes"),
        ({"retry_for": 0}, "retry_for: 0 is no time to try again in", "max_retries 1"),
        ({"retry_on": [0]}, "retry_on: exit code 0 means success", "one of these fields"),
        ({"give_up_on": [0]}, "give_up_on: exit code 0 means success", "one of these fields"),
        ({"success_codes": [3], "give_up_on": [3]}, "give_up_on: 3 stands in success_codes too", "one of these"),
        ({"retry_on": ["lost"], "give_up_on": ["lost"]}, "give_up_on: lost stands in retry_on too", "one of these"),
        ({"retry_onn": [3]}, "unknown field 'retry_onn'", "did you mean 'retry_on'?"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_with_the_way_out(fields: dict[str, Any], message: str, hint: str) -> None:
    said, way_out = _refused(**fields)
    assert said.startswith(message)
    assert hint in way_out


def test_the_list_of_fields_names_those_of_the_policy() -> None:
    assert "give_up_on" in _refused(xyzzy=1)[1]


def test_a_policy_that_is_refused_names_its_place() -> None:
    with pytest.raises(InvalidInput, match=r"^\[2\]: retry_on: exit code 0 means success$"):
        parse_spec({"command": "true", "retry_on": 0}, now=NOW, where="[2]")


def test_0_may_be_tried_again_where_other_codes_mean_success() -> None:
    assert _parsed(success_codes=3, retry_on=0).retry_on == ("0",)


@given(st.sampled_from(sorted(POLICY_FIELDS)), json_values)
@example("retry_on", ["\ud800"])
@example("retry_on", ["²"])
@example("retry_on", ["9" * 5000])
def test_any_value_of_any_field_is_taken_or_refused_with_the_fields_name(field: str, value: object) -> None:
    try:
        policy: Policy | InvalidInput = _parsed(**{field: value})
    except InvalidInput as error:
        policy = error
    if isinstance(policy, InvalidInput):
        assert policy.message.startswith(field)
        assert policy.message.isprintable()
        assert policy.hint
    else:
        json.dumps(policy, allow_nan=False)


@pytest.mark.parametrize("name", signal.Signals.__members__)
def test_every_signal_may_be_named_with_or_without_its_prefix_in_any_case(name: str) -> None:
    canonical = (signal.Signals[name].name,)
    assert _parsed(retry_on=name).retry_on == _parsed(retry_on=name.removeprefix("SIG").lower()).retry_on == canonical


@given(policies_of_jobs, policies_of_jobs)
def test_of_two_policies_the_second_comes_first_where_it_asks_for_something(first: Policy, second: Policy) -> None:
    try:
        both = combined(first, second)
    except InvalidInput:
        reject()
    for one, other, result in zip(first, second, both, strict=True):
        assert result == (one if other in {None, ()} else other)
    assert combined(NO_POLICY, second) == combined(second, NO_POLICY) == second


# -- which words name an ending --------------------------------------------------------------------


def test_a_signal_and_the_code_that_a_shell_makes_of_it_go_by_both_names() -> None:
    killed = execution_of_wait_status(9, started_at=None, finished_at=NOW, duration_seconds=None)
    assert endings_of(killed) == endings_of(_exited(137)) == {"137", "SIGKILL"}


def test_a_timeout_goes_by_its_word_alone() -> None:
    assert endings_of(_ended(Outcome.TIMED_OUT, 143)) == {"timeout"}


def test_a_lost_run_goes_by_its_word_and_one_that_never_started_by_none() -> None:
    assert endings_of(_ended(Outcome.LOST)) == {"lost"}
    assert endings_of(_ended(Outcome.NEVER_STARTED)) == frozenset()


# -- the decision ----------------------------------------------------------------------------------


def test_a_code_of_success_completes_the_job_and_0_then_does_not() -> None:
    assert _judged(_exited(3), success_codes=(3,)) == Complete()
    assert isinstance(_judged(_exited(0), success_codes=(3,)), Retry)
    assert _judged(_exited(0), success_codes=(0, 3)) == Complete()


def test_a_timeout_is_no_success_whatever_its_code() -> None:
    assert isinstance(_judged(_ended(Outcome.TIMED_OUT, 143), success_codes=(143,)), Retry)


def test_a_job_gives_up_at_once_on_what_it_names_and_says_so() -> None:
    assert _judged(_exited(64), give_up_on=("64",)) == Bury("exit code 64; not tried again: give_up_on names 64")
    assert isinstance(_judged(_exited(65), give_up_on=("64",)), Retry)


def test_a_job_that_names_what_to_try_again_gives_up_on_the_rest_and_says_so() -> None:
    asked: dict[str, Any] = {"retry_on": ("75", "SIGKILL")}
    assert isinstance(_judged(_exited(75), **asked), Retry)
    assert isinstance(_judged(_exited(137), **asked), Retry)
    assert _judged(_exited(1), **asked) == Bury("exit code 1; not tried again: retry_on names only 75, SIGKILL")


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.NEVER_STARTED], ids=str)
def test_what_the_command_did_not_do_is_tried_again_whatever_retry_on_names(outcome: Outcome) -> None:
    assert isinstance(_judged(_ended(outcome), retry_on=("75",)), Retry)


def test_a_lost_run_is_not_tried_again_if_give_up_on_names_it() -> None:
    asked: dict[str, Any] = {"retry_on": ("75",), "give_up_on": ("lost",)}
    assert _judged(_ended(Outcome.LOST), **asked) == Bury("it was lost; not tried again: give_up_on names lost")


def test_the_last_attempt_is_the_last_whatever_retry_on_names() -> None:
    assert _judged(_exited(75), attempts=3, retry_on=("75",)) == Bury("exit code 75")


def test_no_retry_starts_after_its_time_and_the_reason_says_so() -> None:
    policy = RetryPolicy(max_retries=9, asked=Policy(retry_for=10.0), retry_until=NOW + 9000)
    assert policy.judge(2, _exited(1), now=NOW) == Retry(NOW + 9000, "exit code 1")
    why = "exit code 1; not tried again: a retry in 9s would start after retry_for 10s"
    assert policy.judge(2, _exited(1), now=NOW + 1) == Bury(why)


def test_the_wait_that_a_command_names_comes_instead_of_the_back_off() -> None:
    assert _judged(_exited(75), retry_after=600.0) == Retry(NOW + 600_000, "exit code 75; it asked to wait 10m 00s")
    assert _judged(_exited(75), retry_after=0.0) == Retry(NOW, "exit code 75; it asked to wait 0s")


def test_the_wait_that_a_command_names_knows_neither_cap_nor_jitter() -> None:
    policy = RetryPolicy(cap=5.0, jitter=1.0)
    verdict = policy.judge(1, _exited(75), now=NOW, luck=0.9, retry_after=60.0)
    assert isinstance(verdict, Retry)
    assert verdict.next_run_at == NOW + 60_000


def test_the_wait_that_a_command_names_is_bounded_by_retry_for_and_the_number_of_attempts() -> None:
    limited = RetryPolicy(asked=Policy(retry_for=30.0), retry_until=NOW + 30_000)
    assert isinstance(limited.judge(1, _exited(75), now=NOW, retry_after=30.0), Retry)
    assert isinstance(limited.judge(1, _exited(75), now=NOW, retry_after=30.1), Bury)
    assert _judged(_exited(75), attempts=3, retry_after=1.0) == Bury("exit code 75")


@given(
    policies_of_jobs,
    st.integers(0, 50),
    st.integers(1, 60),
    executions,
    instants,
    luck,
    st.none() | st.floats(0, MAX_DURATION * 2),
    st.none() | instants,
)
def test_the_rules_hold_for_any_policy_and_any_ending(  # noqa: PLR0913, PLR0917 - the facts of a decision
    asked: Policy,
    most: int,
    tried: int,
    execution: Execution,
    now: int,
    chance: float,
    retry_after: float | None,
    until: int | None,
) -> None:
    assume(execution.outcome not in {Outcome.RETURNED, Outcome.CANCELLED})
    policy = RetryPolicy(most, asked=asked, retry_until=until)
    verdict = policy.judge(tried, execution, now=now, luck=chance, retry_after=retry_after)
    assert isinstance(verdict, Complete) == execution.is_success(asked.success_codes)
    if isinstance(verdict, Complete):
        return
    words = endings_of(execution)
    if words & set(asked.give_up_on):
        assert isinstance(verdict, Bury)
    if isinstance(verdict, Retry):
        assert tried < most
        assert now <= verdict.next_run_at <= min(MAX_INSTANT, MAX_INSTANT if until is None else until)
        seen = execution.outcome not in {Outcome.LOST, Outcome.NEVER_STARTED}
        assert not (seen and asked.retry_on and not words & set(asked.retry_on))
    else:
        assert isinstance(verdict, Bury)
        assert tried >= most or "not tried again" in verdict.reason


@given(st.integers(1, 60), executions, instants, luck)
def test_a_policy_that_asks_for_nothing_decides_as_none(
    tried: int, execution: Execution, now: int, chance: float
) -> None:
    assert RetryPolicy(asked=Policy()).judge(tried, execution, now=now, luck=chance) == RetryPolicy().judge(
        tried, execution, now=now, luck=chance
    )


# -- whose policy ----------------------------------------------------------------------------------


def _job(policy: Policy = NO_POLICY, **fields: Any) -> Job:
    known = {"max_retries": 3, "attempts": 1, "policy": policy, **fields}
    return Job(**dict.fromkeys(Job._fields) | known)  # type: ignore[arg-type]


def test_cap_and_jitter_of_a_job_come_before_the_settings_even_when_they_are_0() -> None:
    settings = Settings(backoff_max=60.0, backoff_jitter=0.25)
    asked = Policy(backoff_max=0.0, backoff_jitter=0.0)
    policy = policy_for(_job(asked, retry_until=NOW), settings)
    assert (policy.cap, policy.jitter, policy.asked, policy.retry_until) == (0.0, 0.0, asked, NOW)


def test_what_a_job_does_not_ask_for_the_settings_say() -> None:
    policy = policy_for(_job(Policy(success_codes=(3,))), Settings(backoff_max=60.0, backoff_jitter=0.25))
    assert (policy.cap, policy.jitter, policy.retry_until) == (60.0, 0.25, None)


# -- how a run is explained ------------------------------------------------------------------------


def _explained(execution: Execution, cause: str = "", **asked: Any) -> Execution:
    lease = Lease(_job(Policy(**asked), timeout=5.0), "token", 1, "record", 0)
    return explain(lease, execution, cause=cause, passing=False)


def test_a_success_has_no_error_whatever_its_code() -> None:
    assert _explained(_exited(3), success_codes=(3,)) == _exited(3)._replace(error=None)


def test_exit_code_0_has_an_error_where_it_is_no_success() -> None:
    assert _explained(_exited(0), success_codes=(3,)).error == "exit code 0"


def test_a_failure_keeps_its_error() -> None:
    assert _explained(_exited(4), success_codes=(3,)) == _exited(4)
    assert _explained(_exited(4)) == _exited(4)


def test_a_command_that_succeeds_by_its_own_code_while_its_worker_stops_is_completed() -> None:
    assert _explained(_exited(3), "stop", success_codes=(3,)).outcome is Outcome.EXITED


def test_a_command_that_the_stop_has_killed_is_given_back_whatever_code_means_success() -> None:
    killed = execution_of_wait_status(15, started_at=None, finished_at=NOW, duration_seconds=None)
    assert killed.exit_code == 143
    assert _explained(killed, success_codes=(143,)).error is None
    assert _explained(killed, "stop", success_codes=(143,)).outcome is Outcome.RETURNED


def test_a_timeout_stays_a_timeout_whatever_code_means_success() -> None:
    explained = _explained(_exited(143), "timeout", success_codes=(143,))
    assert (explained.outcome, explained.error) == (Outcome.TIMED_OUT, "timed out after 5s")


def test_a_decision_hears_what_the_command_said() -> None:
    lease = Lease(_job(), "token", 1, "record", 0)
    verdict = decide(lease, _exited(TEMPFAIL), RetryPolicy(), adopted=True, luck=0.0, retry_after=7.0)
    assert verdict == Retry(NOW + 7000, "exit code 75; it asked to wait 7s")
