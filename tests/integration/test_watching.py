"""Seeing that something happens: what the repository promises to those who wait, and how they look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from queuectl import errors
from queuectl.cli.waiting import LEAST, MOST, ends, pause
from queuectl.model import JobSpec
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.repository.protocol import JobRepository
    from tests.engines import Engine, Place

NOW = 1_800_000_000_000


@pytest.fixture
def store(repository: JobRepository) -> JobRepository:
    """The one that waits."""
    repository.enqueue([JobSpec("true", id=name) for name in "abc"], now=NOW)
    return repository


@pytest.fixture
def other(store: JobRepository, connect: Callable[[], JobRepository]) -> JobRepository:
    """Another process, for all that the first one can tell."""
    del store
    return connect()


def _cancel(repository: JobRepository, *ids: str, now: int = NOW) -> None:
    repository.cancel(Filter(ids=ids), now=now, grace=5.0)


def _waiting(repository: JobRepository, *ids: str) -> dict[int, str]:
    return {repository.get(name).seq: name for name in ids}


# -- the repository -----------------------------------------------------------------------------


def test_the_version_changes_with_every_change_of_others(
    engine: Engine, store: JobRepository, other: JobRepository
) -> None:
    """And not otherwise, but for a server, where others have databases too."""
    is_exact = engine.name == "sqlite"
    seen = [store.version()]
    for change in (
        lambda: other.enqueue([JobSpec("true")], now=NOW),
        lambda: _cancel(other, "a"),
        lambda: other.set_setting("lease", "5s"),
    ):
        change()
        seen.append(store.version())
        assert not is_exact or store.version() == seen[-1]
        other.counts(now=NOW)
        list(store.list().jobs)
        assert not is_exact or store.version() == seen[-1]
    assert len(set(seen)) == len(seen)


@pytest.mark.engines("postgres")
def test_the_version_changes_when_one_ends_that_began_before_the_last(
    store: JobRepository, other: JobRepository, connect: Callable[[], JobRepository]
) -> None:
    third = connect()
    seen = []

    def specs() -> Iterator[JobSpec]:
        yield JobSpec("true")
        third.set_setting("lease", "5s")
        seen.append(store.version())

    other.enqueue(specs(), now=NOW)
    assert store.version() != seen[0]


def test_what_is_committed_after_the_version_was_asked_for_is_seen_by_the_next_question(
    store: JobRepository, other: JobRepository
) -> None:
    before = store.version()
    _cancel(other, "a")
    assert [job.id for job in store.outcomes([1, 2]).ended] == ["a"]
    assert store.version() != before


def test_outcomes_are_those_who_have_ended_and_those_who_are_gone(store: JobRepository) -> None:
    assert store.outcomes([1, 2, 3]) == ([], [])
    _cancel(store, "c", "a", "b")
    store.remove(Filter(ids=("b",)))
    ended, gone = store.outcomes([3, 2, 1])
    assert ([job.id for job in ended], gone) == (["a", "c"], [2])
    assert store.outcomes([]) == ([], [])


def test_any_number_of_jobs_can_be_looked_at(store: JobRepository) -> None:
    _cancel(store, "c")
    ended, gone = store.outcomes(range(1, 50_001))
    assert [job.id for job in ended] == ["c"]
    assert len(gone) == 50_000 - 3


# -- the looks ----------------------------------------------------------------------------------


def test_each_look_tells_who_has_ended_since_the_last_one(store: JobRepository, other: JobRepository) -> None:
    waiting = _waiting(store, "a", "b")
    looks = ends(store, waiting, seconds=None)
    assert list(next(looks)) == []
    _cancel(other, "b", "c")
    assert [job.id for job in next(looks)] == ["b"]
    assert list(next(looks)) == []
    _cancel(other, "a")
    assert [job.id for job in next(looks)] == ["a"]
    assert list(looks) == []
    assert waiting == {}


def test_nobody_is_kept_waiting_by_who_waits(store: JobRepository, other: JobRepository) -> None:
    looks = ends(store, _waiting(store, "a"), seconds=None)
    next(looks)
    other.patience = 0.0
    _cancel(other, "b")


def test_without_time_one_look_is_taken(store: JobRepository) -> None:
    _cancel(store, "a")
    waiting = _waiting(store, "a", "b")
    assert [[job.id for job in ended] for ended in ends(store, waiting, seconds=0)] == [["a"]]
    assert list(waiting.values()) == ["b"]


def test_a_job_that_is_removed_is_named_after_those_that_ended_with_it(
    store: JobRepository, other: JobRepository
) -> None:
    looks = ends(store, _waiting(store, "a", "b", "c"), seconds=None)
    next(looks)
    _cancel(other, "a", "b")
    other.remove(Filter(ids=("b",)))
    assert [job.id for job in next(looks)] == ["a"]
    with pytest.raises(errors.JobNotFound, match="job 'b' was removed"):
        next(looks)


def test_a_store_that_is_deleted_ends_the_waiting(store: JobRepository, place: Place) -> None:
    looks = ends(store, _waiting(store, "a"), seconds=None)
    next(looks)
    place.remove()
    with pytest.raises(errors.StoreGone):
        next(looks)


def test_news_is_late_by_a_twentieth_of_the_time_that_it_took_within_bounds() -> None:
    assert [pause(waited) for waited in (0.0, 0.1, 1.0, 6.0, 1e6)] == [LEAST, LEAST, 0.05, MOST, MOST]
    assert pause(60.0, most=0.1) == pytest.approx(0.1)


def test_many_jobs_are_looked_at_less_often() -> None:
    assert pause(0.1, spent=0.2) == pytest.approx(2.0)
