"""Faults of the machine, each brought about for real: full disks, jumping clocks, no room for a process, storms."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import PROGRAM, Shop, beside_the_store, eventually
from tests.acceptance.test_crash import STORE, Crash
from tests.engines import ENGINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.acceptance.conftest import Worker

#: A user of whom nothing else runs, so that a limit on processes counts the worker's alone.
_SOMEBODY = 64321


def _stop(worker: Worker) -> None:
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    assert "Traceback" not in worker.output


# -- a full disk ----------------------------------------------------------------------


class Disk:
    """A small file system of its own, which can be filled up."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    def fill(self, leave: int = 0) -> None:
        """Take all space but for so many bytes."""
        with self._filler.open("ab", buffering=0) as filler, suppress(OSError):
            while filler.write(b"x" * 4096):
                pass
        os.truncate(self._filler, self._filler.stat().st_size - leave)

    def clear(self) -> None:
        """Give the space back."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    yield Disk(place)
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def narrow(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A queue whose store, and nothing else, is on the small disk."""
    shop = Shop(tmp_path, ENGINES["sqlite"].place(disk.place))
    monkeypatch.setenv("QUEUECTL_DB", str(shop.database))
    yield shop
    shop.close()


def test_a_result_is_kept_while_the_disk_is_full_and_written_afterwards(narrow: Shop, disk: Disk) -> None:
    gate = narrow.gate()
    job = narrow.enqueue(f"echo run >> runs; {gate.wait}; exit 7", max_retries=1)
    after = narrow.enqueue("echo next >> runs")
    worker = narrow.start_worker()
    eventually(lambda: narrow.lines("runs"), "the job runs")
    disk.fill()
    gate.open()
    worker.said("results are kept")
    assert narrow.job(job).state == "processing"
    assert worker.process.poll() is None
    disk.clear()
    found = narrow.becomes(job, "dead")
    assert (found.exit_code, found.attempts) == (7, 1)
    narrow.becomes(after, "completed")
    assert narrow.lines("runs") == ["run", "next"]
    assert len(worker.events("warning")) < 5
    _stop(worker)


def test_a_job_whose_log_fills_the_disk_ends_by_its_own_exit_code(narrow: Shop, disk: Disk) -> None:
    gate = narrow.gate()
    job = narrow.enqueue(f"{gate.wait}; cat /dev/zero; echo $? > cat; exit 9", max_retries=1)
    worker = narrow.start_worker()
    eventually(lambda: worker.events("started"), "the job has started")
    disk.fill(leave=100_000)
    gate.open()
    assert narrow.number("cat") == 1
    worker.said("results are kept")
    disk.clear()
    found = narrow.becomes(job, "dead")
    assert (found.exit_code, found.error, found.attempts) == (9, "exit code 9", 1)
    assert narrow.log(job)
    _stop(worker)


def test_a_worker_that_is_killed_on_a_full_disk_leaves_the_result_to_the_next(narrow: Shop, disk: Disk) -> None:
    gate = narrow.gate()
    job = narrow.enqueue(f"echo run >> runs; {gate.wait}; exit 7", max_retries=1)
    first = narrow.start_worker()
    eventually(lambda: narrow.lines("runs"), "the job runs")
    disk.fill()
    gate.open()
    first.said("results are kept")
    first.kill()
    refused = narrow.start_worker()
    assert refused.ends() == 6
    assert "Traceback" not in refused.output
    disk.clear()
    last = narrow.start_worker()
    found = narrow.becomes(job, "dead")
    assert (found.exit_code, found.attempts) == (7, 1)
    assert narrow.lines("runs") == ["run"]
    _stop(last)


def test_what_is_enqueued_on_a_full_disk_is_refused_in_one_line_and_not_stored(narrow: Shop, disk: Disk) -> None:
    job = narrow.enqueue("true")
    assert narrow.job(job).state == "pending"
    disk.fill()
    narrow.queuectl("enqueue", "--id", "refused", "true", code=6)
    errors = [line for line in narrow.said.splitlines() if not line.startswith("Hint: ")]
    assert len(errors) == 1
    assert errors[0].startswith("Error: ")
    assert [found.id for found in narrow.jobs()] == [job]
    disk.clear()
    assert narrow.enqueue("true", id="refused") == "refused"


# -- a clock that jumps ---------------------------------------------------------------

_SHIFTED = """
import os, time

real, real_ns = time.time, time.time_ns

def shift():
    with open(os.environ["CLOCK_SHIFT"]) as file:
        return int(file.read() or 0)

time.time = lambda: real() + shift()
time.time_ns = lambda: real_ns() + shift() * 1_000_000_000
"""


class Clock:
    """A wall clock that workers go by which are started under it."""

    def __init__(self, home: Path, name: str) -> None:
        self._file = home / f"{name}.shift"
        site = home / "clock"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(_SHIFTED, encoding="utf-8")
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        self.program: Sequence[str] = ["env", f"PYTHONPATH={path}", f"CLOCK_SHIFT={self._file}", *PROGRAM]
        self.set(0)

    def set(self, seconds: int) -> None:
        """Let it show so many seconds more than the time."""
        made = self._file.with_suffix(".new")
        made.write_text(str(seconds), encoding="ascii")
        made.replace(self._file)


def _have_outlived_their_leases(shop: Shop, seconds: float) -> None:
    """Wait until every worker has given a sign of life so much later than now."""
    begun = time.monotonic()
    eventually(
        lambda: all(worker.heartbeat_ticks > begun + seconds for worker in shop.store.workers()),
        "the workers have renewed their leases",
    )


@pytest.mark.parametrize("jump", [3600, 365 * 86400, -3600], ids=["an hour on", "a year on", "an hour back"])
def test_a_clock_that_jumps_rescues_no_running_job_and_doubles_none(shop: Shop, jump: int) -> None:
    shop.queuectl("status")
    shop.configure("lease", "2s")
    gate = shop.gate()
    clock, other = Clock(shop.home, "first"), Clock(shop.home, "second")
    job = shop.enqueue(f"echo run >> runs; {gate.wait}", timeout=60)
    first = shop.start_worker(program=clock.program)
    eventually(lambda: shop.lines("runs"), "the job runs")
    clock.set(jump)
    second = shop.start_worker(program=other.program)  # one of the two clocks is wrong, and nobody can say which
    _have_outlived_their_leases(shop, 2.5)
    clock.set(0)
    other.set(jump)
    _have_outlived_their_leases(shop, 2.5)
    after = [shop.enqueue(f"echo {number} >> runs") for number in range(2)]
    gate.open()
    for done in (job, *after):
        assert shop.becomes(done, "completed").attempts == 1
    assert sorted(shop.lines("runs")) == ["0", "1", "run"]
    duration = shop.job(job).duration_seconds
    assert duration is not None
    assert 0 < duration < 60
    for worker in (first, second):
        assert not worker.events("adopted")
        assert not worker.events("warning")
        _stop(worker)
    # What the second said last, it said by a clock that had jumped; unless it goes by that of a server, which had not.
    said_at = datetime.fromisoformat(second.events("worker_stopped")[0]["time"]).timestamp()
    assert abs(said_at - time.time() - (0 if shop.store.home else jump)) < 60


# -- too much output ------------------------------------------------------------------


def _peak(pid: int) -> int:
    """Return the most memory that a process has ever had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


@beside_the_store
def test_output_without_end_and_newline_costs_neither_memory_nor_disk(shop: Shop) -> None:
    shop.configure("log-max-bytes", "64KiB")
    job = shop.enqueue("head -c 300000000 /dev/zero")
    worker = shop.start_worker()
    found = shop.becomes(job, "completed")
    assert found.exit_code == 0
    for pid in (worker.pid, worker.shim()):
        assert _peak(pid) < 60 * 2**20
    log = shop.log(job)
    assert len(log) < 66_000
    assert b"bytes left out" in log
    assert len(shop.queuectl("logs", job)) < 400_000
    _stop(worker)


# -- signals --------------------------------------------------------------------------


@beside_the_store
def test_signals_that_ask_for_nothing_change_nothing(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo run >> runs; {gate.wait}")
    worker = shop.start_worker()
    eventually(lambda: shop.lines("runs"), "the job runs")
    draw = random.Random("signals")
    harmless = [signal.SIGCHLD, signal.SIGCONT, signal.SIGPIPE, signal.SIGURG, signal.SIGWINCH]
    for _ in range(100):
        worker.signal(draw.choice(harmless))
    after = shop.enqueue("true")
    gate.open()
    shop.becomes(job, "completed")
    shop.becomes(after, "completed")
    assert not worker.events("worker_stopping")
    _stop(worker)


@beside_the_store
@pytest.mark.parametrize("attempt", range(3))
def test_a_storm_of_mixed_signals_ends_a_worker_in_order(shop: Shop, attempt: int) -> None:
    job = shop.enqueue("echo run >> runs; trap '' TERM; sleep 300 & wait; wait; wait")
    worker = shop.start_worker()
    eventually(lambda: shop.lines("runs"), "the job runs")
    draw = random.Random(attempt)
    kinds = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGWINCH, signal.SIGCHLD, signal.SIGCONT]
    for _ in range(100):
        if worker.process.poll() is None:
            worker.signal(draw.choice(kinds))
    assert worker.ends() in {129, 130, 143}
    assert "Traceback" not in worker.output
    assert (shop.job(job).state, shop.job(job).attempts) == ("pending", 0)
    shop.is_quiet()


def test_a_reader_who_has_seen_enough_of_ten_thousand_jobs_is_no_error(shop: Shop) -> None:
    shop.enqueue_all([{"command": "true"}] * 10_000)
    for options in ("--limit 0", "--limit 0 --json", "--limit 9000 --quiet"):
        line = f"'{sys.executable}' -m queuectl list {options} | head -1"
        done = subprocess.run(
            ["bash", "-c", line], cwd=shop.home, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


# -- no room for another process ------------------------------------------------------


class Somebody:
    """A user whom limits on processes bind: root is free of them.

    Where Python lives, others may not be let in; the one capability opens that door.
    """

    def __init__(self, shop: Shop) -> None:
        self._become: list[str] = []
        if os.geteuid() == 0:
            for path in (shop.home, *shop.home.rglob("*")):
                os.chown(path, _SOMEBODY, _SOMEBODY)
            self._become = ["setpriv", f"--reuid={_SOMEBODY}", f"--regid={_SOMEBODY}", "--clear-groups"]
            self._become += ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
        self.program = [*self._become, *PROGRAM]
        try:
            subprocess.run([*self.program, "--version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no worker can be run as another user here")

    def deny_processes(self, pid: int) -> None:
        """Let a process of this user start no other."""
        self._limit(pid, "1")

    def allow_processes(self, pid: int) -> None:
        """Let it do so again."""
        self._limit(pid, "hard")

    def _limit(self, pid: int, soft: str) -> None:
        # As this user: root may change the limits of others only with one more capability.
        program = (
            "import resource; "
            f"hard = resource.prlimit({pid}, resource.RLIMIT_NPROC)[1]; "
            f"resource.prlimit({pid}, resource.RLIMIT_NPROC, ({soft}, hard))"
        )
        subprocess.run([*self._become, sys.executable, "-c", program], check=True)


@beside_the_store
def test_a_shim_that_cannot_fork_gives_attempts_back_until_it_can(shop: Shop) -> None:
    first = shop.enqueue("true")
    somebody = Somebody(shop)
    worker = shop.start_worker(program=somebody.program)
    shop.becomes(first, "completed")
    shim = worker.shim()
    somebody.deny_processes(shim)
    job = shop.enqueue("echo run >> runs", max_retries=1)
    eventually(lambda: len(worker.events("returned")) >= 3, "the attempt is given back")
    assert "Resource temporarily unavailable" in worker.events("returned")[0]["error"]
    assert shop.job(job).attempts <= 1
    somebody.allow_processes(shim)
    assert shop.becomes(job, "completed").attempts == 1
    assert shop.lines("runs") == ["run"]
    assert len(worker.events("returned")) < 20  # no busy loop
    assert len(worker.events("warning")) < 20
    _stop(worker)


def test_a_worker_that_cannot_fork_claims_nothing_and_leaks_nothing_until_it_can(shop: Shop) -> None:
    shop.queuectl("status")
    somebody = Somebody(shop)
    worker = shop.start_worker(program=somebody.program)
    somebody.deny_processes(worker.pid)
    descriptors = Path(f"/proc/{worker.pid}/fd")
    job = shop.enqueue("echo run >> runs", max_retries=1)
    worker.said("Resource temporarily unavailable")
    open_then = len(list(descriptors.iterdir()))
    begun = time.monotonic()
    eventually(lambda: time.monotonic() > begun + 2.5, "it has tried some more times")
    # Between two rounds: what a round opens for a moment is no leak, what each of them leaves would stay.
    eventually(lambda: len(list(descriptors.iterdir())) <= open_then, "all that a round opens is closed")
    assert shop.job(job).state == "pending"
    somebody.allow_processes(worker.pid)
    assert shop.becomes(job, "completed").attempts == 1
    assert shop.lines("runs") == ["run"]
    assert len(worker.events("warning")) < 5
    _stop(worker)


# -- kills ----------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_enqueue_that_is_killed_has_stored_all_or_nothing(shop: Shop, when: str) -> None:
    shop.enqueue("true", id="other")
    crash = Crash(*STORE, "enqueue", when)
    done = subprocess.run(
        [*crash.program(shop), "enqueue", "--id", "mine", "true"], cwd=shop.home, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    stored = [job.id for job in shop.jobs()]
    assert stored == (["other"] if when == "before" else ["other", "mine"])
    shop.queuectl("enqueue", "--id", "mine", "true", code=0 if when == "before" else 4)


def test_a_worker_that_is_dead_but_not_buried_is_dead(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo run >> runs; {gate.wait}; exit 7", max_retries=1)
    first = shop.start_worker()
    second = shop.start_worker()
    eventually(lambda: shop.lines("runs"), "the job runs")
    holder, other = (first, second) if first.events("started") else (second, first)
    holder.process.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # a zombie from now on
    eventually(lambda: other.events("adopted"), "the command is adopted", deadline=2.0)
    gate.open()
    assert shop.becomes(job, "dead").exit_code == 7
    assert shop.lines("runs") == ["run"]
    _stop(other)


def _kill_whole(shop: Shop, worker: Worker) -> None:
    """Kill a worker, its shim and every command that it has started."""
    shim = worker._find_shim()
    worker.kill()
    if shim is not None:
        with suppress(ProcessLookupError):
            os.kill(shim, signal.SIGKILL)
    mark = next(event["worker"] for event in worker.events("worker_started"))
    for pid in shop.commands():
        with suppress(OSError):
            if f"QUEUECTL_WORKER={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)


def _storm(shop: Shop, *, whole: bool) -> list[Worker]:
    """Kill a random one of three workers every 0.4 s for 10 s and put another in its place."""
    draw = random.Random(os.environ.get("QUEUECTL_TEST_SEED", "storm"))
    crew = [shop.start_worker("-c", "3") for _ in range(3)]
    begun = time.monotonic()
    for number in range(1, 25):
        eventually(lambda number=number: time.monotonic() >= begun + 0.4 * number, "the next kill is due")  # type: ignore[misc]
        unlucky = draw.randrange(len(crew))
        if whole:
            _kill_whole(shop, crew[unlucky])
        else:
            crew[unlucky].kill()
        crew[unlucky] = shop.start_worker("-c", "3")
        if number % 10 == 0:
            batch = range(number * 4 - 40, number * 4)
            shop.enqueue_all([_storm_job(one, draw.random() / 2) for one in batch])
    return crew


def _storm_job(number: int, seconds: float) -> dict[str, object]:
    # The lock is the shell's alone: it is there for exactly as long as the run.
    command = (
        f"exec 9>> lock-{number}; flock -n 9 || echo {number} >> overlaps; "
        f"echo {number} >> runs; sleep {seconds:.3f} 9>&-"
    )
    return {"command": command, "id": f"storm-{number}", "max_retries": 5, "backoff_base": 0.1}


@pytest.mark.slow
def test_in_a_long_storm_that_kills_workers_every_command_runs_exactly_once(shop: Shop) -> None:
    draw = random.Random("jobs")
    shop.enqueue_all([_storm_job(number, draw.random() / 2) for number in range(-80, 0)])
    crew = _storm(shop, whole=False)
    shop.all_become("completed", deadline=60)
    assert sorted(map(int, shop.lines("runs"))) == list(range(-80, 80))
    assert not shop.lines("overlaps")
    assert {job.attempts for job in shop.jobs()} == {1}
    for worker in crew:
        _stop(worker)
    shop.is_quiet()
    assert not shop.store.workers()
    assert not list(shop.store.directory.glob("runs/*"))


@pytest.mark.slow
def test_in_a_storm_that_kills_all_at_once_no_job_runs_beside_itself_and_each_ends(shop: Shop) -> None:
    draw = random.Random("jobs")
    shop.enqueue_all([_storm_job(number, draw.random() / 2) for number in range(-80, 0)])
    crew = _storm(shop, whole=True)

    def all_ended() -> bool:
        return all(job.state.value in {"completed", "dead"} for job in shop.jobs())

    eventually(all_ended, "every job has ended", deadline=60)
    assert not shop.lines("overlaps")
    for job in shop.jobs():
        assert job.state == "completed" or (job.attempts == 5 and job.error), job
    for worker in crew:
        _stop(worker)
    shop.is_quiet()


# -- a crowd --------------------------------------------------------------------------


@pytest.mark.slow
def test_a_crowd_of_workers_and_a_canceller_share_one_store(shop: Shop) -> None:
    shop.queuectl("status")
    # Those of a server start slower, and are no more in each other's way.
    workers = [shop.start_worker() for _ in range(50 if shop.engine.name == "sqlite" else 20)]
    unwanted = shop.enqueue_all([{"command": "echo wrong >> wrong", "delay": "1h"} for _ in range(50)])
    cancellers = [
        subprocess.Popen(
            [*PROGRAM, "cancel", *unwanted[first : first + 10]],
            cwd=shop.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for first in range(0, 50, 10)
    ]
    jobs = shop.enqueue_all([{"command": f"echo {number} >> runs"} for number in range(500)])
    for canceller in cancellers:
        _, complaints = canceller.communicate(timeout=60)
        assert (canceller.returncode, complaints) == (0, "")
    for job in jobs:
        assert shop.becomes(job, "completed", deadline=60).attempts == 1
    assert sorted(map(int, shop.lines("runs"))) == list(range(500))
    assert not shop.lines("wrong")
    for worker in workers:
        worker.signal(signal.SIGTERM)
    for worker in workers:
        assert worker.ends() == 0
        assert not worker.events("lease_lost")
        assert "database is locked" not in worker.output
    shop.is_quiet()
