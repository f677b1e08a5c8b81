"""Claims are made ahead only while runs are short, and are not kept for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from queuectl.model import Execution, Outcome
from queuectl.worker.ahead import HOLD, SHORT, Ahead

if TYPE_CHECKING:
    from queuectl.repository.base import Lease

LEASES = [cast("Lease", number) for number in range(6)]


def ran(seconds: float) -> Execution:
    return Execution(Outcome.EXITED, 0, None, 0, 0, seconds)


def swift(most: int = 4) -> Ahead:
    ahead = Ahead(most)
    for _ in range(30):
        ahead.learn(ran(SHORT / 10))
    return ahead


def test_nothing_is_held_before_some_runs_were_short() -> None:
    ahead = Ahead(4)
    assert ahead.room == 0
    ahead.learn(ran(0.001))
    assert ahead.room == 0
    assert swift().room == 4


def test_an_empty_hold_is_never_due() -> None:
    assert swift().due is None


def test_one_long_run_ends_it() -> None:
    ahead = swift()
    ahead.learn(ran(10 * SHORT))
    assert ahead.room == 0


def test_what_is_held_is_started_in_its_order_and_takes_up_room() -> None:
    ahead = swift()
    ahead.add(LEASES, clock=1.0)
    assert ahead.room == -2  # two of the six were claimed for free slots
    assert ahead.take(2, clock=1.0) == LEASES[:2]
    assert ahead.room == 0
    assert ahead.take(1, clock=1.0) == LEASES[2:3]


def test_what_is_not_started_soon_is_given_back_and_nothing_is_held_for_a_while() -> None:
    ahead = swift()
    ahead.add(LEASES[:2], clock=1.0)
    ahead.add(LEASES[2:3], clock=1.05)
    assert ahead.due == 1.0 + HOLD
    ahead.take(1, clock=1.08)
    assert ahead.due == 1.08 + HOLD
    assert ahead.give_back() == LEASES[1:3]
    assert ahead.room == 0
    assert ahead.give_back() == []
