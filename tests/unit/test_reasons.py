"""Why a job stands where it does: what is said, in which order, and with which command."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl.model import Job, JobState, Transition
from queuectl.reasons import NOTHING, Printed, Reason, explain
from queuectl.repository.base import Worker, WorkerIdentity
from queuectl.repository.explaining import LOOK, Circumstances, Pause, Rival
from tests.views import NOW
from tests.views import job as running_job

SECOND = 1000
HOUR = 3600 * SECOND


def job(state: JobState = JobState.PENDING, **fields: Any) -> Job:
    """Return a job, pending and ready unless the test needs it otherwise."""
    plain: dict[str, Any] = {"id": "a", "state": state, "attempts": 0, "next_run_at": NOW - 5 * SECOND, "worker": None}
    return running_job(**plain | fields)


def worker(number: int = 1, *jobs: str, slots: int = 2, queues: tuple[str, ...] = (), stopping: str = "") -> Worker:
    """Return a worker that holds these jobs."""
    identity = WorkerIdentity(f"w{number}", "host", "boot", "ns", 4710 + number, 1, slots, queues, f"p{number}")
    return Worker(number, identity, NOW, NOW, 1.0, 60.0, stopping, jobs)


def found(one: Job, *workers: Worker, reason: str | None = "enqueued", **fields: Any) -> Circumstances:
    """Return a job with these workers."""
    last = Transition(one.updated_at, None, one.state, one.attempts, one.worker, reason, None)
    return Circumstances(one, last, workers, **fields)


def say(case: Circumstances, *, live: tuple[int, ...] | None = None, printed: Printed = NOTHING) -> list[Reason]:
    """Explain with all workers alive, unless the test says which."""
    alive = [one.id for one in case.workers] if live is None else live
    return list(explain(case, live=alive, now=NOW, printed=printed))


def codes(reasons: list[Reason]) -> list[str]:
    return [reason.code for reason in reasons]


# -- pending ---------------------------------------------------------------------------------


def test_of_a_ready_job_with_a_free_worker_nothing_stands_in_the_way() -> None:
    assert codes(say(found(job(), worker()))) == ["ready"]


def test_without_a_worker_one_is_to_be_started() -> None:
    assert say(found(job())) == [Reason("no_worker", "no worker is running", "worker start")]


def test_a_worker_that_is_dead_is_none() -> None:
    assert codes(say(found(job(), worker()), live=())) == ["no_worker"]


def test_workers_of_other_queues_do_not_help() -> None:
    (reason,) = say(found(job(queue="mail"), worker(1, queues=("b", "a")), worker(2, queues=("b",))))
    assert reason == Reason(
        "queue_not_served", "no live worker serves queue 'mail': they serve a, b", "worker start --queue mail"
    )


def test_workers_that_stop_claim_nothing_more() -> None:
    (reason,) = say(found(job(), worker(1, "x", stopping="graceful"), worker(2, queues=("other",))))
    assert (reason.code, reason.message) == (
        "workers_stopping",
        "worker 'w1' is stopping and will claim nothing more",
    )


def test_workers_that_hang_claim_nothing() -> None:
    hung = worker(1)._replace(heartbeat_at=NOW - 61 * SECOND)
    (reason,) = say(found(job(), hung, worker(2, queues=("other",))))
    assert reason == Reason(
        "workers_silent", "worker 'w1' has given no sign of life for longer than the lease", "worker start"
    )
    assert codes(say(found(job(), hung, worker(2, stopping="now")))) == ["workers_stopping"]
    assert codes(say(found(job(), hung, worker(2)))) == ["ready"]


def test_a_job_for_later_says_when_it_is_due_and_what_else_will_stand_in_its_way() -> None:
    due, missing = say(found(job(next_run_at=NOW + HOUR)))
    assert due == Reason(
        "scheduled",
        "it does not start before 2026-11-24T14:30:05.123Z, in 1h 00m: it was enqueued for later",
        "edit --delay 0s a",
    )
    assert missing.code == "no_worker"


def test_a_job_that_was_put_back_for_later_says_who_did_it() -> None:
    case = found(job(next_run_at=NOW + 1), worker(), reason="retried from the Dead Letter Queue by me@here")
    (reason,) = say(case)
    assert reason.message.endswith("in 1s: it was retried from the Dead Letter Queue by me@here, for later")


def test_a_retry_says_what_failed_and_when_it_is_due() -> None:
    case = found(job(attempts=1, next_run_at=NOW + 2500, error="exit code 7"), worker(), reason="exit code 7")
    (reason,) = say(case)
    assert reason.code == "retrying"
    assert (
        reason.message == "attempt 1 of 3 failed (exit code 7); the next one starts at 2026-11-24T13:30:07.623Z, in 3s"
    )


def test_a_pause_says_by_whom_since_when_and_how_to_lift_it() -> None:
    pauses = (Pause("", NOW - HOUR, ""), Pause("a b", NOW - 90 * SECOND, "me@here"))
    everything, one = say(found(job(queue="a b"), worker(), pauses=pauses))
    assert everything == Reason("all_paused", "all queues are paused, for 1h 00m now", "resume --all")
    assert one == Reason("queue_paused", "queue 'a b' is paused by me@here, for 1m 30s now", "resume --all")
    (one,) = say(found(job(queue="a b"), worker(), pauses=pauses[1:]))
    assert one.command == "resume 'a b'"


def test_busy_slots_name_what_runs_in_them_and_how_many_jobs_go_first() -> None:
    busy, behind = say(
        found(job(), worker(1, "x", "y"), worker(2, "z", slots=1, queues=("default",)), ahead={"default": 2, "q": 1})
    )
    assert busy == Reason("slots_busy", "all 3 slots of the workers w1, w2 are busy: x, y, z", "worker start")
    assert behind == Reason("behind", "3 jobs are ahead of it in line, by priority or by age", "edit --priority 1 a")


def test_a_single_slot_is_named_as_one() -> None:
    busy, behind = say(found(job(), worker(1, "x", slots=1), ahead={"default": 1}))
    assert busy.message == "the slot of worker 'w1' is busy: x"
    assert behind.message == "1 job is ahead of it in line, by priority or by age"


def test_many_running_jobs_are_not_all_named() -> None:
    (busy,) = say(found(job(), worker(1, *"abcdefg", slots=7)))
    assert busy.message.endswith("are busy: a, b, c, d and 3 more")


def test_jobs_that_no_worker_of_the_queue_takes_are_not_ahead() -> None:
    busy, behind = say(
        found(job(), worker(1, "x", slots=1, queues=("default",)), worker(2), ahead={"default": 1, "q": 4}), live=(1,)
    )
    assert busy.code == "slots_busy"
    assert behind.message.startswith("1 job is")


def test_a_free_slot_for_all_that_go_first_is_no_reason_to_wait() -> None:
    assert codes(say(found(job(), worker(slots=4), ahead={"default": 3}))) == ["ready"]
    assert codes(say(found(job(), worker(slots=4), ahead={"default": 4}))) == ["behind"]


def test_a_count_that_was_cut_says_so() -> None:
    (behind,) = say(found(job(), worker(), ahead={"default": LOOK}, ahead_is_cut=True))
    assert behind.message.startswith("more than 10,000 jobs are ahead")


# -- processing ------------------------------------------------------------------------------


def test_a_running_job_says_where_since_when_until_when_and_what_it_printed() -> None:
    one = job(JobState.PROCESSING, attempts=2, started_at=NOW - 12 * SECOND, timeout=60.0, worker="w1")
    who, limit, printed = say(found(one, worker(1, "a"), holder=1), printed=Printed("50 %", NOW - 3 * SECOND))
    assert who == Reason(
        "running",
        "worker 'w1' (pid 4711 on host) runs attempt 2 of 3 since 2026-11-24T13:29:53.123Z, for 12s",
        "logs -f a",
    )
    assert (limit.code, limit.message) == (
        "timeout",
        "it is stopped in 48s if it has not ended by then: it was given 1m 00s",
    )
    assert (printed.code, printed.message) == ("output", "it printed last 3s ago: 50 %")


def test_a_running_job_without_output_says_so() -> None:
    one = job(JobState.PROCESSING, attempts=1)
    assert say(found(one, worker(1, "a"), holder=1))[-1].message == "it has printed nothing so far"


def test_a_job_whose_worker_is_gone_waits_for_the_next_one() -> None:
    one = job(JobState.PROCESSING, attempts=1, worker="w1")
    (alone,) = say(found(one, worker(1, "a"), holder=1), live=())
    assert (alone.code, alone.command) == ("worker_gone", "worker start")
    assert "its worker 'w1' is gone" in alone.message
    (helped, *_) = say(found(one, worker(1, "a"), worker(2), holder=1), live=(2,))
    assert (helped.code, helped.command) == ("worker_gone", None)


def test_a_job_whose_worker_hangs_is_taken_over_by_another_one() -> None:
    one, hung = job(JobState.PROCESSING, attempts=1), worker(1, "a")._replace(heartbeat_at=NOW - 90 * SECOND)
    reason = say(found(one, hung, holder=1))[1]
    assert (reason.code, reason.command) == ("worker_silent", "worker start")
    assert reason.message == "that worker has given no sign of life for 1m 30s: another one takes the job over"
    assert say(found(one, hung, worker(2), holder=1))[1].command is None


def test_a_wanted_cancellation_says_what_is_being_done() -> None:
    one = job(JobState.PROCESSING, attempts=1)
    reason = say(found(one, worker(1, "a"), holder=1, cancel_grace=5.0))[1]
    assert (reason.code, reason.command) == ("cancel_asked", "cancel --grace 0 a")
    assert "gets TERM, and KILL 5s later" in reason.message


def test_a_job_that_has_run_too_long_says_so() -> None:
    one = job(JobState.PROCESSING, attempts=1, started_at=NOW - 61 * SECOND, timeout=60.0)
    assert say(found(one, worker(1, "a"), holder=1))[1].message == "its time is up: it was given 1m 00s"


# -- ended -----------------------------------------------------------------------------------


def test_a_completed_job_says_when_and_how_long_it_took() -> None:
    one = job(JobState.COMPLETED, attempts=1, finished_at=NOW - HOUR, duration_seconds=0.25)
    assert say(found(one)) == [
        Reason(
            "completed",
            "its command succeeded at 2026-11-24T12:30:05.123Z, 1h 00m ago, after 0.2s in attempt 1",
            "retry a",
        )
    ]


def test_a_dead_job_says_why_and_who_else_died_of_it() -> None:
    one = job(JobState.DEAD, attempts=3, finished_at=NOW - HOUR, error="exit code 7", signature="exit code #")
    dead, printed, same = say(found(one, reason="exit code 7", others=41), printed=Printed("no such host"))
    assert dead.message == "it gave up at 2026-11-24T12:30:05.123Z, 1h 00m ago, after 3 attempts: exit code 7"
    assert dead.command == "dlq retry a"
    assert printed == Reason("output", "it printed last: no such host", "logs a")
    assert same == Reason("same_error", "41 other jobs died of the same: exit code #", "dlq list --group")


def test_a_cancelled_job_says_by_whom() -> None:
    one = job(JobState.CANCELLED, finished_at=NOW)
    (reason,) = say(found(one, reason="cancelled by me@here"))
    assert reason.message == "it was cancelled by me@here at 2026-11-24T13:30:05.123Z, 0s ago"
    assert reason.command == "retry a"


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.DEAD, JobState.CANCELLED])
def test_an_ended_job_whose_key_is_taken_says_who_has_it(state: JobState) -> None:
    reason = say(found(job(state, unique_key="k"), rival=Rival("-b", JobState.PROCESSING)))[-1]
    assert reason.code == "unique_key_taken"
    assert reason.message.startswith("job '-b', which is processing, has its unique key 'k'")
    assert reason.command == "explain -- -b"


def test_an_id_goes_into_a_command_as_a_shell_takes_it() -> None:
    assert say(found(job(JobState.DEAD, id="it's $x")))[0].command == """dlq retry 'it'"'"'s $x'"""
    assert say(found(job(JobState.DEAD, id="-rf")))[0].command == "dlq retry -- -rf"


# -- always ----------------------------------------------------------------------------------

instants = st.integers(0, NOW * 2)
workers = st.builds(
    lambda number, held, slots, queues, stopping: worker(
        number, *held, slots=slots, queues=tuple(queues), stopping=stopping
    ),
    st.integers(1, 5),
    st.lists(st.text(max_size=3), max_size=4),
    st.integers(1, 3),
    st.lists(st.sampled_from(["default", "mail"]), max_size=2),
    st.sampled_from(["", "graceful", "now"]),
)
cases = st.builds(
    lambda one, some, last, **fields: found(one, *some, reason=last, **fields),
    st.builds(
        job,
        st.sampled_from(JobState),
        attempts=st.integers(0, 5),
        max_retries=st.integers(0, 5),
        next_run_at=st.none() | instants,
        started_at=st.none() | instants,
        finished_at=st.none() | instants,
        timeout=st.none() | st.floats(0.001, 1e9),
        duration_seconds=st.none() | st.floats(0, 1e9),
        error=st.none() | st.text(),
        queue=st.sampled_from(["default", "mail"]),
        unique_key=st.none() | st.text(),
    ),
    st.lists(workers, max_size=4),
    st.none() | st.text(),
    holder=st.none() | st.integers(1, 5),
    cancel_grace=st.none() | st.floats(0, 1e9),
    pauses=st.lists(
        st.builds(Pause, st.sampled_from(["", "mail"]), instants, st.text()),
        max_size=2,
        unique_by=lambda one: one.queue,
    ).map(tuple),
    ahead=st.dictionaries(st.sampled_from(["default", "mail"]), st.integers(0, LOOK)),
    ahead_is_cut=st.booleans(),
    rival=st.none() | st.builds(Rival, st.text(min_size=1), st.sampled_from([JobState.PENDING, JobState.PROCESSING])),
    others=st.integers(0, 10**6),
)


@given(cases, st.sets(st.integers(1, 5)), st.builds(Printed, st.text(), st.none() | instants))
def test_whatever_there_is_something_is_said_and_nothing_twice(
    case: Circumstances, live: set[int], printed: Printed
) -> None:
    reasons = list(explain(case, live=live, now=NOW, printed=printed))
    assert reasons
    assert all(reason.message and reason.command != "" for reason in reasons)
    said = [(reason.code, reason.message) for reason in reasons]
    assert len(set(said)) == len(said)


@given(cases, st.sets(st.integers(1, 5)))
def test_a_job_is_called_ready_only_if_nothing_else_is_said(case: Circumstances, live: set[int]) -> None:
    said = [reason.code for reason in explain(case, live=live, now=NOW)]
    if "ready" in said:
        assert said == ["ready"]
        assert case.job.state is JobState.PENDING
        assert not case.pauses
