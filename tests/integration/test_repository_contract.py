"""What every storage engine keeps, said through the protocol alone: no SQL here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings

from queuectl import errors
from queuectl.changes import Changes, parse_changes
from queuectl.duration import MAX_INSTANT
from queuectl.model import (
    FINAL,
    NO_POLICY,
    Bury,
    Cancel,
    Complete,
    Execution,
    JobSpec,
    JobState,
    Outcome,
    Policy,
    Retry,
    Return,
    Verdict,
)
from queuectl.repository.acting import ALL, Action, Paused
from queuectl.repository.base import EVERY, Enqueued, Filter, IfExists, Lease, Outlook, Settlement, Turn, WorkerIdentity
from queuectl.repository.dead import DeadGroups, digits_for
from tests import strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository

NOW = 1_800_000_000_000
SECOND = 1000
HOUR = 3_600_000
LEASE = 60.0
#: One verdict for each place of a job at rest: completed, dead, cancelled, retrying.
RESTS: list[Verdict] = [Complete(), Bury("no"), Cancel("no"), Retry(NOW + HOUR, "no")]
WORKER = WorkerIdentity("w1", "host", "boot", "ns", 4711, 99, 2, (), "p1")
OTHER = WORKER._replace(name="w2", pid=4712, presence="p2")


@pytest.fixture
def worker(repository: JobRepository) -> int:
    return repository.join(WORKER, now=NOW, ticks=1.0)


def _enqueue(repository: JobRepository, *ids: str, now: int = NOW, **fields: Any) -> None:
    repository.enqueue([JobSpec("true", id=name, **fields) for name in ids], now=now)


def _ids(jobs: Iterator[Job] | Sequence[Job]) -> list[str]:
    return [job.id for job in jobs]


def _listed(repository: JobRepository, which: Filter = EVERY, *, limit: int = 0) -> list[str]:
    return _ids(repository.list(which, limit=limit).jobs)


def _claim(  # noqa: PLR0913 - as many facts as a turn has
    repository: JobRepository,
    worker: int,
    *,
    slots: int = 1,
    queues: Sequence[str] = (),
    now: int = NOW,
    settlements: Sequence[Settlement] = (),
) -> Turn:
    return repository.turn(settlements, worker=worker, slots=slots, queues=queues, now=now, lease_seconds=LEASE)


def _lease(repository: JobRepository, worker: int, *, now: int = NOW) -> Lease:
    (lease,) = _claim(repository, worker, now=now).leases
    return lease


def _ended(verdict: Verdict, *, at: int = NOW + SECOND, exit_code: int | None = None) -> Execution:
    code = (0 if isinstance(verdict, Complete) else 1) if exit_code is None else exit_code
    error = f"exit code {code}" if code else None
    if isinstance(verdict, Return):
        return Execution(Outcome.RETURNED, None, None, None, at, None)
    if isinstance(verdict, Cancel):
        return Execution(Outcome.CANCELLED, 143, verdict.reason, NOW + 10, at, 0.99)
    return Execution(Outcome.EXITED, code, error, NOW + 10, at, 0.99)


def _settle(
    repository: JobRepository, worker: int, lease: Lease, verdict: Verdict, *, at: int = NOW + SECOND
) -> frozenset[str]:
    settlement = Settlement(lease.job.seq, lease.token, _ended(verdict, at=at), verdict)
    return _claim(repository, worker, slots=0, now=at, settlements=[settlement]).refused


def _dead(repository: JobRepository, worker: int, *ids: str, **fields: Any) -> None:
    for name in ids:
        _enqueue(repository, name, priority=1000, **fields)
        _settle(repository, worker, _lease(repository, worker), Bury("exit code 1"))


def _everything(repository: JobRepository) -> list[object]:
    jobs = list(repository.list().jobs)
    return [*jobs, [repository.history(job) for job in jobs], repository.counts(now=NOW)]


def _path(repository: JobRepository, job: Job | str) -> list[JobState]:
    found = repository.get(job) if isinstance(job, str) else job
    return [step.state for step in repository.history(found)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(spec=strategies.job_specs)
def test_any_valid_specification_comes_back_unharmed(repository: JobRepository, spec: JobSpec) -> None:
    repository.cancel(EVERY, now=NOW, grace=0.0)  # what an earlier example left keeps no unique key
    (made,) = repository.enqueue([spec], now=NOW, if_exists=IfExists.REPLACE)
    job = repository.get(made.id)
    for field in set(JobSpec._fields) - {"id", "run_at", "max_retries"}:
        assert getattr(job, field) == getattr(spec, field), field
    assert job.next_run_at == (NOW if spec.run_at is None else spec.run_at)


class TestEnqueue:
    def test_what_became_of_very_many_is_told_in_their_order(self, repository: JobRepository) -> None:
        names = [f"j{number}" for number in range(2_500)]
        done = repository.enqueue((JobSpec("true", name, tags=("t", name[-1:])) for name in names), now=NOW)
        assert [(job.id, job.how) for job in done] == [(name, "created") for name in names]
        assert len(done) == 2_500
        assert done[-1].id == done[2_499].id == "j2499"
        assert [job.id for job in done[998:1_002]] == names[998:1_002]
        assert len(list(repository.list(Filter(tags=("t", "7"))).jobs)) == 250
        assert repository.counts(now=NOW).states[JobState.PENDING] == 2_500

    def test_one_bad_job_among_very_many_leaves_nothing(self, repository: JobRepository) -> None:
        specs = [JobSpec("true", f"j{number % 2_400}", tags=("t",)) for number in range(2_500)]
        with pytest.raises(errors.JobExists, match="stands twice"):
            repository.enqueue(specs, now=NOW)
        assert not list(repository.list(Filter(tags=("t",))).jobs)
        assert repository.counts(now=NOW).states[JobState.PENDING] == 0

    def test_a_job_comes_back_as_it_was_specified(self, repository: JobRepository) -> None:
        spec = JobSpec(
            "echo 'ü\n'",
            "a",
            7,
            1.5,
            -2,
            NOW + HOUR,
            90.5,
            "mail",
            "/srv/a b",
            {"K": "v", "Ö": ""},
            ("t1", "t2"),
            "key",
        )
        assert list(repository.enqueue([spec], now=NOW)) == [Enqueued("a", "created")]
        job = repository.get("a")
        assert (
            JobSpec(*[getattr(job, {"run_at": "next_run_at"}.get(field, field)) for field in JobSpec._fields]) == spec
        )
        assert (job.state, job.attempts, job.created_at, job.updated_at) == (JobState.PENDING, 0, NOW, NOW)
        assert (job.started_at, job.finished_at, job.duration_seconds) == (None, None, None)
        assert (job.exit_code, job.error, job.worker) == (None, None, None)

    def test_an_id_is_made_up_for_a_job_without_one(self, repository: JobRepository) -> None:
        made = repository.enqueue([JobSpec("true")] * 500, now=NOW)
        assert len({one.id for one in made}) == 500
        assert [one.id for one in made] == _listed(repository)

    def test_a_job_without_a_time_may_run_from_now_on(self, repository: JobRepository) -> None:
        _enqueue(repository, "a")
        assert repository.get("a").next_run_at == NOW

    def test_nothing_at_all_is_a_call_that_stores_nothing(self, repository: JobRepository) -> None:
        assert list(repository.enqueue([], now=NOW)) == []
        assert _listed(repository) == []

    @pytest.mark.parametrize("if_exists", IfExists)
    def test_a_call_that_breaks_in_the_middle_stores_nothing(
        self, repository: JobRepository, if_exists: IfExists
    ) -> None:
        _enqueue(repository, "old", tags=("kept",))

        def specs() -> Iterator[JobSpec]:
            yield JobSpec("true", id="a", tags=("t",))
            yield JobSpec("false", id="old")
            raise errors.InvalidInput("line 3 is bad")

        with pytest.raises(errors.QueuectlError):
            repository.enqueue(specs(), now=NOW + 1, if_exists=if_exists)
        assert _listed(repository) == ["old"]
        assert repository.get("old").command == "true"
        assert _listed(repository, Filter(tags=("t",))) == []
        assert _listed(repository, Filter(tags=("kept",))) == ["old"]
        assert repository.counts(now=NOW).ready == 1

    def test_an_id_in_the_store_refuses_the_whole_call(self, repository: JobRepository) -> None:
        _enqueue(repository, "a")
        with pytest.raises(errors.JobExists, match=r"'a' exists already \(pending\)") as caught:
            _enqueue(repository, "b", "a", "c")
        assert caught.value.hint
        assert _listed(repository) == ["a"]
        assert repository.counts(now=NOW).ready == 1

    def test_an_id_twice_in_a_call_is_named_as_such(self, repository: JobRepository) -> None:
        with pytest.raises(errors.JobExists, match="'b' stands twice"):
            _enqueue(repository, "a", "b", "c", "b")
        assert _listed(repository) == []

    @pytest.mark.parametrize("verdict", [Complete(), Bury("no"), Cancel("no")], ids=lambda verdict: verdict.state)
    def test_the_id_of_a_job_that_has_ended_stays_taken(
        self, repository: JobRepository, worker: int, verdict: Verdict
    ) -> None:
        _enqueue(repository, "a")
        _settle(repository, worker, _lease(repository, worker), verdict)
        with pytest.raises(errors.JobExists, match=str(verdict.state)):
            _enqueue(repository, "a")

    def test_settings_of_the_moment_become_the_jobs_own(self, repository: JobRepository) -> None:
        _enqueue(repository, "before")
        repository.set_setting("max-retries", "9")
        repository.set_setting("timeout", "2m")
        _enqueue(repository, "after")
        _enqueue(repository, "own", max_retries=0, timeout=1.0)
        found = [(job.max_retries, job.timeout) for job in repository.list().jobs]
        assert found == [(3, None), (9, 120.0), (0, 1.0)]


class TestIfExists:
    def test_skip_leaves_the_job_that_is_there(self, repository: JobRepository) -> None:
        _enqueue(repository, "a")
        specs = [JobSpec("false", id="a"), JobSpec("false", id="b"), JobSpec("false", id="b")]
        done = repository.enqueue(specs, now=NOW + 1, if_exists=IfExists.SKIP)
        assert list(done) == [Enqueued("a", "skipped"), Enqueued("b", "created"), Enqueued("b", "skipped")]
        assert [job.command for job in repository.list().jobs] == ["true", "false"]
        assert repository.counts(now=NOW).ready == 2

    def test_replace_puts_the_new_specification_in_its_place(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a", tags=("old",), env={"A": "1"}, unique_key="k")
        _enqueue(repository, "b")
        new = JobSpec("false", id="a", priority=4, tags=("new",), queue="mail", run_at=NOW + HOUR)
        assert list(repository.enqueue([new], now=NOW + 1, if_exists=IfExists.REPLACE)) == [Enqueued("a", "replaced")]
        job = repository.get("a")
        assert (job.command, job.priority, job.tags, job.env, job.queue) == ("false", 4, ("new",), {}, "mail")
        assert (job.state, job.attempts, job.next_run_at, job.unique_key) == (JobState.PENDING, 0, NOW + HOUR, None)
        assert (job.error, job.exit_code, job.finished_at) == (None, None, None)
        assert _listed(repository, Filter(tags=("old",))) == []
        assert _listed(repository, Filter(tags=("new",))) == ["a"]
        assert _listed(repository) == ["a", "b"]
        counts = repository.counts(now=NOW)
        assert (counts.ready, counts.scheduled, counts.states[JobState.DEAD]) == (1, 1, 0)

    def test_replace_is_a_step_of_the_history(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a")
        repository.enqueue([JobSpec("false", id="a")], now=NOW + HOUR, if_exists=IfExists.REPLACE)
        step = repository.history(repository.get("a"))[-1]
        assert (step.from_state, step.state, step.at, step.reason) == (
            JobState.DEAD,
            JobState.PENDING,
            NOW + HOUR,
            "replaced",
        )

    def test_replace_refuses_a_running_job_and_the_whole_call(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        with pytest.raises(errors.WrongState, match="'a' is processing"):
            repository.enqueue(
                [JobSpec("false", id="b"), JobSpec("false", id="a")], now=NOW, if_exists=IfExists.REPLACE
            )
        assert _listed(repository) == ["a"]
        assert _settle(repository, worker, lease, Complete()) == frozenset()

    def test_replace_of_a_delayed_job_makes_it_ready_if_the_new_one_is(self, repository: JobRepository) -> None:
        _enqueue(repository, "a", run_at=NOW + HOUR)
        repository.enqueue([JobSpec("true", id="a")], now=NOW, if_exists=IfExists.REPLACE)
        assert repository.counts(now=NOW)[1:4] == (1, 0, 0)

    @pytest.mark.parametrize(("if_exists", "command"), [(IfExists.SKIP, "true"), (IfExists.REPLACE, "false")])
    def test_a_taken_unique_key_means_the_job_that_has_it(
        self, repository: JobRepository, if_exists: IfExists, command: str
    ) -> None:
        _enqueue(repository, "a", unique_key="k")
        (done,) = repository.enqueue([JobSpec("false", id="b", unique_key="k")], now=NOW, if_exists=if_exists)
        assert done.id == "a"
        assert [(job.id, job.command) for job in repository.list().jobs] == [("a", command)]

    def test_replace_cannot_take_the_key_of_a_third_job(self, repository: JobRepository) -> None:
        _enqueue(repository, "a", unique_key="k")
        _enqueue(repository, "b")
        with pytest.raises(errors.UniqueKeyTaken):
            repository.enqueue([JobSpec("false", id="b", unique_key="k")], now=NOW, if_exists=IfExists.REPLACE)
        assert repository.get("b").command == "true"


class TestUniqueKey:
    def test_two_waiting_jobs_cannot_share_one(self, repository: JobRepository) -> None:
        _enqueue(repository, "a", unique_key="k")
        with pytest.raises(errors.UniqueKeyTaken, match="'k'") as caught:
            repository.enqueue([JobSpec("true", id="b"), JobSpec("true", unique_key="k")], now=NOW)
        assert caught.value.hint
        assert _listed(repository) == ["a"]

    def test_twice_in_one_call_is_refused(self, repository: JobRepository) -> None:
        with pytest.raises(errors.UniqueKeyTaken):
            _enqueue(repository, "a", "b", unique_key="k")
        assert _listed(repository) == []

    def test_a_running_job_keeps_it(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a", unique_key="k")
        _lease(repository, worker)
        with pytest.raises(errors.UniqueKeyTaken):
            _enqueue(repository, "b", unique_key="k")

    @pytest.mark.parametrize("verdict", [Complete(), Bury("no"), Cancel("no")], ids=lambda verdict: verdict.state)
    def test_a_job_that_has_ended_gives_it_back(self, repository: JobRepository, worker: int, verdict: Verdict) -> None:
        _enqueue(repository, "a", unique_key="k")
        _settle(repository, worker, _lease(repository, worker), verdict)
        _enqueue(repository, "b", unique_key="k")
        assert _listed(repository) == ["a", "b"]

    def test_a_job_between_two_attempts_keeps_it(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a", unique_key="k")
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + HOUR, "no"))
        with pytest.raises(errors.UniqueKeyTaken):
            _enqueue(repository, "b", unique_key="k")


class TestLookUp:
    def test_an_unknown_id_is_not_found(self, repository: JobRepository) -> None:
        _enqueue(repository, "abc")
        for reference in ("x", "abcd", "", "%", "ab_", "ABC"):
            with pytest.raises(errors.JobNotFound) as caught:
                repository.get(reference)
            assert caught.value.hint

    def test_a_unique_prefix_is_enough(self, repository: JobRepository) -> None:
        _enqueue(repository, "abc", "abd", "b%_", "ü-1")
        assert _ids([repository.get(prefix) for prefix in ("abc", "b", "b%", "ü")]) == ["abc", "b%_", "b%_", "ü-1"]

    def test_an_exact_match_wins_over_longer_ids(self, repository: JobRepository) -> None:
        _enqueue(repository, "a1", "a", "a12")
        assert _ids([repository.get("a"), repository.get("a1")]) == ["a", "a1"]

    def test_an_ambiguous_prefix_names_some_candidates(self, repository: JobRepository) -> None:
        _enqueue(repository, *(f"job-{letter}" for letter in "abcde"))
        with pytest.raises(errors.AmbiguousId, match="'job-' fits several jobs: job-a, job-b, job-c, …"):
            repository.get("job-")

    def test_ids_complete_from_their_prefix_newest_first(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "b1", "a1", "a2", "a3", "A4")
        _settle(repository, worker, _lease(repository, worker), Complete())
        assert _ids(repository.complete_ids("a")) == ["a3", "a2", "a1"]
        assert _ids(repository.complete_ids("a", limit=2)) == ["a3", "a2"]
        assert _ids(repository.complete_ids("")) == ["A4", "a3", "a2", "a1", "b1"]
        assert _ids(repository.complete_ids("", states=[JobState.COMPLETED, JobState.DEAD])) == ["b1"]
        assert _ids(repository.complete_ids("a", states=[JobState.COMPLETED])) == []
        assert _ids(repository.complete_ids("x")) == []


class TestList:
    def test_jobs_come_in_the_order_of_enqueueing(self, repository: JobRepository) -> None:
        _enqueue(repository, "z", "a", "m", priority=1)
        _enqueue(repository, "b", priority=9)
        assert _listed(repository) == ["z", "a", "m", "b"]

    @pytest.mark.parametrize(
        ("limit", "shown", "older"),
        [(0, "abcde", 0), (1, "e", 4), (2, "de", 3), (5, "abcde", 0), (6, "abcde", 0)],
    )
    def test_a_limit_keeps_the_newest_and_counts_the_rest(
        self, repository: JobRepository, limit: int, shown: str, older: int
    ) -> None:
        _enqueue(repository, *"abcde")
        listing = repository.list(limit=limit)
        assert (_ids(listing.jobs), listing.older) == (list(shown), older)

    def test_a_store_without_jobs_lists_nothing(self, repository: JobRepository) -> None:
        for limit in (0, 5):
            listing = repository.list(limit=limit)
            assert (list(listing.jobs), listing.older) == ([], 0)

    @pytest.fixture
    def mixed(self, repository: JobRepository, worker: int) -> JobRepository:
        """Hold a job in each place: a completed, b dead, c cancelled, d retrying, e running, f scheduled, g ready."""
        for name, verdict in zip("abcd", RESTS, strict=True):
            _enqueue(repository, name, tags=("odd", name) if name in "ac" else ("even",))
            _settle(repository, worker, _lease(repository, worker), verdict)
        _enqueue(repository, "e", queue="mail", tags=("odd",))
        _lease(repository, worker)
        _enqueue(repository, "f", run_at=NOW + HOUR, queue="mail")
        repository.enqueue([JobSpec("echo 100% Ärger_", id="g")], now=NOW)
        return repository

    @pytest.mark.parametrize(
        ("which", "shown"),
        [
            (Filter(states=(JobState.COMPLETED,)), "a"),
            (Filter(states=(JobState.DEAD,)), "b"),
            (Filter(states=(JobState.CANCELLED,)), "c"),
            (Filter(states=(JobState.PROCESSING,)), "e"),
            (Filter(states=(JobState.PENDING,)), "dfg"),
            (Filter(states=(JobState.FAILED,)), "d"),
            (Filter(states=(JobState.FAILED, JobState.PENDING, JobState.DEAD)), "bdfg"),
            (Filter(retrying=True), "d"),
            (Filter(retrying=True, states=(JobState.PENDING,)), "d"),
            (Filter(queues=("mail",)), "ef"),
            (Filter(queues=("mail", "default"), states=(JobState.PENDING, JobState.PROCESSING)), "defg"),
            (Filter(queues=("none",)), ""),
            (Filter(tags=("odd",)), "ace"),
            (Filter(tags=("odd", "a")), "a"),
            (Filter(tags=("odd",), states=(JobState.CANCELLED, JobState.PROCESSING)), "ce"),
            (Filter(ids=("a", "g", "nobody")), "ag"),
            (Filter(search="ECHO"), "g"),
            (Filter(search="100% ä"), "g"),
            (Filter(search="ÄRGER"), "g"),
            (Filter(search="%"), "g"),
            (Filter(search="r_"), "g"),
            (Filter(search="t_ue"), ""),
            (Filter(search="TRUE", tags=("even",)), "bd"),
            (Filter(search="F"), "f"),
        ],
        ids=str,
    )
    def test_every_part_of_a_filter_restricts(self, mixed: JobRepository, which: Filter, shown: str) -> None:
        assert _listed(mixed, which) == list(shown)
        for limit in (1, 2, 3, 100):
            listing = mixed.list(which, limit=limit)
            assert (_ids(listing.jobs), listing.older) == (list(shown[-limit:]), max(0, len(shown) - limit))

    def test_ids_are_searched_without_regard_to_case_whatever_their_letters(self, repository: JobRepository) -> None:
        _enqueue(repository, "ÄÖ-straße")
        assert [_listed(repository, Filter(search=text)) for text in ("äö", "STRASSE", "x")] == [["ÄÖ-straße"]] * 2 + [
            []
        ]

    def test_a_listing_is_one_snapshot(self, repository: JobRepository, connect: Callable[[], JobRepository]) -> None:
        _enqueue(repository, *"abc")
        jobs = repository.list().jobs
        assert next(jobs).id == "a"
        _enqueue(connect(), "d")
        assert _ids(jobs) == ["b", "c"]

    def test_a_listing_left_unread_stands_in_nobodys_way(self, repository: JobRepository) -> None:
        _enqueue(repository, *"abc")
        jobs = repository.list().jobs
        assert next(jobs).id == "a"
        del jobs
        _enqueue(repository, "d")
        assert _listed(repository) == list("abcd")


class TestCounts:
    def test_an_empty_store_counts_nothing(self, repository: JobRepository) -> None:
        counts = repository.counts(now=NOW)
        assert counts.states == dict.fromkeys(JobState, 0)
        assert counts[1:5] == (0, 0, 0, None)
        assert counts.pruned == 0

    def test_each_job_is_counted_where_it_stands(self, repository: JobRepository, worker: int) -> None:
        for name, verdict in zip("abcd", RESTS, strict=True):
            _enqueue(repository, name)
            _settle(repository, worker, _lease(repository, worker), verdict)
        _enqueue(repository, "e", "e2")
        _claim(repository, worker, slots=2)
        _enqueue(repository, "f", "f2", "f3", run_at=NOW + HOUR)
        _enqueue(repository, "g", "g2", "g3", "g4")
        counts = repository.counts(now=NOW)
        assert [counts.states[state] for state in JobState] == [8, 2, 1, 0, 1, 1]
        assert counts[1:4] == (4, 3, 1)

    def test_a_job_whose_time_has_come_counts_as_ready_before_any_worker_has_looked(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, "a")
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + 5 * SECOND, "no"))
        _enqueue(repository, "b", run_at=NOW + 10 * SECOND)
        seen = [repository.counts(now=NOW + second * SECOND)[1:4] for second in (4, 5, 9, 10)]
        assert seen == [(0, 1, 1), (1, 1, 0), (1, 1, 0), (2, 0, 0)]
        _lease(repository, worker, now=NOW + 10 * SECOND)  # looks at both, takes one
        assert repository.counts(now=NOW)[1:4] == (1, 0, 0)
        assert repository.outlook(now=NOW).ready is True

    def test_the_oldest_ready_job_is_the_one_enqueued_first(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a", now=NOW)
        _enqueue(repository, "b", now=NOW + SECOND, priority=5)
        assert repository.counts(now=NOW + HOUR).oldest_ready_since == NOW
        assert _claim(repository, worker, now=NOW + HOUR).leases[0].job.id == "b"
        assert repository.counts(now=NOW + HOUR).oldest_ready_since == NOW
        _lease(repository, worker)
        assert repository.counts(now=NOW + HOUR).oldest_ready_since is None

    def test_the_oldest_ready_job_may_be_one_whose_time_has_just_come(self, repository: JobRepository) -> None:
        _enqueue(repository, "a", run_at=NOW + 5 * SECOND)
        assert repository.counts(now=NOW + SECOND).oldest_ready_since is None
        assert repository.counts(now=NOW + 9 * SECOND).oldest_ready_since == NOW + 5 * SECOND
        _enqueue(repository, "b", now=NOW + SECOND)
        assert repository.counts(now=NOW + 2 * SECOND).oldest_ready_since == NOW + SECOND
        assert repository.counts(now=NOW + 9 * SECOND).oldest_ready_since == NOW + 5 * SECOND

    def test_queues_are_those_that_hold_a_job(self, repository: JobRepository, worker: int) -> None:
        assert list(repository.queues()) == []
        _enqueue(repository, "a", queue="z")
        _enqueue(repository, "b", queue="m", run_at=NOW + HOUR)
        _enqueue(repository, "c")
        _settle(repository, worker, _lease(repository, worker), Complete())
        assert list(repository.queues()) == ["default", "m", "z"]
        spec = JobSpec("true", id="b", queue="z", run_at=NOW + HOUR)
        repository.enqueue([spec], now=NOW, if_exists=IfExists.REPLACE)
        assert list(repository.queues()) == ["default", "z"]


class TestClaim:
    def test_a_claim_starts_an_attempt(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker, now=NOW + 7)
        job = lease.job
        assert (job.state, job.attempts, job.worker) == (JobState.PROCESSING, 1, "w1")
        assert (job.started_at, job.updated_at, job.finished_at) == (NOW + 7, NOW + 7, None)
        assert (lease.run, lease.record, lease.returned) == (1, "p1", 0)
        assert repository.get("a") == job

    def test_nothing_ready_is_nothing_claimed(self, repository: JobRepository, worker: int) -> None:
        assert _claim(repository, worker, slots=5) == Turn(frozenset(), [])

    def test_without_a_free_slot_nothing_is_claimed(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        assert _claim(repository, worker, slots=0).leases == []

    def test_higher_priority_goes_first_and_then_the_order_of_enqueueing(
        self, repository: JobRepository, worker: int
    ) -> None:
        for name, priority in {"a": 0, "b": 5, "c": -1, "d": 5, "e": 0, "f": 2**31 - 1, "g": -(2**31)}.items():
            _enqueue(repository, name, priority=priority)
        first = _claim(repository, worker, slots=3).leases
        rest = [_lease(repository, worker) for _ in range(4)]
        assert _ids([lease.job for lease in first + rest]) == ["f", "b", "d", "a", "e", "c", "g"]

    def test_no_job_is_claimed_twice(self, repository: JobRepository, connect: Callable[[], JobRepository]) -> None:
        _enqueue(repository, *"abcdef")
        others = [connect() for _ in range(3)]
        claimed = [
            lease.job.id
            for one in (*others, *others, *others)
            for lease in _claim(one, one.join(OTHER, now=NOW, ticks=1.0)).leases
        ]
        assert claimed == list("abcdef")

    def test_a_worker_takes_from_its_queues_only_best_job_first(self, repository: JobRepository, worker: int) -> None:
        for name, queue, priority in [("a", "x", 0), ("b", "y", 9), ("c", "z", 5), ("d", "x", 1), ("e", "z", 1)]:
            _enqueue(repository, name, queue=queue, priority=priority)
        leases = _claim(repository, worker, slots=3, queues=["x", "z", "nobody"]).leases
        assert _ids([lease.job for lease in leases]) == ["c", "d", "e"]
        assert _ids([lease.job for lease in _claim(repository, worker, slots=3, queues=["x", "z"]).leases]) == ["a"]
        assert _claim(repository, worker, slots=3, queues=["z"]).leases == []
        assert _lease(repository, worker).job.id == "b"

    def test_a_delayed_job_is_never_claimed_before_its_time(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "late", run_at=NOW + HOUR, priority=100)
        _enqueue(repository, "a")
        assert _ids([lease.job for lease in _claim(repository, worker, slots=5).leases]) == ["a"]
        assert _claim(repository, worker, now=NOW + HOUR - 1).leases == []
        assert _lease(repository, worker, now=NOW + HOUR).job.id == "late"

    def test_a_retry_is_never_claimed_before_its_time(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + HOUR, "no"))
        assert _claim(repository, worker, now=NOW + HOUR - 1).leases == []
        assert _lease(repository, worker, now=NOW + HOUR).job.attempts == 2

    def test_a_job_whose_time_has_come_takes_its_place_by_priority(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, "a", run_at=NOW + HOUR, priority=1)
        _enqueue(repository, "b")
        _enqueue(repository, "c", priority=2)
        leases = _claim(repository, worker, slots=3, now=NOW + HOUR).leases
        assert _ids([lease.job for lease in leases]) == ["c", "a", "b"]

    def test_a_clock_set_back_takes_nothing_from_a_job_that_was_ready(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, "a")
        assert _lease(repository, worker, now=NOW - 24 * HOUR).job.id == "a"

    def test_every_claim_has_a_token_of_its_own(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, *(f"j{number}" for number in range(50)))
        first = _claim(repository, worker, slots=50).leases
        for lease in first:
            _settle(repository, worker, lease, Return())
        second = _claim(repository, worker, slots=50, now=NOW + SECOND).leases
        assert len({lease.token for lease in first + second}) == 100
        assert min(len(lease.token) for lease in first + second) >= 32

    def test_one_turn_settles_first_and_then_claims(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        back = Settlement(lease.job.seq, lease.token, _ended(Return()), Return())
        turn = _claim(repository, worker, now=NOW + SECOND, settlements=[back])
        assert (turn.refused, _ids([lease.job for lease in turn.leases])) == (frozenset(), ["a"])


class TestSettle:
    @pytest.fixture
    def lease(self, repository: JobRepository, worker: int) -> Lease:
        _enqueue(repository, "a", unique_key="k")
        return _lease(repository, worker)

    def test_complete_ends_the_job(self, repository: JobRepository, worker: int, lease: Lease) -> None:
        assert _settle(repository, worker, lease, Complete()) == frozenset()
        job = repository.get("a")
        assert (job.state, job.attempts, job.exit_code, job.error) == (JobState.COMPLETED, 1, 0, None)
        assert (job.started_at, job.finished_at, job.duration_seconds) == (NOW + 10, NOW + SECOND, 0.99)
        assert (job.next_run_at, job.updated_at, job.worker) == (None, NOW + SECOND, "w1")

    def test_retry_waits_for_its_time_with_the_error(
        self, repository: JobRepository, worker: int, lease: Lease
    ) -> None:
        assert _settle(repository, worker, lease, Retry(NOW + 4 * SECOND, "exit code 1")) == frozenset()
        job = repository.get("a")
        assert (job.state, job.attempts, job.exit_code, job.error) == (JobState.PENDING, 1, 1, "exit code 1")
        assert (job.next_run_at, job.finished_at) == (NOW + 4 * SECOND, None)
        assert repository.counts(now=NOW).retrying == 1

    def test_bury_ends_in_the_dead_letter_queue(self, repository: JobRepository, worker: int, lease: Lease) -> None:
        assert _settle(repository, worker, lease, Bury("exit code 1")) == frozenset()
        job = repository.get("a")
        assert (job.state, job.attempts, job.exit_code, job.error) == (JobState.DEAD, 1, 1, "exit code 1")
        assert (job.next_run_at, job.finished_at) == (None, NOW + SECOND)

    def test_return_gives_the_attempt_back(self, repository: JobRepository, worker: int, lease: Lease) -> None:
        assert _settle(repository, worker, lease, Return()) == frozenset()
        job = repository.get("a")
        assert (job.state, job.attempts, job.finished_at) == (JobState.PENDING, 0, None)
        again = _lease(repository, worker, now=NOW + SECOND)
        assert (again.job.attempts, again.run, again.returned) == (1, 2, 0)

    def test_attempts_that_never_ran_are_counted_until_one_did(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        never = Execution(Outcome.NEVER_STARTED, None, "no sh", None, NOW, None)
        ends: list[tuple[Execution, Verdict]]
        ends = [(never, Return()), (never, Return()), (_ended(Complete()), Retry(NOW, "no"))]
        seen = []
        for execution, verdict in ends:
            lease = _lease(repository, worker)
            seen.append(lease.returned)
            settlement = Settlement(lease.job.seq, lease.token, execution, verdict)
            assert not _claim(repository, worker, slots=0, settlements=[settlement]).refused
        assert seen == [0, 1, 2]
        assert _lease(repository, worker).returned == 0

    def test_cancel_ends_the_job_outside_the_dead_letter_queue(
        self, repository: JobRepository, worker: int, lease: Lease
    ) -> None:
        assert _settle(repository, worker, lease, Cancel("by ann")) == frozenset()
        job = repository.get("a")
        assert (job.state, job.finished_at, job.error) == (JobState.CANCELLED, NOW + SECOND, "by ann")
        assert repository.history(job)[-1].reason == "by ann"

    @pytest.mark.parametrize(
        "late",
        [Complete(), Retry(NOW + HOUR, "late"), Bury("late"), Return(), Cancel("late")],
        ids=lambda verdict: type(verdict).__name__,
    )
    @pytest.mark.parametrize(
        "first",
        [Complete(), Retry(NOW + SECOND, "no"), Bury("no"), Return(), Cancel("no"), None],
        ids=lambda verdict: type(verdict).__name__,
    )
    def test_a_stale_token_writes_nothing(
        self, repository: JobRepository, worker: int, lease: Lease, first: Verdict | None, late: Verdict
    ) -> None:
        if first is None:
            repository.rescue([lease], worker=worker, now=NOW, lease_seconds=LEASE)
        else:
            _settle(repository, worker, lease, first)
        if isinstance(first, (Retry, Return)):
            _lease(repository, worker, now=NOW + SECOND)
        job, history = repository.get("a"), repository.history(lease.job)
        counts, leases = repository.counts(now=NOW), repository.leases_of(worker)
        assert _settle(repository, worker, lease, late, at=NOW + HOUR) == {lease.token}
        assert repository.get("a") == job
        assert repository.history(job) == history
        assert repository.counts(now=NOW) == counts
        assert repository.leases_of(worker) == leases

    @pytest.mark.parametrize("token", ["", "x", "0" * 32])
    def test_an_invented_token_writes_nothing(
        self, repository: JobRepository, worker: int, lease: Lease, token: str
    ) -> None:
        assert _settle(repository, worker, lease._replace(token=token), Complete()) == {token}
        assert repository.get("a") == lease.job

    def test_the_token_of_one_job_is_none_for_another(
        self, repository: JobRepository, worker: int, lease: Lease
    ) -> None:
        _enqueue(repository, "b")
        other = _lease(repository, worker)
        assert _settle(repository, worker, lease._replace(token=other.token), Complete()) == {other.token}
        assert _listed(repository, Filter(states=(JobState.PROCESSING,))) == ["a", "b"]

    def test_a_refused_settlement_holds_up_no_other(self, repository: JobRepository, worker: int, lease: Lease) -> None:
        _enqueue(repository, "b")
        other = _lease(repository, worker)
        stale = Settlement(lease.job.seq, "stale", _ended(Complete()), Complete())
        good = Settlement(other.job.seq, other.token, _ended(Complete()), Complete())
        assert _claim(repository, worker, settlements=[stale, good]).refused == {"stale"}
        assert _listed(repository, Filter(states=(JobState.COMPLETED,))) == ["b"]


class TestHistory:
    def test_it_tells_the_whole_way_of_a_job(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        _settle(repository, worker, _lease(repository, worker, now=NOW + 1), Return(), at=NOW + 2)
        _settle(repository, worker, _lease(repository, worker, now=NOW + 3), Retry(NOW + 5, "one"), at=NOW + 4)
        _settle(repository, worker, _lease(repository, worker, now=NOW + 5), Bury("two"), at=NOW + 6)
        repository.retry(Filter(ids=("a",)), now=NOW + 7)
        _settle(repository, worker, _lease(repository, worker, now=NOW + 8), Complete(), at=NOW + 9)
        steps = repository.history(repository.get("a"))
        seen = [(step.at - NOW, str(step.state), step.attempt, step.exit_code) for step in steps]
        assert seen == [
            (0, "pending", 0, None),
            (1, "processing", 1, None),
            (2, "pending", 0, None),
            (3, "processing", 1, None),
            (4, "failed", 1, 1),
            (4, "pending", 1, None),
            (5, "processing", 2, None),
            (6, "failed", 2, 1),
            (6, "dead", 2, None),
            (7, "pending", 0, None),
            (8, "processing", 1, None),
            (9, "completed", 1, 0),
        ]
        assert [step.from_state for step in steps] == [None, *(step.state for step in steps[:-1])]
        assert {step.worker for step in steps[1:]} == {"w1"}
        assert (steps[0].worker, steps[5].reason, steps[8].reason, steps[-1].reason) == (None, "one", "two", None)

    def test_jobs_do_not_share_it(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a", "b")
        _settle(repository, worker, _lease(repository, worker), Complete())
        assert _path(repository, "b") == [JobState.PENDING]
        assert _path(repository, "a") == [JobState.PENDING, JobState.PROCESSING, JobState.COMPLETED]


class TestWorkers:
    def test_a_worker_that_joins_is_listed_until_it_leaves(self, repository: JobRepository) -> None:
        first = repository.join(WORKER, now=NOW, ticks=1.5)
        second = repository.join(OTHER._replace(queues=("x", "ü")), now=NOW + 1, ticks=2.5)
        assert first != second
        one, two = repository.workers()
        assert (one.id, one.identity, one.started_at, one.heartbeat_at) == (first, WORKER, NOW, NOW)
        assert (one.heartbeat_ticks, one.stopping, one.jobs) == (1.5, "", ())
        assert (two.id, two.identity.queues) == (second, ("x", "ü"))
        repository.leave(first)
        assert [found.id for found in repository.workers()] == [second]

    def test_a_number_is_never_given_again(self, repository: JobRepository) -> None:
        first = repository.join(WORKER, now=NOW, ticks=1.0)
        repository.leave(first)
        assert repository.join(WORKER, now=NOW, ticks=1.0) > first

    def test_a_worker_shows_the_jobs_it_holds(self, repository: JobRepository, worker: int) -> None:
        other = repository.join(OTHER, now=NOW, ticks=1.0)
        _enqueue(repository, *"abc")
        _claim(repository, worker, slots=2)
        _claim(repository, other)
        assert [found.jobs for found in repository.workers()] == [("a", "b"), ("c",)]

    def test_a_worker_that_holds_a_job_cannot_leave(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        repository.leave(worker)
        assert [found.id for found in repository.workers()] == [worker]
        _settle(repository, worker, lease, Complete())
        repository.leave(worker)
        assert list(repository.workers()) == []

    def test_a_worker_that_is_not_registered_claims_nothing(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        assert _claim(repository, worker + 1) == Turn(frozenset(), [], is_registered=False)
        assert _claim(repository, worker).is_registered is True

    def test_a_worker_that_lost_a_lease_claims_nothing_in_that_turn(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, "a", "b")
        lease = _lease(repository, worker)
        repository.rescue([lease], worker=worker, now=NOW, lease_seconds=LEASE)
        late = Settlement(lease.job.seq, lease.token, _ended(Complete()), Complete())
        assert _claim(repository, worker, settlements=[late]) == Turn(frozenset({lease.token}), [])
        assert _lease(repository, worker).job.id == "b"

    def test_the_promise_of_the_next_sign_of_life_is_recorded(self, repository: JobRepository) -> None:
        worker = repository.join(WORKER, now=NOW, ticks=1.0, lease_seconds=2.5)
        assert [found.lease_seconds for found in repository.workers()] == [2.5]
        repository.renew(worker, now=NOW, ticks=2.0, lease_seconds=30.0)
        assert [found.lease_seconds for found in repository.workers()] == [30.0]

    def test_a_sign_of_life_is_recorded(self, repository: JobRepository, worker: int) -> None:
        assert repository.renew(worker, now=NOW + 9, ticks=10.5, lease_seconds=LEASE) == ""
        (found,) = repository.workers()
        assert (found.started_at, found.heartbeat_at, found.heartbeat_ticks) == (NOW, NOW + 9, 10.5)

    def test_a_worker_that_is_not_registered_is_told_so(self, repository: JobRepository, worker: int) -> None:
        repository.leave(worker)
        assert repository.renew(worker, now=NOW, ticks=1.0, lease_seconds=LEASE) is None

    def test_a_sign_of_life_changes_no_job_and_no_token(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        repository.renew(worker, now=NOW + HOUR, ticks=1.0, lease_seconds=LEASE)
        assert list(repository.leases_of(worker)) == [lease]
        assert _settle(repository, worker, lease, Complete()) == frozenset()


class TestRescue:
    @pytest.fixture
    def rescuer(self, repository: JobRepository) -> int:
        return repository.join(OTHER, now=NOW, ticks=1.0)

    def test_leases_of_a_worker_are_what_it_was_given(
        self, repository: JobRepository, worker: int, rescuer: int
    ) -> None:
        _enqueue(repository, *"abc")
        leases = _claim(repository, worker, slots=2).leases
        other = _claim(repository, rescuer).leases
        assert list(repository.leases_of(worker)) == leases
        assert list(repository.leases_of(rescuer)) == other
        assert list(repository.leases_of(rescuer + 1)) == []

    def test_it_hands_the_same_attempt_over_under_a_fresh_token(
        self, repository: JobRepository, worker: int, rescuer: int
    ) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        (taken,) = repository.rescue([lease], worker=rescuer, now=NOW + HOUR, lease_seconds=LEASE)
        assert taken.token != lease.token
        assert taken == lease._replace(token=taken.token)
        assert list(repository.leases_of(worker)) == []
        assert list(repository.leases_of(rescuer)) == [taken]
        assert _settle(repository, worker, lease, Complete()) == {lease.token}
        assert _settle(repository, rescuer, taken, Complete()) == frozenset()
        assert _path(repository, "a") == [JobState.PENDING, JobState.PROCESSING, JobState.COMPLETED]

    def test_from_another_home_it_takes_only_what_has_not_been_renewed_meanwhile(
        self, repository: JobRepository, rescuer: int
    ) -> None:
        elsewhere = repository.join(WORKER._replace(home="elsewhere"), now=NOW, ticks=1.0)
        _enqueue(repository, "a")
        lease = _lease(repository, elsewhere)
        later = NOW + int(LEASE * SECOND)  # when the lease would have ended, as the rescuer saw it
        repository.renew(elsewhere, now=later - SECOND, ticks=2.0, lease_seconds=LEASE)
        assert list(repository.rescue([lease], worker=rescuer, now=later, lease_seconds=LEASE)) == []
        assert list(repository.leases_of(elsewhere)) == [lease]
        over = later - SECOND + int(LEASE * SECOND)
        (taken,) = repository.rescue([lease], worker=rescuer, now=over, lease_seconds=LEASE)
        assert taken.job.id == "a"

    def test_of_two_rescuers_exactly_one_gets_each_job(
        self, repository: JobRepository, worker: int, rescuer: int, connect: Callable[[], JobRepository]
    ) -> None:
        _enqueue(repository, *"abc")
        leases = _claim(repository, worker, slots=3).leases
        second = connect()
        other = second.join(OTHER._replace(name="w3"), now=NOW, ticks=1.0)
        got = repository.rescue(leases[:2], worker=rescuer, now=NOW, lease_seconds=LEASE)
        too_late = second.rescue(leases, worker=other, now=NOW, lease_seconds=LEASE)
        assert (_ids([lease.job for lease in got]), _ids([lease.job for lease in too_late])) == (["a", "b"], ["c"])

    @pytest.mark.parametrize(
        "verdict", [Complete(), Retry(NOW, "no"), Bury("no"), Return()], ids=lambda verdict: type(verdict).__name__
    )
    def test_a_finish_between_look_and_take_stands(
        self, repository: JobRepository, worker: int, rescuer: int, verdict: Verdict
    ) -> None:
        _enqueue(repository, "a")
        looked = [_lease(repository, worker)]
        _settle(repository, worker, looked[0], verdict)
        job = repository.get("a")
        assert list(repository.rescue(looked, worker=rescuer, now=NOW, lease_seconds=LEASE)) == []
        assert repository.get("a") == job

    def test_records_are_those_of_running_jobs_whoever_holds_them_now(
        self, repository: JobRepository, worker: int, rescuer: int
    ) -> None:
        assert repository.records() == frozenset()
        _enqueue(repository, *"abc")
        first = _lease(repository, worker)
        assert repository.records() == {"p1"}
        second = _lease(repository, rescuer)
        assert repository.records() == {"p1", "p2"}
        (taken,) = repository.rescue([first], worker=rescuer, now=NOW, lease_seconds=LEASE)
        repository.leave(worker)
        assert repository.records() == {"p1", "p2"}
        _settle(repository, rescuer, taken, Complete())
        assert repository.records() == {"p2"}
        _settle(repository, rescuer, second, Return())
        assert repository.records() == frozenset()


class TestOutlook:
    def test_what_is_due_in_another_queue_is_nothing_to_wait_for(self, repository: JobRepository) -> None:
        repository.enqueue([JobSpec("true", "a", run_at=NOW + 1, queue="x")], now=NOW)
        assert repository.outlook(["y"], now=NOW).next_due == NOW + 1
        outlook = repository.outlook(["y"], now=NOW + 1)
        assert (outlook.ready, outlook.next_due) == (False, None)

    def test_an_empty_store_promises_nothing(self, repository: JobRepository) -> None:
        assert repository.outlook(now=NOW) == (False, None, None)

    def test_it_tells_what_is_ready_and_what_comes_next(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        assert repository.outlook(now=NOW) == (True, None, None)
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + 9 * SECOND, "no"))
        _enqueue(repository, "b", "c", run_at=NOW + 5 * SECOND)
        assert repository.outlook(now=NOW) == (False, NOW + 5 * SECOND, NOW + 9 * SECOND)
        assert repository.outlook(now=NOW + 5 * SECOND - 1).ready is False
        assert repository.outlook(now=NOW + 5 * SECOND).ready is True

    def test_a_worker_of_some_queues_hears_of_their_jobs_and_retries(
        self, repository: JobRepository, worker: int
    ) -> None:
        for queue, due in {"x": 9, "y": 7}.items():
            _enqueue(repository, queue, queue=queue)
            _settle(repository, worker, _lease(repository, worker), Retry(NOW + due * SECOND, "no"))
        _enqueue(repository, "z", queue="z")
        assert repository.outlook(now=NOW).ready is True
        assert repository.outlook(["x"], now=NOW) == (False, NOW + 7 * SECOND, NOW + 9 * SECOND)
        assert repository.outlook(["x", "y"], now=NOW).next_retry == NOW + 7 * SECOND
        assert repository.outlook(["z"], now=NOW) == (True, NOW + 7 * SECOND, None)

    def test_a_due_job_of_another_queue_is_not_ready_for_this_worker(self, repository: JobRepository) -> None:
        _enqueue(repository, "a", queue="x", run_at=NOW + SECOND)
        assert repository.outlook(["x"], now=NOW + SECOND).ready is True
        assert repository.outlook(["y"], now=NOW + SECOND).ready is False

    def test_upcoming_retries_come_soonest_first(self, repository: JobRepository, worker: int) -> None:
        for name, due in {"a": 9, "b": 3, "c": 6}.items():
            _enqueue(repository, name)
            _settle(repository, worker, _lease(repository, worker), Retry(NOW + due * SECOND, "no"))
        _enqueue(repository, "d", run_at=NOW + SECOND)
        assert _ids(repository.upcoming_retries(limit=2)) == ["b", "c"]
        assert _ids(repository.upcoming_retries(limit=9)) == ["b", "c", "a"]


class TestRetry:
    def test_a_dead_job_starts_afresh(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a")
        assert list(repository.retry(Filter(ids=("a",)), now=NOW + HOUR)) == ["a"]
        job = repository.get("a")
        assert (job.state, job.attempts, job.next_run_at) == (JobState.PENDING, 0, NOW + HOUR)
        assert (job.finished_at, job.error, job.exit_code) == (None, None, None)
        again = _lease(repository, worker, now=NOW + HOUR)
        assert (again.job.attempts, again.run) == (1, 2)

    def test_all_dead_jobs_are_retried_in_the_order_of_enqueueing(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "b", "a", "c")
        _enqueue(repository, "d")
        assert list(repository.retry(EVERY, now=NOW)) == ["b", "a", "c"]
        assert list(repository.retry(EVERY, now=NOW)) == []
        assert repository.counts(now=NOW).ready == 4

    @pytest.mark.parametrize(
        ("which", "retried"),
        [
            (Filter(queues=("x",)), "ab"),
            (Filter(queues=("x", "y")), "abc"),
            (Filter(tags=("t",)), "bc"),
            (Filter(tags=("t", "u")), "c"),
            (Filter(queues=("x",), tags=("t",)), "b"),
            (Filter(search="B"), "b"),
            (Filter(search="B", queues=("y",)), ""),
            (Filter(states=(JobState.DEAD,)), "abc"),
            (Filter(states=(JobState.COMPLETED,)), ""),
            (Filter(retrying=True), ""),
            (Filter(ids=("a", "c")), "ac"),
        ],
        ids=str,
    )
    def test_only_the_jobs_that_the_filter_lets_through_are_retried(
        self, repository: JobRepository, worker: int, which: Filter, retried: str
    ) -> None:
        for name, queue, tags in [("a", "x", ()), ("b", "x", ("t",)), ("c", "y", ("t", "u"))]:
            _dead(repository, worker, name, queue=queue, tags=tags)
        assert list(repository.retry(which, now=NOW)) == list(retried)
        assert _listed(repository, Filter(states=(JobState.PENDING,))) == list(retried)

    @pytest.mark.parametrize(
        ("which", "retried"),
        [
            (Filter(states=(JobState.COMPLETED,)), ["done"]),
            (Filter(states=(JobState.CANCELLED, JobState.DEAD)), ["dead", "no"]),
            (Filter(states=tuple(JobState)), ["done", "dead", "no"]),
            (Filter(states=tuple(JobState), retrying=True), []),
            (Filter(ids=("no", "done"), states=tuple(sorted(FINAL))), ["no", "done"]),
            (Filter(states=(JobState.PENDING, JobState.PROCESSING)), []),
        ],
        ids=str,
    )
    def test_only_final_states_that_are_named_are_left(
        self, repository: JobRepository, worker: int, which: Filter, retried: list[str]
    ) -> None:
        _enqueue(repository, "done")
        _settle(repository, worker, _lease(repository, worker), Complete())
        _dead(repository, worker, "dead")
        _enqueue(repository, "no", "waits")
        repository.cancel(Filter(ids=("no",)), now=NOW, grace=0)
        _enqueue(repository, "again", priority=1)
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + HOUR, "no"))
        _enqueue(repository, "runs", priority=1)
        _lease(repository, worker)
        assert list(repository.retry(which, now=NOW)) == retried
        assert repository.get("runs").state is JobState.PROCESSING
        assert repository.get("again").attempts == 1

    def test_the_history_says_who_retried_and_the_jobs_come_one_after_another(
        self, repository: JobRepository, worker: int
    ) -> None:
        _dead(repository, worker, "a", "b", "c")
        repository.retry(EVERY, now=NOW + HOUR, by="ana@host", spacing=6 * SECOND)
        jobs = [repository.get(name) for name in "abc"]
        assert [job.next_run_at for job in jobs] == [NOW + HOUR + number * 6 * SECOND for number in range(3)]
        assert {repository.history(job)[-1].reason for job in jobs} == {
            "retried from the Dead Letter Queue by ana@host"
        }
        counts = repository.counts(now=NOW + HOUR)
        assert (counts.ready, counts.scheduled) == (1, 2)

    def test_a_job_that_is_not_dead_refuses_the_whole_call(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a")
        _enqueue(repository, "b")
        with pytest.raises(errors.WrongState, match="'b' is pending"):
            repository.retry(Filter(ids=("a", "b")), now=NOW)
        assert repository.get("a").state is JobState.DEAD

    def test_a_job_that_is_not_there_refuses_the_whole_call(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a")
        with pytest.raises(errors.JobNotFound, match="'nobody'"):
            repository.retry(Filter(ids=("a", "nobody")), now=NOW)
        assert repository.get("a").state is JobState.DEAD

    def test_a_unique_key_that_goes_stands_in_nobodys_way(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a", unique_key="k")
        _enqueue(repository, "b", unique_key="k")
        changes = parse_changes(["unique_key=none"], now=NOW)
        assert list(repository.retry(Filter(ids=("a",)), now=NOW, changes=changes)) == ["a"]
        assert (repository.get("a").state, repository.get("a").unique_key) == (JobState.PENDING, None)

    def test_no_spacing_leads_beyond_the_last_instant(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a", "b")
        changes = parse_changes(["run_at=9999-12-31T23:59:59Z"], now=NOW)
        repository.retry(EVERY, now=NOW, spacing=HOUR, changes=changes)
        assert repository.get("b").next_run_at == MAX_INSTANT

    def test_a_unique_key_that_is_taken_meanwhile_refuses_the_whole_call(
        self, repository: JobRepository, worker: int
    ) -> None:
        _dead(repository, worker, "a")
        _dead(repository, worker, "b", unique_key="k")
        _enqueue(repository, "c", unique_key="k")
        with pytest.raises(errors.UniqueKeyTaken):
            repository.retry(EVERY, now=NOW)
        assert _listed(repository, Filter(states=(JobState.DEAD,))) == ["a", "b"]


class TestChangesOfARetry:
    def _changed(self, repository: JobRepository, *texts: str, now: int = NOW) -> Job:
        changes = parse_changes(texts, now=now)
        repository.retry(Filter(ids=("a",)), now=now, changes=changes, by="me@here")
        return repository.get("a")

    def test_are_in_the_job_that_runs_again(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a", timeout=5.0, env={"A": "1", "B": "2"}, tags=("old", "both"))
        texts = ("command=false", "queue=slow", "max_retries=7", "timeout=none", "tags=both,new")
        job = self._changed(repository, *texts, "priority=-3", "env.B", "env.C=x=y", "cwd=/srv")
        assert (job.state, job.attempts, job.command, job.queue) == (JobState.PENDING, 0, "false", "slow")
        assert (job.max_retries, job.timeout, job.priority, job.cwd) == (7, None, -3, "/srv")
        assert (job.tags, job.env) == (("both", "new"), {"A": "1", "C": "x=y"})
        assert _claim(repository, worker, queues=["slow"]).leases[0].job.command == "false"

    def test_move_the_job_in_every_list_and_count(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a", queue="x", tags=("old",))
        self._changed(repository, "queue=y", "tags=new")
        assert list(repository.queues()) == ["y"]
        assert _listed(repository, Filter(tags=("old",))) == []
        assert _listed(repository, Filter(tags=("new",), queues=("y",))) == ["a"]

    def test_leave_everything_else_as_it_is(self, repository: JobRepository, worker: int) -> None:
        fields = {"queue": "x", "tags": ("t",), "env": {"A": "1"}, "cwd": "/", "policy": Policy(retry_on=("75",))}
        _dead(repository, worker, "a", timeout=5.0, backoff_base=2.0, unique_key="k", **fields)
        before = repository.get("a")
        after = self._changed(repository, "max_retries=9")
        changing = {"state", "attempts", "max_retries", "updated_at", "next_run_at", "started_at", "finished_at"}
        changing |= {"duration_seconds", "exit_code", "error", "signature"}
        for name in set(before._fields) - changing:
            assert getattr(after, name) == getattr(before, name), name

    def test_stand_in_the_history_by_name_and_never_with_a_value(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a")
        job = self._changed(repository, "command=secret", "env.TOKEN=secret")
        reason = repository.history(job)[-1].reason
        assert reason == "retried from the Dead Letter Queue by me@here, command, env.TOKEN changed"

    def test_may_say_when_the_first_starts_and_spacing_counts_from_there(
        self, repository: JobRepository, worker: int
    ) -> None:
        _dead(repository, worker, "a", "b", "c")
        repository.retry(EVERY, now=NOW, spacing=6000, changes=parse_changes(["delay=1m"], now=NOW))
        assert [job.next_run_at for job in repository.list().jobs] == [NOW + 60_000, NOW + 66_000, NOW + 72_000]
        assert repository.counts(now=NOW).scheduled == 3
        assert not _claim(repository, worker, slots=3, now=NOW + 59_999).leases
        assert len(_claim(repository, worker, slots=3, now=NOW + 66_000).leases) == 2

    def test_may_be_of_its_policy_and_must_not_contradict_it(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a", policy=Policy(retry_on=("75",), retry_for=60.0))
        before = repository.get("a")
        with pytest.raises(errors.InvalidInput, match="job 'a': give_up_on: 75 stands in retry_on too"):
            self._changed(repository, "command=x", "give_up_on=75")
        assert repository.get("a") == before
        job = self._changed(repository, "give_up_on=64", "retry_on=75,SIGKILL", "retry_for=2m")
        assert job.policy == Policy(retry_on=("75", "SIGKILL"), give_up_on=("64",), retry_for=120.0)
        assert job.retry_until is None
        assert _claim(repository, worker, now=NOW).leases[0].job.retry_until == NOW + 120 * SECOND

    def test_that_clash_change_nothing_at_all(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a", "b")
        with pytest.raises(errors.UniqueKeyTaken):
            repository.retry(EVERY, now=NOW, changes=parse_changes(["command=x", "unique_key=k"], now=NOW))
        assert {(job.command, job.state, job.unique_key) for job in repository.list().jobs} == {
            ("true", JobState.DEAD, None)
        }


class TestDeadGroups:
    @staticmethod
    def _die(repository: JobRepository, worker: int, of: str, *ids: str, at: int = NOW + SECOND, **fields: Any) -> None:
        for name in ids:
            _enqueue(repository, name, priority=1000, **fields)
            _settle(repository, worker, _lease(repository, worker), Bury("exit code 1", of), at=at)

    def test_nobody_dead_makes_no_group(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        _settle(repository, worker, _lease(repository, worker), Complete())
        assert repository.dead_groups(EVERY) == DeadGroups([], 0, 0, 6)

    def test_the_largest_comes_first_with_its_newest_job_and_its_queues(
        self, repository: JobRepository, worker: int
    ) -> None:
        self._die(repository, worker, "disk full", "a", queue="x")
        self._die(repository, worker, "refused", "b", "c", queue="z")
        self._die(repository, worker, "refused", "d", queue="y", at=NOW + 9 * SECOND)
        self._die(repository, worker, "refused", "e", queue="z")
        found = repository.dead_groups(EVERY)
        assert (found.jobs, found.others) == (5, 0)
        first, second = found.groups
        assert (first.signature, first.jobs, first.newest, first.queues) == ("refused", 4, "e", ("y", "z"))
        assert (second.signature, second.jobs, second.newest, second.newest_at) == ("disk full", 1, "a", NOW + SECOND)

    def test_a_limit_says_how_many_it_leaves_out(self, repository: JobRepository, worker: int) -> None:
        for number in range(5):
            self._die(repository, worker, f"no {number}", *(f"j{number}-{one}" for one in range(number + 1)))
        found = repository.dead_groups(EVERY, limit=2)
        assert [(group.signature, group.jobs) for group in found.groups] == [("no 4", 5), ("no 3", 4)]
        assert (found.others, found.jobs) == (3, 15)

    @pytest.mark.parametrize(
        ("which", "expected"),
        [
            (Filter(queues=("x",)), [("p", 2, "c", ("x",)), ("q", 1, "d", ("x",))]),
            (Filter(queues=("y",)), [("p", 1, "b", ("y",))]),
            (Filter(queues=("x", "y")), [("p", 3, "c", ("x", "y")), ("q", 1, "d", ("x",))]),
            (Filter(tags=("t",)), [("p", 1, "b", ("y",)), ("q", 1, "d", ("x",))]),
            (Filter(search="C"), [("p", 1, "c", ("x",))]),
            (Filter(queues=("nowhere",)), []),
        ],
        ids=str,
    )
    def test_a_filter_counts_only_what_it_lets_through(
        self, repository: JobRepository, worker: int, which: Filter, expected: list[tuple[object, ...]]
    ) -> None:
        for name, of, queue, tags in [
            ("a", "p", "x", ()),
            ("b", "p", "y", ("t",)),
            ("c", "p", "x", ()),
            ("d", "q", "x", ("t",)),
        ]:
            self._die(repository, worker, of, name, queue=queue, tags=tags)
        found = repository.dead_groups(which).groups
        assert [(one.signature, one.jobs, one.newest, one.queues) for one in found] == expected

    def test_whoever_is_retried_cancelled_replaced_or_removed_is_counted_no_more(
        self, repository: JobRepository, worker: int
    ) -> None:
        self._die(repository, worker, "p", "a", "b", "c", "d", "e")
        self._die(repository, worker, "q", "f")
        repository.retry(Filter(ids=("a",)), now=NOW)
        repository.cancel(Filter(ids=("b",)), now=NOW, grace=1.0)
        repository.remove(Filter(ids=("c",)))
        repository.enqueue([JobSpec("true", id="d")], now=NOW, if_exists=IfExists.REPLACE)
        assert [(one.signature, one.jobs) for one in repository.dead_groups(EVERY).groups] == [("p", 1), ("q", 1)]
        repository.prune(Filter(states=(JobState.DEAD,), signature="q"), limit=10)
        assert [(one.signature, one.newest) for one in repository.dead_groups(EVERY).groups] == [("p", "e")]

    def test_whoever_dies_again_of_something_else_changes_its_group(
        self, repository: JobRepository, worker: int
    ) -> None:
        self._die(repository, worker, "p", "a")
        repository.retry(EVERY, now=NOW)
        _settle(repository, worker, _lease(repository, worker), Bury("no", "q"))
        assert [(one.signature, one.jobs) for one in repository.dead_groups(EVERY).groups] == [("q", 1)]

    def test_without_a_signature_the_reason_is_one(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "a")
        assert [one.signature for one in repository.dead_groups(EVERY).groups] == ["exit code 1"]

    def test_a_filter_by_signature_chooses_for_every_command(self, repository: JobRepository, worker: int) -> None:
        self._die(repository, worker, "p", "a", "c", "e", queue="x")
        self._die(repository, worker, "p", "b", queue="w")
        self._die(repository, worker, "q", "d")
        _enqueue(repository, "ready")
        one = Filter(states=(JobState.DEAD,), signature="p")
        assert _listed(repository, one) == ["a", "c", "e", "b"]
        listing = repository.list(one, limit=3)
        assert (_ids(listing.jobs), listing.older) == (["c", "e", "b"], 1)
        assert _listed(repository, Filter(signature="p", queues=("x",))) == ["a", "c", "e"]
        assert _listed(repository, Filter(signature="p", states=(JobState.PENDING,))) == []
        assert list(repository.retry(one._replace(queues=("w",)), now=NOW)) == ["b"]
        assert repository.prune(one, limit=2).ids == ("a", "c")
        assert list(repository.retry(one, now=NOW)) == ["e"]
        assert _listed(repository, Filter(states=(JobState.DEAD,))) == ["d"]

    def test_a_group_is_named_by_its_id_or_a_prefix_in_any_case(self, repository: JobRepository, worker: int) -> None:
        self._die(repository, worker, "p", "a")
        self._die(repository, worker, "q", "b")
        for group in repository.dead_groups(EVERY).groups:
            for reference in (group.id, group.id[:6], group.id[:1], group.id.upper()):
                assert repository.dead_signature(reference) == group.signature

    @pytest.mark.parametrize("reference", ["", " ", "zz", "0" * 40])
    def test_an_unknown_group_is_not_found(self, repository: JobRepository, worker: int, reference: str) -> None:
        self._die(repository, worker, "p", "a")
        with pytest.raises(errors.GroupNotFound):
            repository.dead_signature(reference)

    def test_a_group_is_gone_with_the_last_of_its_jobs(self, repository: JobRepository, worker: int) -> None:
        self._die(repository, worker, "p", "a")
        (group,) = repository.dead_groups(EVERY).groups
        repository.retry(EVERY, now=NOW)
        with pytest.raises(errors.GroupNotFound):
            repository.dead_signature(group.id)

    def test_a_prefix_of_several_groups_is_ambiguous(self, repository: JobRepository, worker: int) -> None:
        for number in range(70):  # of sixteen first digits one is shared by five at the least
            self._die(repository, worker, str(number), f"j{number}")
        found = repository.dead_groups(EVERY)
        firsts = [one.id[0] for one in found.groups]
        shared = next(digit for digit in firsts if firsts.count(digit) > 3)
        with pytest.raises(errors.AmbiguousId, match=r"fits several groups: .*, …"):
            repository.dead_signature(shared)

    def test_as_many_digits_are_shown_as_tell_all_groups_apart(self) -> None:
        assert digits_for([]) == 6
        assert digits_for(["abcdef700000", "abcdef800000", "0bcdef700000"]) == 7
        assert digits_for(["abcdef000000", "abcdef000001"]) == 12


class TestCancel:
    def test_a_job_that_waits_or_is_dead_is_cancelled_at_once(self, repository: JobRepository, worker: int) -> None:
        _dead(repository, worker, "dead")
        _enqueue(repository, "retrying", priority=1)
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + HOUR, "no"))
        _enqueue(repository, "ready", unique_key="k")
        _enqueue(repository, "scheduled", run_at=NOW + HOUR)
        names = ("scheduled", "ready", "retrying", "dead")
        done = repository.cancel(Filter(ids=names), now=NOW + HOUR, grace=5.0)
        assert (set(done.done), done.asked) == (set(names), ())
        for name in names:
            job = repository.get(name)
            assert (job.state, job.finished_at, job.next_run_at) == (JobState.CANCELLED, NOW + HOUR, None)
            assert _path(repository, name)[-1] is JobState.CANCELLED
        assert repository.counts(now=NOW).states[JobState.CANCELLED] == 4
        assert _claim(repository, worker, slots=9, now=NOW + 2 * HOUR).leases == []
        assert repository.outlook(now=NOW + 2 * HOUR) == (False, None, None)
        _enqueue(repository, "again", unique_key="k")

    def test_a_running_job_is_left_to_its_worker_who_is_asked(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a", "b")
        lease, _ = _claim(repository, worker, slots=2).leases
        assert repository.requests(worker) == ("", ())
        assert repository.cancel(Filter(ids=("a",)), now=NOW, grace=5.0) == ((), ("a",))
        assert repository.get("a").state is JobState.PROCESSING
        assert repository.requests(worker) == ("", ((lease.token, 5.0),))
        assert _settle(repository, worker, lease, Cancel("by ann")) == frozenset()
        assert repository.requests(worker) == ("", ())
        assert repository.get("a").state is JobState.CANCELLED

    def test_whoever_takes_the_job_over_is_asked_instead(self, repository: JobRepository, worker: int) -> None:
        rescuer = repository.join(OTHER, now=NOW, ticks=1.0)
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        repository.cancel(Filter(ids=("a",)), now=NOW, grace=5.0)
        (taken,) = repository.rescue([lease], worker=rescuer, now=NOW, lease_seconds=LEASE)
        assert repository.requests(worker) == ("", ())
        assert repository.requests(rescuer) == ("", ((taken.token, 5.0),))

    @pytest.mark.parametrize(
        ("verdict", "state"),
        [
            (Complete(), JobState.COMPLETED),
            (Bury("no"), JobState.DEAD),
            (Retry(NOW + HOUR, "no"), JobState.CANCELLED),
            (Return(), JobState.CANCELLED),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_a_job_asked_to_stop_while_its_run_was_ending_does_not_run_again(
        self, repository: JobRepository, worker: int, verdict: Verdict, state: JobState
    ) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        repository.cancel(Filter(ids=("a",)), now=NOW, grace=5.0)
        assert _settle(repository, worker, lease, verdict) == frozenset()
        assert repository.get("a").state is state

    def test_a_new_run_is_not_asked_to_stop_for_an_old_one(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        repository.cancel(Filter(ids=("a",)), now=NOW, grace=5.0)
        _settle(repository, worker, lease, Bury("no"))
        repository.retry(Filter(ids=("a",)), now=NOW)
        again = _lease(repository, worker)
        assert repository.requests(worker) == ("", ())
        _settle(repository, worker, again, Retry(NOW + HOUR, "no"))
        assert repository.get("a").state is JobState.PENDING

    @pytest.mark.parametrize("verdict", [Complete(), Cancel("no")], ids=lambda verdict: verdict.state)
    def test_a_job_that_has_ended_refuses_the_whole_call(
        self, repository: JobRepository, worker: int, verdict: Verdict
    ) -> None:
        _enqueue(repository, "a", "b")
        _settle(repository, worker, _lease(repository, worker), verdict)
        with pytest.raises(errors.WrongState, match=f"'a' is {verdict.state}"):
            repository.cancel(Filter(ids=("b", "a")), now=NOW, grace=5.0)
        with pytest.raises(errors.JobNotFound, match="'nobody'"):
            repository.cancel(Filter(ids=("b", "nobody")), now=NOW, grace=5.0)
        assert repository.get("b").state is JobState.PENDING

    @pytest.mark.parametrize(
        ("which", "done", "asked"),
        [
            (EVERY, "bcd", "e"),
            (Filter(queues=("mail",)), "c", "e"),
            (Filter(tags=("t",)), "d", "e"),
            (Filter(states=(JobState.PENDING,)), "bcd", ""),
            (Filter(states=(JobState.PROCESSING,), queues=("mail",)), "", "e"),
            (Filter(search="D"), "d", ""),
            (Filter(tags=("none",)), "", ""),
        ],
        ids=str,
    )
    def test_a_filter_passes_over_jobs_that_have_ended(
        self, repository: JobRepository, worker: int, which: Filter, done: str, asked: str
    ) -> None:
        _enqueue(repository, "a", tags=("t",))
        _settle(repository, worker, _lease(repository, worker), Complete())
        _dead(repository, worker, "a2", tags=("t",))
        _enqueue(repository, "b")
        _enqueue(repository, "c", queue="mail", run_at=NOW + HOUR)
        repository.enqueue([JobSpec("echo", id="d", tags=("t", "u"))], now=NOW)
        _enqueue(repository, "e", queue="mail", tags=("t",), priority=9)
        _lease(repository, worker)
        assert repository.cancel(which, now=NOW, grace=1.0) == (tuple(done), tuple(asked))
        assert _listed(repository, Filter(states=(JobState.CANCELLED,))) == list(done)


def _everywhere(repository: JobRepository, worker: int, **fields: Any) -> None:
    """Hold jobs that have ended, completed, dead, cancelled, and then one in each other place."""
    for name, verdict in zip(("completed", "dead", "cancelled", "retrying"), RESTS, strict=True):
        _enqueue(repository, name, **fields)
        _settle(repository, worker, _lease(repository, worker), verdict)
    _enqueue(repository, "running", **fields)
    _lease(repository, worker)
    _enqueue(repository, "scheduled", run_at=NOW + HOUR, **fields)
    _enqueue(repository, "ready", **fields)


class TestWhoCancelled:
    def test_stands_in_the_history_of_what_waited_and_of_what_ran(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a", "b", "c")
        leases = _claim(repository, worker, slots=2).leases
        repository.cancel(EVERY, now=NOW, grace=1.0, by="ann@host")
        _settle(repository, worker, leases[0], Cancel("cancelled"))
        _settle(repository, worker, leases[1], Retry(NOW + HOUR, "failed meanwhile"))
        for name in "abc":
            last = repository.history(repository.get(name))[-1]
            assert (last.state, last.reason) == (JobState.CANCELLED, "cancelled by ann@host")
        assert [step.reason for step in repository.history(repository.get("a"))][:2] == ["enqueued", "claimed"]

    def test_is_whoever_said_it_last(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        for who in ("ann@host", "bob@host"):
            repository.cancel(Filter(ids=("a",)), now=NOW, grace=1.0, by=who)
        _settle(repository, worker, lease, Cancel("cancelled"))
        assert repository.history(repository.get("a"))[-1].reason == "cancelled by bob@host"

    def test_does_not_count_if_the_command_succeeded_first(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        repository.cancel(Filter(ids=("a",)), now=NOW, grace=1.0, by="ann@host")
        _settle(repository, worker, lease, Complete())
        last = repository.history(repository.get("a"))[-1]
        assert (last.state, last.reason) == (JobState.COMPLETED, None)


class TestEdit:
    #: For every field a value that no other job of these tests has.
    CHANGES: ClassVar[dict[str, Any]] = {
        "command": "false", "queue": "q", "priority": 7, "max_retries": 9, "backoff_base": 1.5, "cwd": "/srv",
        "timeout": 2.5, "unique_key": "k", "env": {"A": "1"}, "tags": ("t", "u"),
    }  # fmt: skip
    POLICY = Policy((0, 3), ("75",), ("timeout",), 60.0, 0.5, 90.0)

    def test_every_field_of_a_specification_can_be_changed(self, repository: JobRepository) -> None:
        _enqueue(repository, "a", tags=("old",), env={"B": "2"})
        changes = Changes(self.CHANGES, policy=self.POLICY._asdict())
        assert repository.edit(["a"], changes, now=NOW + 5, by="ann@host") == ["a"]
        job = repository.get("a")
        assert {name: getattr(job, name) for name in self.CHANGES} == self.CHANGES
        assert (job.policy, job.updated_at) == (self.POLICY, NOW + 5)
        assert _listed(repository, Filter(tags=("t", "u"))) == ["a"]
        assert _listed(repository, Filter(tags=("old",))) == []
        assert set(JobSpec._fields) - {*self.CHANGES, "id", "policy"} == {"run_at"}

    def test_what_is_not_named_stays(self, repository: JobRepository) -> None:
        _enqueue(repository, "a", tags=("t",), env={"B": "2"}, run_at=NOW + HOUR, policy=self.POLICY)
        before = repository.get("a")
        repository.edit(["a"], Changes({"priority": 3}, {"A": "1"}, {"retry_for": None}), now=NOW + 5, by="")
        assert repository.get("a") == before._replace(
            priority=3, env={"B": "2", "A": "1"}, policy=self.POLICY._replace(retry_for=None), updated_at=NOW + 5
        )
        repository.edit(["a"], Changes({"env": {}, "tags": ()}, policy=NO_POLICY._asdict()), now=NOW + 5, by="")
        after = repository.get("a")
        assert (after.env, after.tags, after.policy) == ({}, (), NO_POLICY)

    def test_it_may_start_earlier_later_and_at_once(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        repository.edit(["a"], Changes({"run_at": NOW + HOUR}), now=NOW, by="")
        assert repository.counts(now=NOW)[1:4] == (0, 1, 0)
        assert _claim(repository, worker).leases == []
        repository.edit(["a"], Changes({"run_at": None}), now=NOW + 1, by="")
        assert repository.get("a").next_run_at == NOW + 1
        assert _lease(repository, worker, now=NOW + 1).job.id == "a"

    def test_a_job_that_waits_for_its_retry_keeps_its_attempts(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a", queue="x")
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + HOUR, "no"))
        repository.edit(["a"], Changes({"queue": "y", "run_at": NOW + 2 * HOUR}), now=NOW, by="")
        job = repository.get("a")
        assert (job.attempts, job.error, job.next_run_at) == (1, "exit code 1", NOW + 2 * HOUR)
        assert repository.outlook(["x"], now=NOW).next_retry is None
        assert repository.outlook(["y"], now=NOW).next_retry == NOW + 2 * HOUR
        repository.edit(["a"], Changes({"run_at": None}), now=NOW, by="")
        assert _lease(repository, worker).job.attempts == 2

    def test_it_must_be_left_an_attempt(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a", "b", max_retries=5)
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + HOUR, "no"))
        for few in (0, 1):
            with pytest.raises(errors.WrongState):
                repository.edit(["b", "a"], Changes({"max_retries": few}), now=NOW, by="")
        assert repository.get("b").max_retries == 5
        repository.edit(["b", "a"], Changes({"max_retries": 2}), now=NOW, by="")
        assert repository.get("a").max_retries == 2

    def test_the_last_moment_for_a_retry_counts_from_the_first_attempt(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, "a", policy=NO_POLICY._replace(retry_for=60.0))
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + SECOND, "no"))
        assert repository.get("a").retry_until == NOW + 60 * SECOND
        repository.edit(["a"], Changes(policy={"retry_for": 90.0, "backoff_max": 5.0}), now=NOW + SECOND, by="")
        assert repository.get("a").retry_until == NOW + 90 * SECOND
        repository.edit(["a"], Changes(policy={"retry_for": None}), now=NOW + SECOND, by="")
        assert repository.get("a").retry_until is None

    @pytest.mark.parametrize("verdict", [*RESTS[:3], None], ids=["completed", "dead", "cancelled", "processing"])
    def test_what_has_started_or_ended_is_a_conflict_and_nothing_is_changed(
        self, repository: JobRepository, worker: int, verdict: Verdict | None
    ) -> None:
        _enqueue(repository, "a", priority=9)
        _enqueue(repository, "b")
        lease = _lease(repository, worker)
        if verdict:
            _settle(repository, worker, lease, verdict)
        before = _everything(repository)
        with pytest.raises(errors.WrongState):
            repository.edit(["b", "a"], Changes(self.CHANGES), now=NOW, by="ann@host")
        with pytest.raises(errors.JobNotFound):
            repository.edit(["b", "nobody"], Changes(self.CHANGES), now=NOW, by="ann@host")
        assert _everything(repository) == before
        assert repository.actions() == []

    def test_a_unique_key_that_is_taken_changes_nothing(self, repository: JobRepository) -> None:
        _enqueue(repository, "a", unique_key="k")
        _enqueue(repository, "b", "c")
        before = _everything(repository)
        for ids, key in ((["b"], "k"), (["b", "c"], "l")):
            with pytest.raises(errors.UniqueKeyTaken):
                repository.edit(ids, Changes({"priority": 1, "unique_key": key, "tags": ("t",)}), now=NOW, by="")
        assert _everything(repository) == before
        repository.edit(["a"], Changes({"unique_key": "k"}), now=NOW, by="")

    def test_a_policy_that_contradicts_itself_changes_nothing(self, repository: JobRepository) -> None:
        _enqueue(repository, "a", policy=self.POLICY)
        _enqueue(repository, "b")
        before = _everything(repository)
        changes = Changes({"priority": 1}, policy={"give_up_on": ("75",)})
        with pytest.raises(errors.InvalidInput, match="job 'a': give_up_on: 75 stands in retry_on too"):
            repository.edit(["b", "a"], changes, now=NOW, by="")
        assert _everything(repository) == before

    def test_it_is_noted_with_the_fields_and_never_with_their_values(self, repository: JobRepository) -> None:
        _enqueue(repository, "abc", "b")
        repository.edit(["ab", "b", "abc"], Changes({"priority": 1}, {"PASSWORD": "secret"}), now=NOW, by="ann@host")
        (action,) = repository.actions()
        assert action[1:] == (NOW, "ann@host", "edit", "abc b: priority, env.PASSWORD", 2)


class TestManyQueues:
    def test_are_no_more_than_few(self, repository: JobRepository, worker: int) -> None:
        names = [f"q{number}" for number in range(2000)]
        for priority, queue in enumerate(("q1999", "other", "q0", "q7")):
            _enqueue(repository, queue, queue=queue, priority=priority)
        turn = _claim(repository, worker, queues=names, slots=2)
        assert [lease.job.id for lease in turn.leases] == ["q7", "q0"]
        assert [lease.job.id for lease in _claim(repository, worker, queues=names, slots=9).leases] == ["q1999"]
        assert not repository.outlook(names, now=NOW).ready


class TestPause:
    @pytest.fixture(autouse=True)
    def jobs(self, repository: JobRepository) -> None:
        """A job in each of three queues; the best one is in x."""
        for name, queue, priority in [("a", "x", 9), ("b", "y", 1), ("c", "z", 5)]:
            _enqueue(repository, name, queue=queue, priority=priority)

    def test_nothing_is_claimed_from_a_paused_queue(self, repository: JobRepository, worker: int) -> None:
        assert repository.pause(["x"], now=NOW, by="ann@host") == ["x"]
        assert _ids([lease.job for lease in _claim(repository, worker, slots=5).leases]) == ["c", "b"]
        assert _claim(repository, worker, slots=5, queues=["x"]).leases == []
        assert repository.resume(["x"], now=NOW, by="ann@host") == ["x"]
        assert _lease(repository, worker).job.id == "a"

    def test_nothing_at_all_is_claimed_while_all_are_paused(self, repository: JobRepository, worker: int) -> None:
        assert repository.pause([ALL], now=NOW, by="ann@host") == [ALL]
        _enqueue(repository, "d", queue="new")
        assert _claim(repository, worker, slots=5).leases == []
        assert _claim(repository, worker, slots=5, queues=["new", "x"]).leases == []
        assert repository.outlook(now=NOW) == Outlook(ready=False, next_due=None, next_retry=None)

    def test_the_named_queues_of_a_worker_are_taken_in_their_order_without_the_paused_ones(
        self, repository: JobRepository, worker: int
    ) -> None:
        repository.pause(["x"], now=NOW, by="")
        leases = _claim(repository, worker, slots=5, queues=["y", "x", "nobody", "z"]).leases
        assert _ids([lease.job for lease in leases]) == ["c", "b"]

    def test_of_many_open_queues_the_best_jobs_are_taken(self, repository: JobRepository, worker: int) -> None:
        repository.pause(["x"], now=NOW, by="")
        for number in range(600):  # more than one statement could name one by one
            _enqueue(repository, f"j{number:03}", queue=f"q{number}", priority=number % 3)
        leases = _claim(repository, worker, slots=3).leases
        assert _ids([lease.job for lease in leases]) == ["c", "j002", "j005"]

    def test_it_says_what_has_changed(self, repository: JobRepository) -> None:
        assert repository.pause(["x", "y", "x"], now=NOW, by="ann@host") == ["x", "y"]
        assert repository.pause(["z", "x"], now=NOW + 1, by="bob@host") == ["z"]
        assert repository.paused() == [
            Paused("x", NOW, "ann@host", 1),
            Paused("y", NOW, "ann@host", 1),
            Paused("z", NOW + 1, "bob@host", 1),
        ]
        assert repository.resume(["y", "x", "nobody"], now=NOW, by="") == ["x", "y"]
        assert repository.resume(["x"], now=NOW, by="") == []
        assert [paused.queue for paused in repository.paused()] == ["z"]

    def test_all_lifts_every_pause_and_one_alone_cannot_be_lifted_out_of_all(self, repository: JobRepository) -> None:
        repository.pause(["x", ALL], now=NOW, by="ann@host")
        assert repository.paused() == [Paused(ALL, NOW, "ann@host", 3), Paused("x", NOW, "ann@host", 1)]
        with pytest.raises(errors.WrongState):
            repository.resume(["x"], now=NOW, by="ann@host")
        assert len(repository.paused()) == 2
        assert repository.resume([ALL], now=NOW, by="ann@host") == [ALL, "x"]
        assert repository.paused() == []

    def test_what_runs_goes_on_and_its_end_is_written(self, repository: JobRepository, worker: int) -> None:
        lease = _lease(repository, worker)
        repository.pause([lease.job.queue], now=NOW, by="")
        assert _settle(repository, worker, lease, Retry(NOW + 2 * SECOND, "no")) == frozenset()
        assert _claim(repository, worker, queues=["x"], now=NOW + HOUR).leases == []
        repository.resume(["x"], now=NOW, by="")
        assert _lease(repository, worker, now=NOW + HOUR).job.attempts == 2

    def test_the_outlook_leaves_out_what_is_paused(self, repository: JobRepository, worker: int) -> None:
        _settle(repository, worker, _lease(repository, worker), Retry(NOW + HOUR, "no"))
        assert repository.outlook(["x"], now=NOW) == Outlook(ready=False, next_due=NOW + HOUR, next_retry=NOW + HOUR)
        repository.pause(["x"], now=NOW, by="")
        assert repository.outlook(["x"], now=NOW) == Outlook(ready=False, next_due=NOW + HOUR, next_retry=None)
        assert not repository.outlook(["x"], now=NOW + HOUR).ready
        assert repository.outlook(now=NOW).ready
        repository.pause(["y", "z"], now=NOW, by="")
        assert repository.outlook(now=NOW) == Outlook(ready=False, next_due=NOW + HOUR, next_retry=None)
        repository.resume(["x"], now=NOW, by="")
        assert repository.outlook(now=NOW).next_retry == NOW + HOUR
        assert repository.outlook(now=NOW + HOUR).ready

    def test_more_due_jobs_than_a_turn_makes_ready_keep_a_worker_at_it(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, *(f"j{number}" for number in range(1500)), queue="x", run_at=NOW + 1)
        _enqueue(repository, "late", queue="late", run_at=NOW + 2)
        assert repository.outlook(["late"], now=NOW + 2).ready
        assert _claim(repository, worker, queues=["late"], now=NOW + 2).leases == []
        assert repository.outlook(["late"], now=NOW + 2).ready
        assert _ids([lease.job for lease in _claim(repository, worker, queues=["late"], now=NOW + 2).leases]) == [
            "late"
        ]
        assert not repository.outlook(["late"], now=NOW + 2).ready

    def test_another_process_keeps_to_it_at_once(
        self, repository: JobRepository, connect: Callable[[], JobRepository], worker: int
    ) -> None:
        connect().pause([ALL], now=NOW, by="")
        assert _claim(repository, worker).leases == []


class TestActions:
    def test_what_people_did_is_told_in_its_order_from_any_point_on(
        self, repository: JobRepository, worker: int
    ) -> None:
        _dead(repository, worker, "a", "b")
        repository.pause(["x", "y"], now=NOW, by="ann@host")
        repository.retry(EVERY, now=NOW + 1, by="bob@host")
        repository.cancel(Filter(ids=("a",)), now=NOW + 2, grace=1.0, by="ann@host")
        repository.resume([ALL], now=NOW + 3, by="ann@host")
        repository.note("prune", "--state dead", jobs=7, now=NOW + 4, by="ann@host")
        done = repository.actions()
        assert [action[1:] for action in done] == [
            (NOW, "ann@host", "pause", "x y", 0),
            (NOW + 1, "bob@host", "retry", "all", 2),
            (NOW + 2, "ann@host", "cancel", "a", 1),
            (NOW + 3, "ann@host", "resume", "--all", 0),
            (NOW + 4, "ann@host", "prune", "--state dead", 7),
        ]
        assert all(isinstance(action, Action) for action in done)
        assert repository.actions(limit=2) == done[:2]
        assert repository.actions(after=done[1].id) == done[2:]
        assert repository.actions(after=done[-1].id) == []

    def test_settings_are_noted(self, repository: JobRepository) -> None:
        repository.set_setting("lease", "30s", now=NOW, by="ann@host")
        repository.unset_setting("lease", now=NOW + 1, by="ann@host")
        repository.unset_setting("lease", now=NOW + 2, by="ann@host")
        assert [action[1:] for action in repository.actions()] == [
            (NOW, "ann@host", "config set", "lease 30s", 0),
            (NOW + 1, "ann@host", "config unset", "lease", 0),
        ]

    def test_of_many_jobs_the_first_few_are_named(self, repository: JobRepository) -> None:
        names = [f"j{number:02}" for number in range(25)]
        _enqueue(repository, *names)
        repository.cancel(Filter(ids=tuple(names)), now=NOW, grace=1.0, by="ann@host")
        repository.retry(Filter(queues=("x",), tags=("a", "b"), search="q", states=(JobState.CANCELLED,)), now=NOW)
        (action,) = repository.actions()
        assert (action.what, action.jobs) == (" ".join(names[:20]) + " and 5 more", 25)
        which = Filter(queues=("x",), tags=("a", "b"), search="q", finished_before=NOW, states=(JobState.DEAD,))
        assert which.as_options() == (
            "--state dead --queue x --tag a --tag b --search q ended before 2027-01-15T08:00:00.000Z"
        )

    def test_what_changed_nothing_is_not_noted(self, repository: JobRepository) -> None:
        repository.pause(["x"], now=NOW, by="")
        repository.pause(["x"], now=NOW, by="ann@host")
        repository.resume(["y"], now=NOW, by="ann@host")
        repository.retry(EVERY, now=NOW, by="ann@host")
        repository.note("prune", "all", jobs=0, now=NOW, by="ann@host")
        assert repository.actions() == []


class TestPrune:
    UNENDED = ("retrying", "running", "scheduled", "ready")

    def test_jobs_that_have_ended_go_and_no_others(self, repository: JobRepository, worker: int) -> None:
        _everywhere(repository, worker, tags=("t", "u"))
        pruned = repository.prune(EVERY, limit=100)
        assert pruned == (("completed", "dead", "cancelled"), None, False)
        assert tuple(_listed(repository)) == self.UNENDED
        assert tuple(_listed(repository, Filter(tags=("t",)))) == self.UNENDED

    @pytest.mark.parametrize("state", [JobState.PENDING, JobState.PROCESSING, JobState.FAILED])
    def test_no_filter_makes_it_remove_a_job_that_has_not_ended(
        self, repository: JobRepository, worker: int, state: JobState
    ) -> None:
        _everywhere(repository, worker)
        assert repository.prune(Filter(states=(state,)), limit=100).ids == ()
        assert repository.prune(Filter(ids=self.UNENDED), limit=100).ids == ()
        assert len(_listed(repository)) == 7

    def test_accepted_jobs_are_those_of_all_states_and_the_pruned(self, repository: JobRepository, worker: int) -> None:
        _everywhere(repository, worker, queue="mail")
        repository.prune(Filter(states=(JobState.DEAD,)), limit=100)
        counts = repository.counts(now=NOW)
        assert (counts.states[JobState.DEAD], sum(counts.states.values()), counts.pruned) == (0, 6, 1)
        repository.prune(EVERY, limit=100)
        counts = repository.counts(now=NOW)
        assert [counts.states[state] for state in JobState] == [3, 1, 0, 0, 0, 0]
        assert counts.pruned == 3

    def test_a_queue_whose_jobs_are_all_gone_is_no_queue(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a", queue="mail")
        _settle(repository, worker, _lease(repository, worker), Complete())
        repository.prune(EVERY, limit=100)
        assert repository.queues() == []

    def test_those_enqueued_first_go_first_and_no_more_than_the_limit_in_one_step(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, *"abcde")
        leases = _claim(repository, worker, slots=5).leases
        verdicts: list[Verdict] = [Complete(), Cancel("no"), Complete(), Bury("no"), Complete()]
        for lease, verdict in zip(reversed(leases), verdicts, strict=True):
            _settle(repository, worker, lease, verdict)
        first = repository.prune(EVERY, limit=2)
        assert (first.ids, _listed(repository)) == (("a", "b"), ["c", "d", "e"])
        assert first.after is not None
        second = repository.prune(EVERY, limit=2, after=first.after)
        assert second.ids == ("c", "d")
        assert second.after is not None
        assert repository.prune(EVERY, limit=2, after=second.after) == (("e",), None, False)

    def test_only_jobs_that_ended_before_the_instant_go_whenever_they_were_enqueued(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, "ends late", "ends early", "ends then")
        late, early, then = _claim(repository, worker, slots=3).leases
        for lease, at in ((late, NOW + HOUR), (early, NOW + 1), (then, NOW + 2)):
            _settle(repository, worker, lease, Complete(), at=at)
        pruned = repository.prune(Filter(finished_before=NOW + 2), limit=100)
        assert pruned == (("ends early",), None, False)
        assert _listed(repository, Filter(finished_before=NOW + HOUR)) == ["ends then"]

    def test_a_step_says_when_all_it_looked_at_was_enqueued_too_late(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, "a", now=NOW)
        _settle(repository, worker, _lease(repository, worker), Complete())
        assert repository.prune(Filter(finished_before=NOW), limit=100).is_recent
        assert not repository.prune(Filter(finished_before=NOW + 1), limit=100).is_recent  # ended later

    @pytest.mark.parametrize(
        ("which", "gone"),
        [
            (Filter(states=(JobState.DEAD, JobState.CANCELLED)), ("dead", "cancelled")),
            (Filter(queues=("mail",)), ("m",)),
            (Filter(tags=("t", "u")), ("u",)),
            (Filter(search="DEAD"), ("dead",)),
            (Filter(queues=("nowhere",)), ()),
        ],
        ids=str,
    )
    def test_only_jobs_that_the_filter_lets_through_go(
        self, repository: JobRepository, worker: int, which: Filter, gone: tuple[str, ...]
    ) -> None:
        _everywhere(repository, worker)
        for name, fields in (("m", {"queue": "mail", "tags": ("t",)}), ("u", {"tags": ("u", "t")})):
            _enqueue(repository, name, priority=9, **fields)
            _settle(repository, worker, _lease(repository, worker), Complete())
        assert repository.prune(which, limit=100).ids == gone
        assert len(_listed(repository)) == 9 - len(gone)

    def test_an_id_may_be_used_again_and_knows_nothing_of_the_first_job(
        self, repository: JobRepository, worker: int
    ) -> None:
        _enqueue(repository, "a", tags=("old",))
        _settle(repository, worker, _lease(repository, worker), Complete())
        first = repository.get("a")
        repository.prune(EVERY, limit=100)
        with pytest.raises(errors.JobNotFound):
            repository.get("a")
        _enqueue(repository, "a")
        again = repository.get("a")
        assert again.seq > first.seq
        assert _path(repository, again) == [JobState.PENDING]
        assert repository.history(first)[1:] == []
        assert _listed(repository, Filter(tags=("old",))) == []

    def test_the_newest_number_is_not_given_again(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        _settle(repository, worker, _lease(repository, worker), Complete())
        seq = repository.get("a").seq
        repository.prune(EVERY, limit=100)
        _enqueue(repository, "b")
        assert repository.get("b").seq > seq

    def test_a_late_result_of_a_job_that_is_gone_is_refused(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        lease = _lease(repository, worker)
        _settle(repository, worker, lease, Complete())
        repository.prune(EVERY, limit=100)
        assert _settle(repository, worker, lease, Retry(NOW, "late")) == {lease.token}
        assert _listed(repository) == []

    def test_another_sees_the_jobs_gone_and_does_not_count_them_twice(
        self, repository: JobRepository, worker: int, connect: Callable[[], JobRepository]
    ) -> None:
        _enqueue(repository, "a")
        _settle(repository, worker, _lease(repository, worker), Complete())
        repository.prune(EVERY, limit=100)
        other = connect()
        assert other.prune(EVERY, limit=100).ids == ()
        assert other.counts(now=NOW).pruned == 1


class TestRemove:
    def test_jobs_that_have_ended_go_by_id_or_prefix(self, repository: JobRepository, worker: int) -> None:
        _everywhere(repository, worker)
        assert repository.remove(Filter(ids=("dead", "comp", "completed"))) == ["dead", "completed"]
        assert _listed(repository) == ["cancelled", *TestPrune.UNENDED]
        assert repository.counts(now=NOW).pruned == 2

    @pytest.mark.parametrize("name", TestPrune.UNENDED)
    def test_a_job_that_has_not_ended_refuses_the_whole_call(
        self, repository: JobRepository, worker: int, name: str
    ) -> None:
        _everywhere(repository, worker)
        with pytest.raises(errors.WrongState, match=name) as refusal:
            repository.remove(Filter(ids=("completed", name)))
        assert "queuectl cancel" in (refusal.value.hint or "")
        assert len(_listed(repository)) == 7

    def test_a_job_of_another_state_than_meant_refuses_the_whole_call(
        self, repository: JobRepository, worker: int
    ) -> None:
        _everywhere(repository, worker)
        with pytest.raises(errors.WrongState, match="is completed, not dead"):
            repository.remove(Filter(ids=("dead", "completed"), states=(JobState.DEAD,)))
        with pytest.raises(errors.JobNotFound):
            repository.remove(Filter(ids=("dead", "nobody")))
        assert len(_listed(repository)) == 7


class TestLeftovers:
    def test_every_job_that_is_gone_is_noted_until_its_logs_are_gone_too(
        self, repository: JobRepository, worker: int
    ) -> None:
        _everywhere(repository, worker)
        _enqueue(repository, "never ran")
        repository.cancel(Filter(ids=("never ran",)), now=NOW, grace=1.0)
        assert repository.leftovers(limit=10) == []
        seqs = [repository.get(name).seq for name in ("completed", "dead", "never ran")]
        repository.remove(Filter(ids=("dead", "completed", "never ran")))
        notes = list(repository.leftovers(limit=10))
        assert notes == [(seqs[0], 1), (seqs[1], 1), (seqs[2], 0)]
        assert repository.leftovers(limit=1) == notes[:1]
        repository.swept(notes[:2])
        assert repository.leftovers(limit=10) == notes[2:]

    def test_it_counts_every_run(self, repository: JobRepository, worker: int) -> None:
        _enqueue(repository, "a")
        for at in (NOW, NOW + 1, NOW + 2):
            _settle(repository, worker, _lease(repository, worker, now=at), Return(), at=at)
        _settle(repository, worker, _lease(repository, worker, now=NOW + 3), Complete())
        repository.prune(EVERY, limit=1)
        assert [note.runs for note in repository.leftovers(limit=10)] == [4]

    def test_numbers_are_past_once_given_and_all_gone(self, repository: JobRepository, worker: int) -> None:
        assert not repository.is_past(1, 2)
        _enqueue(repository, "a", "b")
        last = repository.get("b").seq
        for lease in _claim(repository, worker, slots=2).leases:
            _settle(repository, worker, lease, Complete())
        assert not repository.is_past(1, last)
        repository.remove(Filter(ids=("b",)))
        assert not repository.is_past(1, last)
        repository.remove(Filter(ids=("a",)))
        assert repository.is_past(1, last)
        assert not repository.is_past(1, last + 1)  # the next job may come


class TestStopping:
    def test_a_worker_hears_what_was_asked_of_it(self, repository: JobRepository, worker: int) -> None:
        other = repository.join(OTHER, now=NOW, ticks=1.0)
        assert [found.id for found in repository.ask_to_stop(["w1"], "graceful")] == [worker]
        assert repository.renew(worker, now=NOW, ticks=2.0, lease_seconds=LEASE) == "graceful"
        assert (repository.requests(worker), repository.requests(other)) == (("graceful", ()), ("", ()))
        assert [found.stopping for found in repository.workers()] == ["graceful", ""]

    def test_no_name_means_all_workers(self, repository: JobRepository, worker: int) -> None:
        other = repository.join(OTHER, now=NOW, ticks=1.0)
        assert [found.id for found in repository.ask_to_stop([], "now")] == [worker, other]
        assert [found.stopping for found in repository.workers()] == ["now", "now"]

    def test_now_is_not_taken_back(self, repository: JobRepository, worker: int) -> None:
        for how, seen in [("graceful", "graceful"), ("now", "now"), ("graceful", "now")]:
            repository.ask_to_stop([], how)
            assert repository.requests(worker).stopping == seen

    def test_an_unknown_name_refuses_the_whole_call(self, repository: JobRepository, worker: int) -> None:
        with pytest.raises(errors.WorkerNotFound, match="'nobody'"):
            repository.ask_to_stop(["w1", "nobody"], "now")
        assert repository.requests(worker).stopping == ""


class TestSettings:
    def test_what_is_set_is_there_for_everybody(
        self, repository: JobRepository, connect: Callable[[], JobRepository]
    ) -> None:
        assert dict(repository.settings()) == {}
        repository.set_setting("lease", "30s")
        repository.set_setting("lease", "40s")
        repository.set_setting("max-retries", "5")
        assert dict(connect().settings()) == {"lease": "40s", "max-retries": "5"}

    def test_unset_returns_to_the_default_and_says_whether_it_was_set(self, repository: JobRepository) -> None:
        repository.set_setting("lease", "30s")
        assert repository.unset_setting("lease") is True
        assert repository.unset_setting("lease") is False
        assert dict(repository.settings()) == {}


class TestStore:
    def test_what_one_stores_another_sees(
        self, repository: JobRepository, connect: Callable[[], JobRepository]
    ) -> None:
        _enqueue(repository, "a")
        other = connect()
        assert other.get("a") == repository.get("a")
        assert (repository.created, other.created) == (True, False)

    def test_what_was_stored_is_there_after_closing(
        self, repository: JobRepository, connect: Callable[[], JobRepository]
    ) -> None:
        _enqueue(repository, "a")
        repository.close()
        repository.close()
        assert _listed(connect()) == ["a"]
