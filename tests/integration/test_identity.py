"""Nobody innocent is signalled: a pid alone proves nothing, and neither does a worker of another boot."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from queuectl.model import JobSpec, Outcome
from queuectl.repository.base import WorkerIdentity
from queuectl.worker import process
from queuectl.worker.presence import start_ticks
from queuectl.worker.record import Record
from queuectl.worker.rescue import Rescue
from queuectl.worker.shim import LINE, line
from queuectl.worker.task import Adopted

if TYPE_CHECKING:
    from pathlib import Path

    from queuectl.repository.base import Lease
    from queuectl.repository.protocol import JobRepository

NOW = 1_800_000_000_000


def identity(name: str, *, boot: str = "this boot", host: str = "here") -> WorkerIdentity:
    return WorkerIdentity(name, host, boot, "pid:[1]", 1, 1, 4, (), name)


def claimed(repository: JobRepository, worker: WorkerIdentity, *, at: int = NOW) -> tuple[int, Lease]:
    """Return a worker's number and the lease of a job that it has claimed."""
    repository.enqueue([JobSpec("true")], now=at)
    number = repository.join(worker, now=at, ticks=0.0)
    (lease,) = repository.turn([], worker=number, slots=1, now=at, lease_seconds=60).leases
    return number, lease


def test_a_process_is_known_by_its_time_of_birth_not_by_its_pid_alone() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    child = subprocess.Popen(["sleep", "1000"])
    after = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert process.identified(child.pid, (before, after))
    assert not process.identified(child.pid, (before - 60, after - 60))
    assert not process.identified(child.pid, (before + 60, after + 60))
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not process.identified(child.pid, (before, after))  # a zombie
    child.wait()
    assert start_ticks(child.pid) is None


def test_a_stranger_who_has_the_pid_of_a_command_is_not_signalled(repository: JobRepository, tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    _, lease = claimed(repository, identity("gone"))
    record = Record(tmp_path / "record")
    entry = line(f"{lease.job.seq}-{lease.run}", 1, stranger.pid, "1.000 1.010", NOW, "1.0000")
    record.path.write_bytes(line("runs", 1, 1, "attached").ljust(LINE) + entry)
    task = Adopted(lease, record, repository.location)
    execution = task.look()
    assert execution is not None
    assert execution.outcome is Outcome.LOST
    task.signal(process.KILL)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_worker_of_another_boot_of_this_machine_is_gone(repository: JobRepository) -> None:
    _, lease = claimed(repository, identity("before the reboot", boot="another boot"))
    me = identity("me")
    rescue = Rescue(repository, repository.join(me, now=NOW, ticks=0.0), me)
    found = list(rescue.find(everyone=True, only_ended=False, lease_seconds=60))
    assert [one.lease.job.id for one in found] == [lease.job.id]
    assert [worker.identity.name for worker in repository.workers()] == ["me"]


def test_a_worker_of_another_machine_is_left_alone_for_its_lease(repository: JobRepository) -> None:
    wall = time.time_ns() // 1_000_000
    number, lease = claimed(repository, identity("far", boot="its boot", host="there"), at=wall)
    me = identity("me")
    rescue = Rescue(repository, repository.join(me, now=wall, ticks=0.0), me)
    assert not list(rescue.find(everyone=True, only_ended=False, lease_seconds=60))
    repository.renew(number, now=wall - 61_000, ticks=0.0, lease_seconds=60)
    found = list(rescue.find(everyone=True, only_ended=False, lease_seconds=60))
    assert [one.lease.job.id for one in found] == [lease.job.id]
