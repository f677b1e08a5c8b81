"""The policy of a single job on its way: typed, stored, claimed, shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings

from queuectl.model import (
    NO_POLICY,
    Bury,
    Execution,
    Job,
    JobSpec,
    JobState,
    Outcome,
    Policy,
    Retry,
    Return,
    Verdict,
)
from queuectl.repository.base import Filter, IfExists, Lease, Settlement, WorkerIdentity
from queuectl.worker.judge import Judge
from queuectl.worker.runs import Over
from queuectl.worker.said import wish_name
from queuectl.worker.task import Task
from tests.strategies import policies_of_jobs

if TYPE_CHECKING:
    from queuectl.repository.protocol import JobRepository
    from queuectl.worker.process import Shim
    from tests.integration.conftest import CommandLine

NOW = 1_800_000_000_000
WORKER = WorkerIdentity("w", "h", "b", "n", 1, 1, 4, (), "p")
ALL = Policy((0, 3), ("75", "SIGKILL"), ("lost", "64"), 600.0, 0.5, 7200.0)


# -- stored ----------------------------------------------------------------------------------------


class Hands:
    """A worker of the store."""

    def __init__(self, repository: JobRepository) -> None:
        self.repository = repository
        self.worker = repository.join(WORKER, now=NOW, ticks=0.0)

    def claim(self, *, now: int = NOW) -> Lease:
        (lease,) = self.repository.turn([], worker=self.worker, slots=1, now=now, lease_seconds=60).leases
        return lease

    def settle(self, lease: Lease, verdict: Verdict, *, now: int = NOW) -> Job:
        outcome = Outcome.RETURNED if isinstance(verdict, Return) else Outcome.EXITED
        execution = Execution(outcome, 1, "exit code 1", now, now, 0.1)
        done = Settlement(lease.job.seq, lease.token, execution, verdict)
        assert not self.repository.turn([done], worker=self.worker, slots=0, now=now, lease_seconds=60).refused
        return self.repository.get(lease.job.id)


@pytest.fixture
def hands(repository: JobRepository) -> Hands:
    return Hands(repository)


@given(policies_of_jobs)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_policy_comes_back_as_it_was_stored(repository: JobRepository, policy: Policy) -> None:
    (done,) = repository.enqueue([JobSpec("true", policy=policy)], now=NOW)
    assert repository.get(done.id).policy == policy


def test_a_job_without_a_policy_comes_back_with_the_one_that_asks_for_nothing(hands: Hands) -> None:
    hands.repository.enqueue([JobSpec("true", id="a")], now=NOW)
    assert hands.claim().job.policy is NO_POLICY


def test_a_replaced_job_has_the_policy_of_the_new_specification(repository: JobRepository) -> None:
    repository.enqueue([JobSpec("true", id="a", policy=ALL)], now=NOW)
    repository.enqueue([JobSpec("true", id="a")], now=NOW, if_exists=IfExists.REPLACE)
    assert repository.get("a").policy is NO_POLICY


def test_the_time_for_retries_begins_with_the_first_claim(hands: Hands) -> None:
    hands.repository.enqueue([JobSpec("true", id="a", policy=ALL)], now=NOW - 5000)
    assert hands.repository.get("a").retry_until is None
    first = hands.claim()
    assert first.job.retry_until == NOW + 7_200_000
    hands.settle(first, Retry(NOW + 1, "exit code 1"))
    assert hands.claim(now=NOW + 9000).job.retry_until == NOW + 7_200_000


def test_without_retry_for_there_is_no_last_moment(hands: Hands) -> None:
    hands.repository.enqueue([JobSpec("true", policy=ALL._replace(retry_for=None))], now=NOW)
    assert hands.claim().job.retry_until is None


def test_a_first_attempt_that_was_given_back_does_not_begin_the_time(hands: Hands) -> None:
    hands.repository.enqueue([JobSpec("true", id="a", policy=ALL)], now=NOW)
    assert hands.settle(hands.claim(), Return()).retry_until is None
    assert hands.claim(now=NOW + 9000).job.retry_until == NOW + 9000 + 7_200_000


def test_a_later_attempt_that_was_given_back_does_not_begin_it_anew(hands: Hands) -> None:
    hands.repository.enqueue([JobSpec("true", id="a", policy=ALL)], now=NOW)
    hands.settle(hands.claim(), Retry(NOW, "exit code 1"))
    assert hands.settle(hands.claim(now=NOW + 1), Return(), now=NOW + 1).retry_until == NOW + 7_200_000


def test_a_dead_job_that_a_person_retries_gets_its_time_again_and_has_no_signature(hands: Hands) -> None:
    hands.repository.enqueue([JobSpec("true", id="a", policy=ALL)], now=NOW)
    dead = hands.settle(hands.claim(), Bury("exit code 1; too late", "cannot open <path>"))
    assert (dead.state, dead.error, dead.signature) == (JobState.DEAD, "exit code 1", "cannot open <path>")
    hands.repository.retry(Filter(ids=("a",)), now=NOW)
    again = hands.repository.get("a")
    assert (again.retry_until, again.signature) == (None, None)
    assert hands.claim(now=NOW + 9000).job.retry_until == NOW + 9000 + 7_200_000


def test_the_dead_can_be_found_by_what_they_died_of(hands: Hands) -> None:
    for name, signature in (("a", "no <path>"), ("b", "no <path>"), ("c", "bad <n>")):
        hands.repository.enqueue([JobSpec("true", id=name)], now=NOW)
        hands.settle(hands.claim(), Bury("exit code 1", signature))
    found = hands.repository.list(Filter(signature="no <path>")).jobs
    assert [job.id for job in found] == ["a", "b"]


# -- typed and shown -------------------------------------------------------------------------------


OPTIONS = (
    "--success-codes", "0, 3", "--retry-on", "75,kill", "--give-up-on", "lost", "--give-up-on", "64",
    "--backoff-max", "10m", "--backoff-jitter", "0.5", "--retry-for", "2h",
)  # fmt: skip
FIELDS: dict[str, Any] = {
    "success_codes": [0, 3],
    "retry_on": [75, "SIGKILL"],
    "give_up_on": ["lost", 64],
    "backoff_max": 600,
    "backoff_jitter": 0.5,
    "retry_for": 7200,
}


def test_options_make_a_policy(run: CommandLine) -> None:
    run("enqueue", "--id", "a", *OPTIONS, "true")
    assert run.job("a").policy == ALL


def test_json_makes_the_same_policy(run: CommandLine) -> None:
    run("enqueue", json.dumps({"id": "a", "command": "true", **FIELDS}))
    assert run.job("a").policy == ALL


def test_options_come_before_the_fields_of_json_one_by_one(run: CommandLine) -> None:
    run("enqueue", json.dumps([{"id": "a", "command": "x", **FIELDS}, {"id": "b", "command": "x"}]), "--retry-on", "7")
    assert run.job("a").policy == ALL._replace(retry_on=("7",))
    assert run.job("b").policy == Policy(retry_on=("7",))


def test_an_option_that_contradicts_a_field_is_refused(run: CommandLine) -> None:
    message, hint = run.error("enqueue", json.dumps({"command": "x", **FIELDS}), "--retry-on", "lost", code=2)
    assert message == "give_up_on: lost stands in retry_on too"
    assert hint == "name an ending in one of these fields only"


@pytest.mark.parametrize(
    ("option", "value", "message", "hint"),
    [
        ("--retry-on", "75,SIGKIL", "retry_on[1]: 'SIGKIL' is no ending of a command", "did you mean 'SIGKILL'?"),
        ("--retry-on", "", "retry_on[0]: '' is no ending of a command", "give exit codes"),
        ("--success-codes", "0,300", "success_codes[1]: 300 is not an exit code", "0 to 255"),
        ("--success-codes", "9" * 300, "success_codes[0]: 99999999999999999999 is not", "0 to 255"),
        ("--give-up-on", "0", "give_up_on: exit code 0 means success", "one of these fields"),
        ("--backoff-jitter", "2", "backoff_jitter: 2.0 is not a number from 0 to 1", "chance"),
        ("--backoff-max", "x", "--backoff-max: 'x' is not a duration", "write a duration"),
        ("--retry-for", "0", "retry_for: 0 is no time to try again in", "max_retries 1"),
    ],
    ids=str,
)
def test_a_bad_option_is_refused_with_the_way_out(
    run: CommandLine, option: str, value: str, message: str, hint: str
) -> None:
    said, way_out = run.error("enqueue", option, value, "true", code=2)
    assert said.startswith(message)
    assert hint in str(way_out)
    assert not run.database.exists()


@pytest.mark.parametrize("words", [("list",), ("show", "a")], ids=str)
def test_json_shows_the_policy_as_a_specification_has_it(run: CommandLine, words: tuple[str, ...]) -> None:
    run("enqueue", "--id", "a", *OPTIONS, "true")
    shown = run.json(*words)
    job = shown[0] if words == ("list",) else shown
    assert {name: job[name] for name in FIELDS} == FIELDS
    assert (job["retry_until"], job["signature"]) == (None, None)


def test_a_job_without_a_policy_shows_empty_fields(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "true")
    job = run.json("show", "a")
    assert {name: job[name] for name in FIELDS} == {
        "success_codes": [],
        "retry_on": [],
        "give_up_on": [],
        "backoff_max": None,
        "backoff_jitter": None,
        "retry_for": None,
    }


def test_show_names_what_was_asked_for_and_nothing_else(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "--retry-on", "75,timeout", "true")
    shown = run("show", "a")
    assert "retry_on:\t75, timeout\n" in shown
    assert "give_up_on" not in shown


def test_a_dead_job_shows_its_signature(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "true")
    run.settle("dead")
    assert run.json("show", "a")["signature"] == "exit code 1"


# -- what a run said about the next ------------------------------------------------------------------


@pytest.mark.parametrize("is_ours", [True, False])
def test_what_a_run_said_goes_once_it_is_written_and_stays_for_whoever_has_the_run_now(
    repository: JobRepository, *, is_ours: bool
) -> None:
    repository.enqueue([JobSpec("exit 75")], now=NOW)
    lease = Hands(repository).claim()
    wish = repository.directory / wish_name(lease.job.seq, lease.run)
    wish.parent.mkdir(parents=True)
    wish.write_text("600", encoding="ascii")
    judge = Judge(repository)
    ended = Execution(Outcome.EXITED, 75, "exit code 75", NOW // 1000, NOW, 1.0)
    settlement = judge.settle(Over(Task(lease, cast("Shim", None), 0), ended))
    assert settlement.verdict == Retry(NOW + 600_000, "exit code 75; it asked to wait 10m 00s")
    if not is_ours:
        judge.disown()
    judge.written(())  # of the turns that follow
    assert wish.exists() is not is_ours
