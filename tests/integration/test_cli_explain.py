"""`queuectl explain` without a process: what it reads from the store, and how it says it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from queuectl.cli import output
from queuectl.model import Bury, Execution, JobSpec, Outcome
from queuectl.repository import explaining
from queuectl.repository.acting import ALL
from queuectl.repository.base import Filter, Settlement, WorkerIdentity
from queuectl.repository.explaining import Pause, Rival
from queuectl.repository.sqlite import SqliteRepository
from queuectl.worker.logs import log_path
from queuectl.worker.presence import Presence

if TYPE_CHECKING:
    from typing import Any

    from queuectl.repository.protocol import JobRepository
    from tests.integration.conftest import CommandLine

NOW = 1_800_000_000_000
HOUR = 3_600_000
WORKER = WorkerIdentity("w1", "host", "boot", "ns", 4711, 1, 2, (), "p1")


def _enqueue(repository: JobRepository, *ids: str, **fields: Any) -> None:
    repository.enqueue([JobSpec("true", id=name, **fields) for name in ids], now=NOW)


def _bury(repository: JobRepository, signature: str) -> None:
    worker = repository.join(WORKER, now=NOW, ticks=1.0)
    turn = repository.turn([], worker=worker, slots=1000, now=NOW, lease_seconds=60)
    execution = Execution(Outcome.EXITED, 1, "exit code 1", NOW, NOW, 0.1)
    done = [Settlement(one.job.seq, one.token, execution, Bury("exit code 1", signature)) for one in turn.leases]
    repository.turn(done, worker=worker, slots=0, now=NOW, lease_seconds=60)


# -- what decides ----------------------------------------------------------------------------


def test_ahead_is_what_has_a_higher_priority_or_was_enqueued_before(repository: JobRepository) -> None:
    _enqueue(repository, "first")
    _enqueue(repository, "mail", queue="mail")
    _enqueue(repository, "low", priority=-1)
    _enqueue(repository, "a")
    _enqueue(repository, "later")
    _enqueue(repository, "urgent", "urgent-too", priority=9)
    found = repository.circumstances("a", now=NOW)
    assert dict(found.ahead) == {"default": 3, "mail": 1}
    assert not found.ahead_is_cut
    assert dict(repository.circumstances("urgent", now=NOW).ahead) == {"default": 0, "mail": 0}


def test_jobs_that_have_become_due_unseen_are_ahead_too(repository: JobRepository) -> None:
    _enqueue(repository, "due", "not-due", run_at=NOW + HOUR)
    _enqueue(repository, "never", run_at=NOW + 9 * HOUR)
    _enqueue(repository, "a")
    assert dict(repository.circumstances("a", now=NOW + HOUR).ahead) == {"default": 2}
    assert not any(repository.circumstances("a", now=NOW).ahead.values())
    assert dict(repository.circumstances("not-due", now=NOW + HOUR).ahead) == {"default": 1}


def test_for_a_job_that_is_not_due_there_is_no_line(repository: JobRepository) -> None:
    _enqueue(repository, "first")
    _enqueue(repository, "a", run_at=NOW + HOUR)
    assert dict(repository.circumstances("a", now=NOW).ahead) == {}


def test_counting_ends_at_its_bound(repository: JobRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "LOOK", 5)
    _enqueue(repository, *"bcdefg", queue="mail")
    _enqueue(repository, *"hij")
    _enqueue(repository, "a")
    found = repository.circumstances("a", now=NOW)
    assert dict(found.ahead) == {"default": 3, "mail": 2}
    assert found.ahead_is_cut


def test_paused_queues_are_told_and_hold_nobody_up(repository: JobRepository) -> None:
    _enqueue(repository, "m", queue="mail")
    _enqueue(repository, "a")
    repository.pause(["mail"], now=NOW, by="me@here")
    assert repository.circumstances("a", now=NOW).pauses == ()
    assert repository.circumstances("m", now=NOW).pauses == (Pause("mail", NOW, "me@here"),)
    assert not any(repository.circumstances("a", now=NOW).ahead.values())
    repository.pause([ALL], now=NOW, by="")
    assert [pause.queue for pause in repository.circumstances("m", now=NOW).pauses] == ["", "mail"]


def test_of_a_running_job_its_worker_and_a_wanted_cancellation_are_known(repository: JobRepository) -> None:
    _enqueue(repository, "a")
    worker = repository.join(WORKER, now=NOW, ticks=1.0)
    repository.turn([], worker=worker, slots=1, now=NOW, lease_seconds=60)
    found = repository.circumstances("a", now=NOW)
    assert (found.holder, found.cancel_grace, found.last.reason) == (worker, None, "claimed")
    assert found.workers == tuple(repository.workers())
    repository.cancel(Filter(ids=("a",)), now=NOW, grace=2.5, by="me")
    assert repository.circumstances("a", now=NOW).cancel_grace == 2.5


def test_of_a_dead_job_the_others_of_its_group_and_the_holder_of_its_key_are_known(
    repository: JobRepository,
) -> None:
    _enqueue(repository, "a", unique_key="k")
    _enqueue(repository, "b", "c")
    _bury(repository, "exit code #")
    _enqueue(repository, "d")
    _bury(repository, "something else")
    found = repository.circumstances("a", now=NOW)
    assert (found.others, found.rival, found.last.reason) == (2, None, "exit code 1")
    assert repository.circumstances("d", now=NOW).others == 0
    _enqueue(repository, "e", unique_key="k")
    assert repository.circumstances("a", now=NOW).rival == Rival("e", repository.get("e").state)
    assert repository.circumstances("e", now=NOW).rival is None


# -- the command -----------------------------------------------------------------------------


def test_a_pipe_gets_a_line_a_reason(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "true")
    assert run("explain", "a") == "no_worker\tno worker is running\tqueuectl worker start\n"
    run("-q", "enqueue", "--id", "later", "--delay", "1h", "true")
    due, missing = run("explain", "later").splitlines()
    assert due.startswith("scheduled\tit does not start before 2")
    assert due.endswith("\tqueuectl edit --delay 0s later")
    assert missing.startswith("no_worker\t")


def test_json_is_one_document(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "alpha", "true")
    assert run.json("explain", "al") == {
        "id": "alpha",
        "state": "pending",
        "reasons": [{"code": "no_worker", "message": "no worker is running", "command": "queuectl worker start"}],
    }


def test_commands_name_the_same_store(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "true")
    assert run("explain", "a", "--db", "queue.db").endswith("\tqueuectl --db queue.db worker start\n")


def test_a_live_worker_counts(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "true")
    run("-q", "enqueue", "--id", "b", "true")
    store = SqliteRepository(run.database)
    presence = Presence(store.directory)
    try:
        number = store.join(WORKER._replace(slots=1, presence=presence.name), now=NOW, ticks=1.0)
        assert run("explain", "a").startswith("ready\t")
        store.turn([], worker=number, slots=1, now=NOW * 2, lease_seconds=60)
        log = log_path(store.directory, 1, 1)
        log.parent.mkdir(parents=True)
        log.write_bytes(b"step 1\nstep \x1b[2J\n")
        running, printed = run.json("explain", "a")["reasons"]
        assert running["code"] == "running"
        assert running["message"].startswith("worker 'w1' (pid 4711 on host) runs attempt 1 of 3 since ")
        assert printed["message"].endswith(" ago: step \x1b[2J")
        assert "\x1b" not in run("explain", "a")
        busy = run.json("explain", "b")["reasons"]
        assert [reason["code"] for reason in busy] == ["slots_busy"]
        assert busy[0]["message"] == "the slot of worker 'w1' is busy: a"
    finally:
        presence.close()
        store.close()


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_terminal_gets_sentences_with_the_commands_below_them(run: CommandLine, width: int) -> None:
    run("-q", "enqueue", "--id", "a", "-Q", "mail", "[bold]x :fire:")
    run("-q", "enqueue", "--id", "[bold]b", "--delay", "2h", "true")
    run.on_terminal(width)
    shown = run("explain", "a").splitlines()
    assert shown[0].split() == ["a", "·" if output.speaks_unicode() else ".", "pending"]
    assert "  No worker is running." in " ".join(line.rstrip() for line in shown) or width == 20
    assert "    queuectl worker start" in shown
    assert all(len(line.rstrip()) <= width for line in shown if "queuectl" not in line)
    assert run("explain", "[bold]b").startswith("[bold]b")


def test_no_value_of_an_environment_is_shown(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "-e", "SECRET=hunter2", "true")
    run.settle("dead")
    assert "hunter2" not in run("explain", "a") + json.dumps(run.json("explain", "a"))


def test_what_is_not_there_is_not_found(run: CommandLine) -> None:
    run.error("explain", "a", code=3)
    run("-q", "enqueue", "--id", "a1", "true")
    run("-q", "enqueue", "--id", "a2", "true")
    run.error("explain", "a", code=3)
    run.error("explain", code=2)
