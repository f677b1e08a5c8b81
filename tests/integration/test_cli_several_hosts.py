"""The command line on one of several hosts that share a store: whom and what it sees of the others."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from queuectl import clock, errors
from queuectl.cli.following import follow
from queuectl.model import Bury, Complete, Execution, JobState, Outcome
from queuectl.repository.base import Settlement, WorkerIdentity
from queuectl.repository.sqlite import SqliteRepository
from queuectl.worker.logs import Log, log_path
from queuectl.worker.trust import check_trust
from tests.integration.test_several_hosts import Site
from tests.shared import KEPT, SharedRepository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.conftest import CommandLine

FAR = WorkerIdentity("far-worker", "far", "its boot", "pid:[1]", 7, 1, 1, (), "its-pipe", "there")


@pytest.fixture
def site(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A store that is shared, on which the command line works as one of the hosts."""
    monkeypatch.setattr("queuectl.repository.open_repository", lambda _url, **_: SharedRepository(run.database, "here"))
    with ExitStack() as stack:
        site = Site(run.home, stack)
        yield site
        site.close()


def ran_elsewhere(site: Site, output: bytes, *, is_dead: bool = False) -> str:
    """Let a worker of another host run a job that prints this."""
    job, far = site.enqueue("false"), site.seen_from("there")
    now = clock.now()
    worker = far.join(FAR, now=now, ticks=1.0)
    (lease,) = far.turn([], worker=worker, slots=1, queues=(), now=now, lease_seconds=60).leases
    execution = Execution(Outcome.EXITED, int(is_dead), "exit code 1" if is_dead else None, now, now, 0.1)
    end = Settlement(lease.job.seq, lease.token, execution, Bury("exit code 1") if is_dead else Complete(), output)
    far.turn([end], worker=worker, slots=0, queues=(), now=now, lease_seconds=60)
    return job


# -- what was printed elsewhere -------------------------------------------------------


def test_the_end_of_what_was_printed_elsewhere_is_shown_everywhere(run: CommandLine, site: Site) -> None:
    job = ran_elsewhere(site, b"first\nlast\n", is_dead=True)
    assert run("logs", job) == "first\nlast\n"
    assert run.said == ""
    assert run("logs", "-n", "1", job) == "last\n"
    assert run.json("show", job)["output"] == "first\nlast\n"
    assert "last" in run("dlq", "show", job)
    assert run("dlq", "list").rstrip("\n").endswith("last")
    assert "it printed last: last" in run("explain", job)


def test_of_what_was_cut_it_is_said_where_the_rest_is(run: CommandLine, site: Site) -> None:
    job = ran_elsewhere(site, b"x" * KEPT)
    assert run("logs", job) == "x" * KEPT
    assert run.said == "Only the end is kept; the whole log is on host far.\n"
    for worker in site.store.workers():
        site.store.leave(worker.id)
    run("logs", job)
    assert run.said == "Only the end is kept; the whole log is on the host of worker 'far-worker'.\n"


def test_a_log_that_is_here_is_read_here(run: CommandLine, site: Site) -> None:
    job = ran_elsewhere(site, b"what the store keeps\n")
    path = log_path(site.seen_from("here").directory, 1, 1)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"what is here\n")
    assert run("logs", job) == "what is here\n"


def test_what_runs_elsewhere_is_followed_to_its_end_and_shown_then(run: CommandLine, site: Site) -> None:
    os.mkfifo(site.home / "gate")
    job = site.enqueue("echo hello; read _ < gate; echo good bye")
    site.worker("there")
    site.becomes(job, JobState.PROCESSING)
    assert run("logs", job) == ""
    host = os.uname().nodename
    assert f"Job {job!r} runs on host {host}, and so does its log" in run.said
    said: list[str] = []
    written: list[bytes] = []

    def say(text: str) -> None:
        said.append(text)
        (site.home / "gate").write_text("go\n")

    done = follow(site.seen_from("here"), site.job(job), run=1, write=written.append, say=say)
    assert done.state is JobState.COMPLETED
    assert b"".join(written) == b"hello\ngood bye\n"
    assert said == [f"Job {job!r} runs on host {host}: what it prints is shown once it has ended."]


def test_a_worker_puts_the_end_of_what_was_printed_into_the_store(site: Site) -> None:
    job = site.enqueue("yes 1234567 | head -n 20; echo end")
    site.worker("there")
    site.becomes(job, JobState.COMPLETED)
    kept = site.store.output(1, 1)
    assert kept == (b"1234567\n" * 20 + b"end\n")[-KEPT:]


def test_a_hole_in_a_log_is_kept_as_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as log:
        log.seek(1 << 20)
        log.write(b"end\n")
    size = path.stat().st_size
    end = Log(path).end(size)
    assert b"bytes left out" in end
    assert end.endswith(b"end\n")
    assert len(end) < size


# -- who works elsewhere --------------------------------------------------------------


def test_a_worker_elsewhere_is_alive_until_its_lease_is_over(run: CommandLine, site: Site) -> None:
    far = site.seen_from("there")
    number = far.join(FAR, now=clock.now(), ticks=1.0, lease_seconds=60)
    assert [worker["host"] for worker in run.json("worker", "list")] == ["far"]
    assert len(run.json("status")["workers"]) == 1
    run("enqueue", "true")
    assert "no worker is running" not in run.said
    far.renew(number, now=clock.now() - 61_000, ticks=1.0, lease_seconds=60)
    assert run.json("worker", "list") == []
    run("worker", "stop", "far-worker", code=3)
    run("enqueue", "true")
    assert "no worker is running" in run.said


def test_explain_knows_who_is_alive_elsewhere(run: CommandLine, site: Site) -> None:
    site.seen_from("there").join(FAR, now=clock.now(), ticks=1.0, lease_seconds=60)
    job = site.enqueue("true")
    assert "no worker is running" not in run("explain", job)


def test_a_worker_elsewhere_is_stopped_and_waited_for(run: CommandLine, site: Site) -> None:
    there = site.worker("there")
    assert run("worker", "stop", "--wait", "20s") == "there\n"
    assert there.process.wait(5) == 0
    assert not site.store.workers()


def test_the_hosts_are_shown_if_there_are_several(run: CommandLine, site: Site) -> None:
    far = site.seen_from("there")
    far.join(FAR, now=clock.now(), ticks=1.0, lease_seconds=60)
    run.on_terminal()
    assert "HOST" not in run("worker", "list")
    far.join(FAR._replace(name="near-worker", host="near"), now=clock.now(), ticks=1.0, lease_seconds=60)
    for words in (("worker", "list"), ("status",)):
        shown = run(*words)
        assert "HOST" in shown
        assert "near " in shown


# -- trust ----------------------------------------------------------------------------


def test_only_a_file_has_to_be_trusted(run: CommandLine) -> None:
    run("init")
    run.database.chmod(0o666)
    file, server = SqliteRepository(run.database), SharedRepository(run.database, "here")
    with pytest.raises(errors.StoreUntrusted):
        check_trust(file)
    check_trust(server)
    file.close()
    server.close()
