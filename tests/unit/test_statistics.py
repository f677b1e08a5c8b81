"""What a span came to, against the same counted the slow way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl.cli.figures import folded
from queuectl.model import JobState
from queuectl.statistics import PARTS, STRETCH, Spread, Step, spread, summarize

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_800_000_000_000
HOUR = 3_600_000
SINCE = NOW - HOUR

CLAIM, COMPLETED, FAILED, DEAD = "processing", "completed", "failed", "dead"
states = st.sampled_from([str(state) for state in JobState])
instants = st.integers(SINCE - HOUR, NOW)
steps = st.builds(
    Step,
    states,
    instants,
    st.none() | instants,
    st.sampled_from(["default", "mail"]),
    st.lists(st.sampled_from("xyz"), max_size=3, unique=True).map(tuple),
)


def test_of_nothing_there_is_nothing() -> None:
    report = summarize([], since=SINCE, until=NOW)
    assert (report.total.ended, report.total.per_minute, report.total.success_rate) == (0, 0, None)
    assert report.total.waiting == report.total.running == Spread(None, None, None)
    assert not report.is_cut
    assert report.groups == ()


def test_a_retried_job_and_a_dead_one_are_counted_as_people_do() -> None:
    history = [
        Step(DEAD, NOW - 1, None),
        Step(FAILED, NOW - 1, NOW - 31),
        Step(CLAIM, NOW - 100, NOW - 150),
        Step(COMPLETED, NOW - 200, NOW - 1200),
        Step(CLAIM, NOW - 1200, NOW - 1200),
        Step("pending", NOW - 2000, None),
        Step(FAILED, NOW - 2000, NOW - 2500),
        Step(CLAIM, NOW - 2600, NOW - 9600),
    ]
    total = summarize(history, since=SINCE, until=NOW).total
    assert (total.completed, total.dead, total.ended, total.attempts, total.retries) == (1, 1, 2, 3, 1)
    assert total.success_rate == 0.5
    assert total.per_minute == pytest.approx(2 / 60)
    assert total.waiting == Spread(0.05, 7.0, 7.0)
    assert total.running == Spread(0.5, 1.0, 1.0)
    assert total.curve[-1] == sum(total.curve) == 2


def test_cancelled_jobs_are_counted_apart() -> None:
    total = summarize([Step("cancelled", NOW, None)], since=SINCE, until=NOW).total
    assert (total.cancelled, total.ended, total.success_rate) == (1, 0, None)


@given(st.lists(steps, max_size=40))
def test_all_of_the_span_is_counted_and_nothing_else(history: list[Step]) -> None:
    total = summarize(history, since=SINCE, until=NOW).total
    inside = [step for step in history if step.at >= SINCE]
    assert total.completed == sum(step.state == COMPLETED for step in inside)
    assert total.dead == sum(step.state == DEAD for step in inside)
    assert total.cancelled == sum(step.state == "cancelled" for step in inside)
    assert total.attempts == sum(step.state in {COMPLETED, FAILED} for step in inside)
    assert sum(total.curve) == total.ended
    assert len(total.curve) == PARTS
    assert total.success_rate is None or 0 <= total.success_rate <= 1


@given(st.lists(steps, max_size=40), st.sampled_from(["queue", "tag"]))
def test_groups_hold_the_same_as_a_summary_of_their_jobs_alone(history: list[Step], by: str) -> None:
    report = summarize(history, since=SINCE, until=NOW, by=by)
    for group in report.groups:
        mine = [step for step in history if group.name in ([step.queue] if by == "queue" else step.tags or ("",))]
        assert group._replace(name="") == summarize(mine, since=SINCE, until=NOW).total
    assert report.total == summarize(history, since=SINCE, until=NOW).total
    assert [group.ended for group in report.groups] == sorted((group.ended for group in report.groups), reverse=True)
    if by == "queue":
        assert sum(group.ended for group in report.groups) == report.total.ended


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_percentiles_are_values_that_were_there_and_cut_off_their_share(milliseconds: list[int]) -> None:
    found = spread(milliseconds)
    assert found.p50 is not None
    assert found.p95 is not None
    assert {round(seconds * 1000) for seconds in found if seconds is not None} <= set(milliseconds)
    assert found.p50 <= found.p95 <= max(milliseconds) / 1000 == found.max
    for share, seconds in ((50, found.p50), (95, found.p95)):
        assert sum(value / 1000 <= seconds for value in milliseconds) * 100 >= share * len(milliseconds)
        assert sum(value / 1000 < seconds for value in milliseconds) * 100 < share * len(milliseconds)


def _endless(first: int) -> Iterator[Step]:
    """Yield a history without a beginning, a second between two steps; fail if all of it is read."""
    for number in range(first, first + 100_000):
        yield Step(COMPLETED, NOW - number * 1000, None)
    pytest.fail("read to the end")


def test_the_walk_ends_behind_the_span() -> None:
    assert summarize(_endless(0), since=SINCE, until=NOW).total.completed == 3601


def test_a_late_result_with_an_old_time_does_not_end_the_walk() -> None:
    late = [Step(COMPLETED, SINCE - 1, None)] * (STRETCH - 1)
    history = [*late, Step(COMPLETED, NOW, None), *late, Step(DEAD, NOW, None)]
    assert summarize(history, since=SINCE, until=NOW).total.ended == 2


def test_a_walk_that_is_cut_says_so_and_reckons_by_what_it_has_read() -> None:
    report = summarize(_endless(0), since=SINCE, until=NOW, look=601)
    assert report.is_cut
    assert report.read_from == NOW - 600_000
    assert report.total.per_minute == pytest.approx(60.1)
    assert summarize([Step(COMPLETED, NOW, None)], since=SINCE, until=NOW, look=1).is_cut is False


@given(st.integers(0, 10 * HOUR))
def test_what_lies_in_the_future_is_in_the_last_part(ahead: int) -> None:
    assert summarize([Step(COMPLETED, NOW + ahead, None)], since=SINCE, until=NOW).total.curve[-1] == 1


@given(st.lists(st.integers(0, 1000), max_size=100), st.integers(1, 200))
def test_a_folded_curve_fits_and_loses_nothing(numbers: list[int], width: int) -> None:
    bars = folded(numbers, width)
    assert len(bars) <= max(1, width)
    assert sum(bars) == sum(numbers)
