"""Claims are made ahead only while runs are short, and are not kept for long."""

from __future__ import annotations

from queuectl.model import Execution, Outcome
from queuectl.worker.ahead import HOLD, LIMIT, SHORT, SPARE, Ahead


def ran(seconds: float) -> Execution:
    return Execution(Outcome.EXITED, 0, None, 0, 0, seconds)


def swift(slots: int = 4) -> Ahead:
    ahead = Ahead(slots)
    for _ in range(30):
        ahead.learn(ran(SHORT / 10))
    return ahead


def test_nothing_is_claimed_ahead_before_some_runs_were_short() -> None:
    ahead = Ahead(4)
    assert ahead.most == 0
    ahead.learn(ran(0.001))
    assert ahead.most == 0
    assert swift().most == 4 + SPARE


def test_a_worker_that_is_to_run_a_certain_number_claims_nothing_ahead() -> None:
    assert swift(slots=0).most == 0


def test_the_longer_a_turn_takes_the_more_are_claimed_ahead_up_to_a_limit() -> None:
    ahead = swift(slots=2)  # runs of 5 ms
    for _ in range(30):
        ahead.turned(0.021)
    assert ahead.most == 2 + SPARE + 8
    for _ in range(30):
        ahead.turned(10.0)
    assert ahead.most == 2 + SPARE + LIMIT


def test_one_long_run_ends_it() -> None:
    ahead = swift()
    ahead.learn(ran(10 * SHORT))
    assert ahead.most == 0


def test_what_never_started_tells_nothing_about_how_long_runs_take() -> None:
    ahead = swift()
    ahead.learn(Execution(Outcome.RETURNED, None, None, None, 0, None))
    assert ahead.most == 4 + SPARE


def test_what_waits_is_due_some_time_after_the_last_start() -> None:
    ahead = swift()
    ahead.moved(1.0)
    ahead.moved(1.08)
    assert ahead.due == 1.08 + HOLD


def test_after_giving_back_nothing_is_claimed_ahead_for_a_while() -> None:
    ahead = swift()
    ahead.give_up(2.0)
    assert ahead.most == 0
    assert ahead.due == 2.0 + HOLD
