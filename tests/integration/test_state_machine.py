"""The lifecycle under random orders of events, held against a model that fits on a page.

The model knows of each job what a careful reader of docs/lifecycle.md would: its state, attempts, when it may
run, and which token holds it. After each step the store is looked at from outside, by SQL through a connection
of its own, and must show the invariants of that page whatever the model says.

Seen to fail against, one at a time: the token left out of `_HELD` or of `_RESCUE`, a rescue that keeps the token
or counts an attempt, a token that is not random, `_LET_GO` without the token, a promotion before the time, a claim
without `attempts + 1` or newest first, a return that keeps its attempt, a retry that keeps attempts or
`finished_at`, a claim that does not look at what is paused.
`state = 'processing'` in `_HELD` is a second lock on the same door: without it nothing fails.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from queuectl import errors
from queuectl.changes import Changes
from queuectl.model import (
    FINAL,
    NO_POLICY,
    TRANSITIONS,
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
)
from queuectl.repository.acting import ALL
from queuectl.repository.base import Filter, IfExists, Lease, Settlement, WorkerIdentity
from queuectl.retry import RetryPolicy
from tests.archives import assert_sound, exported, imported
from tests.engines import ENGINES, few

if TYPE_CHECKING:
    from queuectl.model import Verdict
    from tests.engines import Engine

pytestmark = pytest.mark.timeout(3600)  # the thorough profile takes minutes

NOW = 1_800_000_000_000
LEASE = 60.0
IDS = st.sampled_from(["a", "b", "c", "d", "e"])
QUEUES = ("x", "y")
POLICIES = (
    NO_POLICY,
    NO_POLICY,
    Policy(retry_for=0.03),
    Policy(success_codes=(1,), give_up_on=("lost",)),
    Policy(retry_on=("timeout", "SIGTERM")),
)


@dataclass
class Modelled:
    """What ought to be true of one job."""

    seq: int
    spec: JobSpec
    due: int
    state: JobState = JobState.PENDING
    attempts: int = 0
    token: str | None = None
    holder: int | None = None
    unwanted: bool = False
    retry_until: int | None = None
    ended: int = 0
    is_put_off: bool = False  #: by a person, whose word counts more than the policy's
    path: list[JobState] = field(default_factory=lambda: [JobState.PENDING])

    def goes(self, *states: JobState) -> None:
        self.path += states
        self.state = states[-1]
        self.is_put_off = False
        if self.state is not JobState.PROCESSING:
            self.token = self.holder = None
            self.unwanted = False


class QueueMachine(RuleBasedStateMachine):
    """Two workers, two connections, five ids, one clock."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="queuectl-machine-")
        self.places = [self.engine.place(Path(self.directory.name, name)) for name in ("one", "new")]
        self.repositories = [self.places[0].open() for _ in range(2)]
        self.outside = self.places[0].outside()
        self.now = NOW
        self.jobs: dict[str, Modelled] = {}
        self.tokens: list[Lease] = []  # all that were ever given, for late writes
        self.workers: list[int] = []
        self.paused: set[str] = set()
        self.accepted = 0
        self.gone: list[int] = []  # numbers of the jobs that were pruned

    @initialize()
    def two_workers_join(self) -> None:
        for number, repository in enumerate(self.repositories):
            identity = WorkerIdentity(
                f"w{number}", "host", "boot", "ns", number, 1, 4, (), f"p{number}", repository.home
            )
            self.workers.append(repository.join(identity, now=self.now, ticks=1.0))

    def teardown(self) -> None:
        for job in self.jobs.values():
            event(f"a job ended as {job.state}")
        self._exported_and_imported_it_is_the_same()
        self.outside.close()
        for repository in self.repositories:
            repository.close()
        for place in self.places:
            place.remove()
        self.directory.cleanup()

    def _exported_and_imported_it_is_the_same(self) -> None:
        with closing(self.places[1].open()) as new:
            lines = exported(self.repositories[0])
            imported(new, lines, now=self.now)
            assert exported(new) == lines
        assert_sound(self.places[1].outside())

    def _is_paused(self, job: Modelled) -> bool:
        return bool(self.paused & {ALL, job.spec.queue})

    def _in_state(self, *states: JobState) -> list[Modelled]:
        return [job for job in self.jobs.values() if job.state in states]

    # -- rules ------------------------------------------------------------------------

    @rule(
        names=st.lists(IDS, min_size=1, max_size=5, unique=True) | st.lists(IDS, min_size=2, max_size=3),
        if_exists=st.sampled_from([*IfExists, IfExists.ERROR]),
        priority=st.integers(0, 2),
        delay=st.sampled_from([None, None, 0, 5, 50]),
        max_retries=st.integers(0, 3),
        queue=st.sampled_from(QUEUES),
        policy=st.sampled_from(POLICIES),
    )
    def enqueue(  # noqa: PLR0913, PLR0917 - as many facts as a specification has
        self,
        names: list[str],
        if_exists: IfExists,
        priority: int,
        delay: int | None,
        max_retries: int,
        queue: str,
        policy: Policy,
    ) -> None:
        run_at = None if delay is None else self.now + delay
        specs = [
            JobSpec(
                "true",
                id=name,
                priority=priority,
                run_at=run_at,
                max_retries=max_retries,
                queue=queue,
                tags=(name, queue),
                policy=policy,
            )
            for name in names
        ]
        taken = any(name in self.jobs for name in names) or len(set(names)) < len(names)
        running = any(job.state is JobState.PROCESSING for name, job in self.jobs.items() if name in names)
        refusal: type[errors.Conflict] | None = None
        if if_exists is IfExists.ERROR and taken:
            refusal = errors.JobExists
        if if_exists is IfExists.REPLACE and running:
            refusal = errors.WrongState
        if refusal:
            with pytest.raises(refusal):
                self.repositories[0].enqueue(specs, now=self.now, if_exists=if_exists)
            return
        self.repositories[0].enqueue(specs, now=self.now, if_exists=if_exists)
        for name, spec in zip(names, specs, strict=True):
            self._stored(name, spec, if_exists)

    def _stored(self, name: str, spec: JobSpec, if_exists: IfExists) -> None:
        due = self.now if spec.run_at is None else spec.run_at
        job = self.jobs.get(name)
        if job is None:
            self.accepted += 1
            self.jobs[name] = Modelled(self.repositories[0].get(name).seq, spec, due)
        elif if_exists is IfExists.REPLACE:
            job.spec, job.due, job.attempts, job.retry_until = spec, due, 0, None
            if job.state is not JobState.PENDING:
                job.goes(JobState.PENDING)

    @rule(
        worker=st.integers(0, 1),
        slots=st.integers(1, 3),
        queues=st.sampled_from([(), (), ("x",), ("y",), QUEUES]),
    )
    def claim(self, worker: int, slots: int, queues: tuple[str, ...]) -> None:
        turn = self.repositories[worker].turn(
            [], worker=self.workers[worker], slots=slots, queues=queues, now=self.now, lease_seconds=LEASE
        )
        ready = [
            job
            for job in self._in_state(JobState.PENDING)
            if job.due <= self.now and (not queues or job.spec.queue in queues) and not self._is_paused(job)
        ]
        ready.sort(key=lambda job: (-job.spec.priority, job.seq))
        assert [lease.job.seq for lease in turn.leases] == [job.seq for job in ready[:slots]]
        for lease, job in zip(turn.leases, ready, strict=False):
            assert lease.token not in {old.token for old in self.tokens}
            job.attempts += 1
            job.goes(JobState.PROCESSING)
            job.token, job.holder = lease.token, worker
            seconds = job.spec.policy.retry_for
            if seconds is not None and job.retry_until is None:
                job.retry_until = self.now + int(seconds * 1000)
            assert lease.job.retry_until == job.retry_until
            self.tokens.append(lease)

    def _judged(self, job: Modelled, outcome: Outcome, exit_code: int) -> tuple[Execution, Verdict]:
        code = None if outcome in {Outcome.LOST, Outcome.RETURNED} else exit_code
        execution = Execution(outcome, code, f"exit code {exit_code}" if exit_code else None, None, self.now, 0.5)
        most, asked = job.spec.max_retries or 0, job.spec.policy
        policy = RetryPolicy(most, base=0.003, cap=0.02, asked=asked, retry_until=job.retry_until)
        return execution, policy.judge(job.attempts, execution, now=self.now)

    def _settle(self, worker: int, lease: Lease, execution: Execution, verdict: Verdict) -> frozenset[str]:
        settlement = Settlement(lease.job.seq, lease.token, execution, verdict)
        return (
            self.repositories[worker]
            .turn([settlement], worker=self.workers[worker], slots=0, now=self.now, lease_seconds=LEASE)
            .refused
        )

    @precondition(lambda self: self._in_state(JobState.PROCESSING))
    @rule(
        data=st.data(),
        outcome=st.sampled_from([*Outcome, Outcome.EXITED, Outcome.EXITED]),
        exit_code=st.sampled_from([0, 1]),
    )
    def settle(self, data: st.DataObject, outcome: Outcome, exit_code: int) -> None:
        job = data.draw(st.sampled_from(self._in_state(JobState.PROCESSING)))
        lease = next(lease for lease in self.tokens if lease.token == job.token)
        execution, verdict = self._judged(job, outcome, exit_code)
        assert job.holder is not None
        assert self._settle(job.holder, lease, execution, verdict) == frozenset()
        self._ended(job, verdict)

    def _ended(self, job: Modelled, verdict: Verdict) -> None:
        if job.unwanted and isinstance(verdict, (Retry, Return)):
            job.attempts -= isinstance(verdict, Return)
            verdict = Cancel("cancelled")
        match verdict:
            case Complete() | Cancel():
                job.ended = self.now
                job.goes(verdict.state)
            case Retry():
                job.due = verdict.next_run_at
                job.goes(JobState.FAILED, JobState.PENDING)
            case Bury():
                job.ended = self.now
                job.goes(JobState.FAILED, JobState.DEAD)
            case Return():
                job.attempts -= 1
                job.retry_until = job.retry_until if job.attempts else None
                job.due = self.now
                job.goes(JobState.PENDING)

    def _late(self, data: st.DataObject, lease: Lease) -> None:
        verdicts: list[Verdict] = [Complete(), Retry(self.now, "late"), Bury("late"), Return(), Cancel("late")]
        verdict = data.draw(st.sampled_from(verdicts))
        execution = Execution(Outcome.EXITED, 0, "late", None, self.now + 1, 0.5)
        before = self._everything()
        assert self._settle(data.draw(st.integers(0, 1)), lease, execution, verdict) == {lease.token}
        assert self._everything() == before

    @precondition(lambda self: len(self.tokens) > len(self._in_state(JobState.PROCESSING)))
    @rule(data=st.data())
    def write_late_with_an_old_token(self, data: st.DataObject) -> None:
        valid = {job.token for job in self.jobs.values()}
        self._late(data, data.draw(st.sampled_from([lease for lease in self.tokens if lease.token not in valid])))

    @precondition(lambda self: self._in_state(JobState.PROCESSING))
    @rule(data=st.data(), write_late=st.booleans())
    def lose_the_lease(self, data: st.DataObject, *, write_late: bool) -> None:
        """Two rescuers see the same lease; one gets it, then the old worker comes back with its result."""
        job = data.draw(st.sampled_from(self._in_state(JobState.PROCESSING)))
        assert job.holder is not None
        held = self.repositories[0].leases_of(self.workers[job.holder])
        mine = [lease for lease in held if lease.job.seq == job.seq]
        assert [lease.token for lease in mine] == [job.token]
        first = data.draw(st.integers(0, 1))
        taken, nothing = (
            self.repositories[one].rescue(mine, worker=self.workers[one], now=self.now, lease_seconds=LEASE)
            for one in (first, 1 - first)
        )
        assert (len(taken), len(nothing)) == (1, 0)
        job.token, job.holder = taken[0].token, first
        self.tokens.append(taken[0])
        if write_late:
            self._late(data, mine[0])

    @precondition(lambda self: self._in_state(JobState.PROCESSING))
    @rule(data=st.data())
    def reclaim_and_then_write_late(self, data: st.DataObject) -> None:
        """The shortest way to a running job with a stale token: given back, claimed again, the old write."""
        job = data.draw(st.sampled_from(self._in_state(JobState.PROCESSING)))
        lease = next(lease for lease in self.tokens if lease.token == job.token)
        self.settle_as_returned(job, lease)
        self.claim(0, 3, ())
        self._late(data, lease)

    def settle_as_returned(self, job: Modelled, lease: Lease) -> None:
        execution, verdict = self._judged(job, Outcome.RETURNED, 0)
        assert self._settle(0, lease, execution, verdict) == frozenset()
        self._ended(job, verdict)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), everything=st.booleans())
    def retry_from_the_dead_letter_queue(self, data: st.DataObject, *, everything: bool) -> None:
        dead = self._in_state(JobState.DEAD)
        if not everything:
            chosen = data.draw(st.sampled_from(sorted(self.jobs)))
            if self.jobs[chosen].state is not JobState.DEAD:
                with pytest.raises(errors.WrongState):
                    self.repositories[1].retry(Filter(ids=(chosen,)), now=self.now)
                return
            dead = [self.jobs[chosen]]
        ids = () if everything else (str(dead[0].spec.id),)
        done = self.repositories[1].retry(Filter(ids=ids), now=self.now)
        assert list(done) == [job.spec.id for job in sorted(dead, key=lambda job: job.seq)]
        for job in dead:
            job.attempts, job.due, job.retry_until = 0, self.now, None
            job.goes(JobState.PENDING)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[chosen]
        if job.state in {JobState.COMPLETED, JobState.CANCELLED}:
            with pytest.raises(errors.WrongState):
                self.repositories[1].cancel(Filter(ids=(chosen,)), now=self.now, grace=1.0)
            return
        done = self.repositories[1].cancel(Filter(ids=(chosen,)), now=self.now, grace=1.0)
        if job.state is JobState.PROCESSING:
            assert done == ((), (chosen,))
            job.unwanted = True
        else:
            assert done == ((chosen,), ())
            job.ended = self.now
            job.goes(JobState.CANCELLED)

    @precondition(lambda self: self.jobs)
    @rule(
        data=st.data(),
        changes=st.fixed_dictionaries(
            {},
            optional={
                "queue": st.sampled_from(QUEUES),
                "priority": st.integers(0, 2),
                "max_retries": st.integers(0, 3),
                "delay": st.sampled_from([0, 5, 50]),
            },
        ),
    )
    def edit(self, data: st.DataObject, changes: dict[str, Any]) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[chosen]
        fields = {name: value for name, value in changes.items() if name != "delay"}
        if "delay" in changes:
            fields["run_at"] = self.now + changes["delay"]
        spec = job.spec._replace(**fields)
        if job.state is not JobState.PENDING or job.attempts >= max(1, spec.max_retries or 0):
            with pytest.raises(errors.WrongState):
                self.repositories[1].edit([chosen], Changes(fields), now=self.now, by="")
            return
        assert self.repositories[1].edit([chosen], Changes(fields), now=self.now, by="") == [chosen]
        job.spec, job.due = spec, fields.get("run_at", job.due)
        job.is_put_off |= "run_at" in fields

    @rule(repository=st.integers(0, 1), queues=st.sampled_from([("x",), ("y",), QUEUES, (ALL,)]))
    def pause(self, repository: int, queues: tuple[str, ...]) -> None:
        done = self.repositories[repository].pause(queues, now=self.now, by="")
        assert done == [queue for queue in queues if queue not in self.paused]
        self.paused |= set(queues)

    @precondition(lambda self: self.paused)
    @rule(repository=st.integers(0, 1), queues=st.sampled_from([("x",), ("y",), (ALL,), (ALL,)]))
    def resume(self, repository: int, queues: tuple[str, ...]) -> None:
        if ALL in self.paused and ALL not in queues:
            with pytest.raises(errors.WrongState):
                self.repositories[repository].resume(queues, now=self.now, by="")
            return
        lifted = self.paused if ALL in queues else self.paused.intersection(queues)
        assert self.repositories[repository].resume(queues, now=self.now, by="") == sorted(lifted)
        self.paused -= lifted

    @rule(
        age=st.sampled_from([None, 0, 1, 20]),
        states=st.sampled_from([(), tuple(FINAL), (JobState.COMPLETED,), (JobState.PENDING, JobState.DEAD)]),
        queues=st.sampled_from([(), (), ("x",)]),
        limit=st.integers(1, 3),
    )
    def prune(self, age: int | None, states: tuple[JobState, ...], queues: tuple[str, ...], limit: int) -> None:
        before = None if age is None else self.now - age
        which = Filter(states=states, queues=queues, finished_before=before)
        wanted = [
            job
            for job in self._in_state(*(FINAL.intersection(states) if states else FINAL))
            if (not queues or job.spec.queue in queues) and (before is None or job.ended < before)
        ]
        wanted.sort(key=lambda job: job.seq)
        pruned = self.repositories[1].prune(which, limit=limit)
        assert pruned.ids == tuple(job.spec.id for job in wanted[:limit])
        for name in pruned.ids:
            self.gone.append(self.jobs.pop(name).seq)

    @rule(milliseconds=st.sampled_from([1, 5, 20, 50, 1000]))
    def advance_the_clock(self, milliseconds: int) -> None:
        self.now += milliseconds

    @rule(worker=st.integers(0, 1))
    def renew(self, worker: int) -> None:
        repository = self.repositories[worker]
        assert repository.renew(self.workers[worker], now=self.now, ticks=2.0, lease_seconds=LEASE) == ""

    # -- what must hold ---------------------------------------------------------------

    def _everything(self) -> list[list[tuple[Any, ...]]]:
        return [
            self.outside.rows(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608 - constants
            for table in ("jobs", "history", "counts", "tags", "pruned", "leftovers")
        ]

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        rows = self.outside.rows(
            "SELECT id, seq, state, attempts, lease_token, cancel_grace IS NOT NULL FROM jobs ORDER BY id"
        )
        assert rows == [
            (name, job.seq, str(job.state), job.attempts, job.token, int(job.unwanted))
            for name, job in sorted(self.jobs.items())
        ]

    @invariant()
    def a_state_is_the_fold_of_its_history_by_allowed_steps(self) -> None:
        for job in self.jobs.values():
            steps = self.outside.rows("SELECT id, state, attempt FROM history WHERE job = ? ORDER BY id", job.seq)
            path = [JobState.PENDING, *(JobState(state) for _, state, _ in steps)]
            assert path == job.path
            assert path[-1] is job.state
            assert set(pairwise(path)) <= TRANSITIONS
            assert all(attempt >= 0 for _, _, attempt in steps)

    @invariant()
    def processing_means_a_token_and_a_lease_and_nothing_else_has_them(self) -> None:
        for state, *lease in self.outside.rows(
            "SELECT state, lease_token, lease_expires_at, worker_id, record FROM jobs"
        ):
            assert [fact is not None for fact in lease] == [state == "processing"] * 4

    @invariant()
    def final_means_finished(self) -> None:
        for state, finished_at, next_run_at in self.outside.rows("SELECT state, finished_at, next_run_at FROM jobs"):
            assert (finished_at is not None) == (JobState(state) in FINAL)
            assert (next_run_at is None) == (JobState(state) in FINAL)

    @invariant()
    def failed_is_only_passed_through(self) -> None:
        assert self.outside.rows("SELECT count(*) FROM jobs WHERE state = 'failed'") == [(0,)]

    @invariant()
    def attempts_stay_within_their_limit(self) -> None:
        bad = "SELECT id FROM jobs WHERE attempts NOT BETWEEN 0 AND runs OR (attempts > 1 AND attempts > max_retries)"
        assert self.outside.rows(bad) == []

    @invariant()
    def no_retry_is_due_after_its_time_unless_a_person_says_so(self) -> None:
        late = "SELECT id FROM jobs WHERE place = 'retrying' AND next_run_at > retry_until"
        assert {name for (name,) in self.outside.rows(late)} <= {n for n, job in self.jobs.items() if job.is_put_off}

    @invariant()
    def only_the_dead_have_a_signature_and_all_are_counted_by_it(self) -> None:
        signed = self.outside.rows("SELECT state FROM jobs WHERE signature IS NOT NULL")
        assert {state for (state,) in signed} <= {"dead"}
        kept = self.outside.rows("SELECT signature, jobs FROM dead_by_signature ORDER BY 1")
        real = "SELECT signature, count(*) FROM jobs WHERE state = 'dead' GROUP BY 1 ORDER BY 1"
        assert kept == self.outside.rows(real)

    @invariant()
    def no_two_jobs_share_a_token(self) -> None:
        ((tokens, different),) = self.outside.rows("SELECT count(lease_token), count(DISTINCT lease_token) FROM jobs")
        assert tokens == different

    @invariant()
    def the_counters_are_what_counting_would_find(self) -> None:
        kept = self.outside.rows("SELECT place, queue, jobs FROM tally ORDER BY 1, 2")
        real = self.outside.rows("SELECT place, queue, count(*) FROM jobs GROUP BY 1, 2 ORDER BY 1, 2")
        assert kept == real
        assert sum(jobs for _, _, jobs in kept) == len(self.jobs)

    @invariant()
    def the_dead_are_counted_by_what_they_died_of(self) -> None:
        kept = self.outside.rows("SELECT signature, jobs FROM dead_by_signature ORDER BY 1")
        real = "SELECT signature, count(*) FROM jobs WHERE state = 'dead' GROUP BY 1 ORDER BY 1"
        assert kept == self.outside.rows(real)
        astray = "SELECT id FROM jobs WHERE (state = 'dead') <> (signature IS NOT NULL)"
        assert not self.outside.rows(astray)

    @invariant()
    def accepted_is_what_is_there_and_what_was_pruned(self) -> None:
        counts = self.repositories[0].counts(now=self.now)
        assert counts.pruned == len(self.gone)
        assert self.accepted == sum(counts.states.values()) + counts.pruned

    @invariant()
    def nothing_is_left_of_a_pruned_job_but_the_note_about_its_logs(self) -> None:
        there = {job.seq for job in self.jobs.values()}
        assert {seq for (seq,) in self.outside.rows("SELECT DISTINCT job FROM history")} <= there
        assert {seq for (seq,) in self.outside.rows("SELECT seq FROM tags")} <= there
        assert sorted(seq for (seq,) in self.outside.rows("SELECT job FROM leftovers")) == sorted(self.gone)

    @invariant()
    def what_is_counted_as_ready_could_be_claimed(self) -> None:
        pending = self._in_state(JobState.PENDING)
        ready = [job for job in pending if job.due <= self.now]
        waiting = [job for job in pending if job.due > self.now]
        counts = self.repositories[1].counts(now=self.now)
        assert counts.ready == len(ready)
        assert counts.retrying == sum(job.attempts > 0 for job in waiting)
        assert counts.scheduled == sum(job.attempts == 0 for job in waiting)
        oldest = min(ready, key=lambda job: job.seq, default=None)
        assert counts.oldest_ready_since == (oldest and oldest.due)
        for queues in (["x"], []):
            outlook = self.repositories[0].outlook(queues, now=self.now)
            mine = [job for job in pending if (not queues or job.spec.queue in queues) and not self._is_paused(job)]
            assert outlook.ready == any(job.due <= self.now for job in mine)
            retries = [job.due for job in mine if job.due > self.now and job.attempts]
            # A retry that is due is found as ready; until a turn promotes it, it may be named here too.
            assert outlook.ready or outlook.next_retry == min(retries, default=None)


class QueueMachineOnSqlite(QueueMachine):
    """A store in a file."""

    engine = ENGINES["sqlite"]


class QueueMachineOnPostgres(QueueMachine):
    """A store in a schema."""

    engine = ENGINES["postgres"]


TestTheQueue = QueueMachineOnSqlite.TestCase
TestTheQueue.settings = settings(stateful_step_count=40)  # the number of examples is the profile's
TestTheQueueOnAServer = pytest.mark.postgres(QueueMachineOnPostgres.TestCase)
# To look for a smaller failure would make thousands of schemas.
TestTheQueueOnAServer.settings = settings(
    stateful_step_count=40, max_examples=few(), phases=set(Phase) - {Phase.shrink, Phase.explain}
)
