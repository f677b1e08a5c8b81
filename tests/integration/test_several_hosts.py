"""A store that several hosts share: how workers are called, who takes over from whom, and what stops in time."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from queuectl import clock
from queuectl.model import JobSpec, JobState
from queuectl.repository.base import Turn, WorkerIdentity
from queuectl.worker.bell import Bell
from queuectl.worker.living import live_workers
from queuectl.worker.options import WorkerOptions
from queuectl.worker.process import processes_of
from queuectl.worker.rescue import Rescue
from queuectl.worker.run import run_worker
from tests.shared import SharedRepository, slow, unplugged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from queuectl.model import Job
    from queuectl.repository.base import Lease

T = TypeVar("T")
#: Seconds that a worker's leases hold.
LEASE = 3.0


def eventually(look: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """Poll until there is something to see."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.005)
    return found


class Host:
    """A worker on one host, a process of its own."""

    def __init__(self, path: Path, name: str, *args: str) -> None:
        self.said_at = path.parent / f"{name}-{os.urandom(4).hex()}.out"
        self.unplugged = unplugged(path, name)
        with self.said_at.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.shared", str(path), name, *args],
                cwd=Path(__file__).parents[2],
                env={**os.environ, "PGPASSWORD": "secret", "QUEUECTL_DB": "postgresql://me:secret@server/jobs"},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(lambda: "store" in self.said or self.process.poll() is not None, "the worker starts")

    @property
    def said(self) -> str:
        return self.said_at.read_text()

    def kill(self) -> None:
        """End the worker alone, at once."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as a user does."""
        self.process.terminate()
        assert self.process.wait(20) == 0, self.said


class Site:
    """The store and the hosts that work on it."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self.home = home
        self.path = home / "queue.db"
        self._stack = stack
        self.store = self.seen_from("nowhere")
        self.store.set_setting("lease", f"{LEASE}s")
        self.hosts: list[Host] = []

    def seen_from(self, host: str) -> SharedRepository:
        """Return the store as a host sees it."""
        repository = SharedRepository(self.path, host)
        self._stack.callback(repository.close)
        return repository

    def worker(self, host: str, *args: str) -> Host:
        """Start a worker on a host."""
        self.hosts.append(Host(self.path, host, *args))
        return self.hosts[-1]

    def enqueue(self, command: str, **fields: object) -> str:
        """Enqueue a job and call nobody."""
        spec = JobSpec(command, cwd=str(self.home), backoff_base=0.0)._replace(**fields)  # type: ignore[arg-type]
        return self.store.enqueue([spec], now=clock.now())[0].id

    def job(self, job_id: str) -> Job:
        return self.store.get(job_id)

    def becomes(self, job_id: str, state: JobState) -> Job:
        """Wait until a job is in a state."""
        eventually(lambda: self.job(job_id).state is state, f"{job_id} is {state}")
        return self.job(job_id)

    def reasons(self, job_id: str) -> list[str]:
        return [step.reason or "" for step in self.store.history(self.job(job_id))]

    def commands(self) -> list[int]:
        """Return the pids of the commands that go on."""
        return [pid for pid, _ in processes_of(self.store.location)]

    def lease_end(self, worker: str) -> float:
        """Return when the lease of a worker ends, as the store knows it."""
        (found,) = (one for one in self.store.workers() if one.identity.name == worker)
        return found.heartbeat_at + found.lease_seconds * 1000

    def close(self) -> None:
        for host in self.hosts:
            host.unplugged.unlink(missing_ok=True)
            if host.process.poll() is None:
                host.kill()
        for pid in self.commands():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.commands(), "nothing is left over")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        site = Site(tmp_path, stack)
        yield site
        site.close()


# -- the bell -------------------------------------------------------------------------


def test_an_idle_worker_is_called_through_the_store(site: Site) -> None:
    site.worker("a")
    eventually(lambda: live_workers(site.store), "the worker is registered")
    job = site.enqueue("true")
    began = time.monotonic()
    site.seen_from("a").ring()
    site.becomes(job, JobState.COMPLETED)
    assert time.monotonic() - began < 2.5  # it would have looked by itself after five seconds


def test_a_bell_that_cannot_be_answered_wakes_nobody_over_and_over(site: Site) -> None:
    store, poll = site.seen_from("a"), select.poll()
    bell = Bell(store, poll)
    assert not bell.has_rung(time.monotonic())
    unplugged(site.path, "a").touch()
    store.ring()
    assert poll.poll(5000)
    now = time.monotonic()
    assert not bell.has_rung(now, readable=True)
    assert not poll.poll(0)
    (again,) = bell.moments()
    assert again > now
    unplugged(site.path, "a").unlink()
    assert not bell.has_rung(now)
    assert bell.has_rung(again)
    assert not list(bell.moments())
    store.ring()
    assert poll.poll(5000)


def test_a_call_that_came_in_with_an_answer_is_heard_before_the_worker_sleeps(site: Site) -> None:
    store = site.seen_from("a")
    store.ring()
    assert Bell(store, select.poll()).has_rung(time.monotonic())


# -- location -------------------------------------------------------------------------


def test_commands_get_the_way_to_the_server_and_no_password(site: Site) -> None:
    site.worker("a")
    job = site.enqueue("env; tr '\\0' '\\n' < /proc/$PPID/environ")
    site.seen_from("a").ring()
    site.becomes(job, JobState.COMPLETED)
    printed = (site.seen_from("a").directory / "logs/000000/1-1.log").read_text()
    assert f"QUEUECTL_DB={site.store.location}" in printed
    assert "PATH=" in printed
    assert "secret" not in printed


# -- who takes over -------------------------------------------------------------------


def test_workers_of_different_hosts_leave_each_other_alone(site: Site) -> None:
    os.mkfifo(site.home / "gate")
    job = site.enqueue("read _ < gate")
    site.worker("a")
    site.becomes(job, JobState.PROCESSING)
    other = site.worker("b")
    end = site.lease_end("b")
    eventually(lambda: site.lease_end("b") > end, "the second one has looked at everybody")
    (site.home / "gate").write_text("go\n")
    site.becomes(job, JobState.COMPLETED)
    assert {worker.identity.name for worker in live_workers(site.store)} == {"a", "b"}
    other.stop()
    assert [worker.identity.name for worker in live_workers(site.store)] == ["a"]


def test_the_jobs_of_a_dead_host_are_lost_after_the_lease_and_run_elsewhere(site: Site) -> None:
    job = site.enqueue("echo $QUEUECTL_ATTEMPT >> ran; test $QUEUECTL_ATTEMPT = 2 || sleep 1000", max_retries=3)
    dead = site.worker("a")
    eventually((site.home / "ran").exists, "the job runs")
    dead.kill()
    end = site.lease_end("a")
    site.worker("b")
    found = site.becomes(job, JobState.COMPLETED)
    assert (site.home / "ran").read_text() == "1\n2\n"
    assert found.attempts == 2
    (lost,) = (step for step in site.store.history(found) if step.state is JobState.FAILED)
    assert lost.at > end
    assert "has not been heard of" in (lost.reason or "")
    assert os.uname().nodename in (lost.reason or "")
    assert not site.commands()


def test_a_command_is_adopted_on_its_own_host_and_lives_beyond_the_lease_of_the_dead(site: Site) -> None:
    os.mkfifo(site.home / "gate")
    job = site.enqueue("touch ran; read _ < gate")
    dead = site.worker("a", "--name", "first")
    eventually((site.home / "ran").exists, "the job runs")
    end = site.lease_end("first")
    dead.kill()
    site.worker("a", "--name", "second")
    eventually(
        lambda: clock.now() > end + 2000 * LEASE, "the lease of the dead one is long over, and more than one since"
    )
    (site.home / "gate").write_text("go\n")
    assert site.becomes(job, JobState.COMPLETED).runs == 1


# -- cut off --------------------------------------------------------------------------


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
def test_a_worker_that_is_cut_off_stops_its_commands_before_their_leases_end(site: Site, trap: str) -> None:
    job = site.enqueue(f"{trap}echo >> ran; test -e free || sleep 1000 & wait")
    host = site.worker("a", "--slots", "2")
    eventually((site.home / "ran").exists, "the job runs")
    host.unplugged.touch()
    eventually(lambda: not site.commands(), "the command is stopped")
    assert clock.now() < site.lease_end("a")
    assert "cut off from the store; stopping 1 running job before its lease ends" in host.said
    assert site.job(job).state is JobState.PROCESSING
    (site.home / "free").touch()
    host.unplugged.unlink()
    assert site.becomes(job, JobState.COMPLETED).attempts == 1
    assert "its host was cut off from the store" in site.reasons(job)
    assert host.said.count("cut off from the store; stopping") == 1
    assert "the store answers again" in host.said


def test_nothing_is_written_of_what_others_have_taken_over(site: Site) -> None:
    job = site.enqueue("echo >> ran; test -e free || sleep 1000", max_retries=3)
    host = site.worker("a")
    eventually((site.home / "ran").exists, "the job runs")
    host.unplugged.touch()
    eventually(lambda: not site.commands(), "the command is stopped")
    (site.home / "free").touch()
    site.worker("b")
    site.becomes(job, JobState.COMPLETED)
    host.unplugged.unlink()
    eventually(lambda: "beginning anew" in host.said, "it learns that it was taken for dead")
    assert site.job(job).state is JobState.COMPLETED
    assert "its host was cut off from the store" not in site.reasons(job)
    again = site.enqueue("true")
    site.becomes(again, JobState.COMPLETED)


def test_what_was_claimed_by_an_answer_that_came_too_late_is_given_back_unstarted(site: Site) -> None:
    job = site.enqueue("echo >> ran")
    held = slow(site.path, "a")
    held.touch()
    host = site.worker("a")
    site.becomes(job, JobState.PROCESSING)
    eventually(lambda: clock.now() > site.lease_end("a") - 500, "the lease is about to end")
    held.unlink()
    assert site.becomes(job, JobState.COMPLETED).attempts == 1
    assert "its host was cut off from the store" in site.reasons(job)
    assert (site.home / "ran").read_text() == "\n"
    assert "cut off from the store; nothing is started" in host.said
    eventually(lambda: "completed" in host.said, "the worker says what it has done")
    assert [line.split()[1] for line in host.said.splitlines() if job in line] == ["returned", "started", "completed"]


def test_what_a_worker_elsewhere_claims_after_it_has_come_back_is_not_taken_from_it(site: Site) -> None:
    class Late(SharedRepository):
        """Has the other one come back, and claim, in the middle of a rescue."""

        def leases_of(self, worker: int) -> Sequence[Lease]:
            far.renew(number, now=clock.now(), ticks=1.0, lease_seconds=LEASE)
            far.turn([], worker=number, slots=1, queues=(), now=clock.now(), lease_seconds=LEASE)
            return super().leases_of(worker)

    _ = SharedRepository.leases_of  # it is loaded there now, so that `super` finds it
    job, far = site.enqueue("true"), site.seen_from("there")
    identity = WorkerIdentity("far", "far", "its boot", "pid:[1]", 7, 1, 1, (), "its-pipe", "there")
    number = far.join(identity, now=clock.now() - 10_000, ticks=1.0, lease_seconds=LEASE)
    late = Late(site.path, "here")
    me = identity._replace(name="me", home="here")
    rescue = Rescue(late, late.join(me, now=clock.now(), ticks=1.0), me)
    assert not list(rescue.find(everyone=True, only_ended=False, lease_seconds=LEASE))
    assert site.job(job).state is JobState.PROCESSING
    assert [lease.job.id for lease in far.leases_of(number)] == [job]
    late.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_without_its_worker_a_shim_ends_its_commands_before_the_lease_ends(site: Site, number: int) -> None:
    job = site.enqueue("echo >> ran; test -e free || sleep 1000")
    host = site.worker("a")
    eventually((site.home / "ran").exists, "the job runs")
    host.process.send_signal(number)
    eventually(lambda: not site.commands(), "the command is stopped")
    assert clock.now() < site.lease_end("a")
    (site.home / "free").touch()
    host.kill()
    site.worker("a", "--name", "next")
    assert site.becomes(job, JobState.COMPLETED).attempts == 1
    assert "its host was cut off from the store" in site.reasons(job)


# -- a store where others hold what is ready ------------------------------------------


class _Silent:
    """An observer that looks at nothing."""

    interval: float | None = None

    def event(self, event: object) -> None:
        """Forget it."""

    def tick(self, view: object) -> None:
        """Look at nothing."""


class _Held(SharedRepository):
    """A store of which everything that is ready is held by others for half a second."""

    turns = 0
    until = math.inf

    def turn(self, settlements: Any, **rest: Any) -> Turn:
        self.turns += 1
        self.until = min(self.until, time.monotonic() + 0.5)
        if time.monotonic() < self.until:
            return Turn(frozenset(), [])
        return super().turn(settlements, **rest)


def test_a_worker_does_not_ask_without_a_pause_for_what_others_hold(site: Site) -> None:
    site.enqueue("true")
    with closing(_Held(site.path, "a")) as repository:
        run_worker(repository, WorkerOptions(drain=True), _Silent())
        assert repository.turns < 50
    assert site.store.counts(now=clock.now()).states[JobState.COMPLETED] == 1
