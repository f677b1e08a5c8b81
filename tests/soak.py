"""Kill workers, shims and commands at random for minutes, then account for every job.

    python tests/soak.py [--minutes 10] [--seed N]

Three workers of three slots run a stream of jobs that succeed, fail, run too long and start
children, while others enqueue, cancel, suspend workers, hold the store's lock and, as root, fill
the disk, for which the store lies on a small file system of its own. Whoever is killed is
replaced. At the end everything is drained, and the report says what was lost (an accepted job
that did not come to an end, or whose end nobody saw) and what was doubled (two runs of a job at
once, told by a lock that every command takes). The exit code is 0 only if both are nothing and no
process is left over.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from queuectl.repository import open_repository

QUEUECTL = [sys.executable, "-m", "queuectl"]
WORKERS = 3
FINAL = {"completed", "dead", "cancelled"}

#: Takes a lock that a second run of the same job could not get, and leaves its marks.
COMMAND = (
    'exec 9>"locks/$QUEUECTL_JOB_ID"; flock -n 9 || echo "$QUEUECTL_JOB_ID" >> doubled;'
    ' echo "start $QUEUECTL_JOB_ID $QUEUECTL_RUN" >> tally; {body};'
    ' echo "end $QUEUECTL_JOB_ID $QUEUECTL_RUN" >> tally; exit {code}'
)


class Soak:
    """One store and everybody who works on it, or against it.

    Args:
        room: an empty directory.
        chance: decides everything that is left to chance.
    """

    def __init__(self, room: Path, chance: random.Random) -> None:
        self.room = room
        self.database = room / "store" / "queue.db"
        self.environment = os.environ | {"QUEUECTL_DB": str(self.database)}
        self.chance = chance
        self.workers: list[subprocess.Popen[bytes]] = []
        self.accepted: list[str] = []
        self.done: Counter[str] = Counter()
        self.grown: list[tuple[int, int, int]] = []
        (room / "locks").mkdir()
        self.queuectl("config", "set", "backoff-base", "0.2")
        self.queuectl("config", "set", "lease", "5s")

    def queuectl(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the program; it may fail."""
        return subprocess.run(
            [*QUEUECTL, "-q", *words],
            cwd=self.room,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, minutes: float) -> None:
        """Do one thing after another until the time is up."""
        ends = time.monotonic() + minutes * 60
        deeds = [self.enqueue] * 4 + [self.kill_worker] * 4 + [self.kill_command] * 2
        deeds += [self.kill_shim, self.kill_both, self.cancel, self.hold_lock, self.stop_worker, self.suspend_worker]
        deeds += [self.fill_disk] if os.path.ismount(self.database.parent) else []
        while time.monotonic() < ends:
            self.replace_workers()
            deed = self.chance.choice(deeds)
            self.done[deed.__name__] += bool(deed())
            time.sleep(self.chance.uniform(0, 0.3))
            if sum(self.done.values()) % 50 == 0:
                self.measure()

    # -- deeds ------------------------------------------------------------------------

    def enqueue(self) -> bool:
        """Enqueue a handful of jobs; only what was accepted counts."""
        if len(self.open_jobs()) > 200:
            return False
        bodies = ["sleep 0", "sleep 0.1", "sleep 0.5", "sleep 0.2 & wait", "setsid sleep 0.3 9>&- & sleep 0.1"]
        specs: list[dict[str, object]] = [
            {"command": COMMAND.format(body=self.chance.choice(bodies), code=self.chance.choice([0, 0, 0, 1]))}
            for _ in range(self.chance.randint(1, 12))
        ]
        specs.append({"command": COMMAND.format(body="sleep 60", code=0), "timeout": 0.3, "max_retries": 2})
        result = self.queuectl("enqueue", "--file", "-", text=json.dumps(specs))
        self.accepted += result.stdout.split() if result.returncode == 0 else []
        return result.returncode == 0

    def kill_worker(self) -> bool:
        """Kill a worker alone."""
        self.chance.choice(self.workers).kill()
        return True

    def kill_command(self) -> bool:
        """Kill a running command's whole group."""
        return self.kill_one_of([pid for pid in self.processes("QUEUECTL_RUN=") if leads_session(pid)], group=True)

    def kill_shim(self) -> bool:
        """Kill a shim alone."""
        return self.kill_one_of(self.shims())

    def kill_both(self) -> bool:
        """Kill a worker together with its shim and its commands."""
        worker = self.chance.choice(self.workers)
        children = descendants(worker.pid)
        worker.kill()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return True

    def cancel(self) -> bool:
        """Cancel a job that has not ended."""
        jobs = self.open_jobs()
        return bool(jobs) and self.queuectl("cancel", self.chance.choice(jobs), "--grace", "0.2").returncode == 0

    def hold_lock(self) -> bool:
        """Hold the store's write lock for longer than a turn waits."""
        with contextlib.closing(sqlite3.connect(self.database, isolation_level=None, timeout=5)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            time.sleep(self.chance.uniform(0.1, 2.0))
            db.execute("ROLLBACK")
        return True

    def fill_disk(self) -> bool:
        """Leave no room where the store is, for a moment."""
        filling = self.database.with_name("filling")
        with filling.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 65536)
        time.sleep(self.chance.uniform(0.1, 2.0))
        filling.unlink()
        return True

    def stop_worker(self) -> bool:
        """Stop a worker, gracefully or hard."""
        worker = self.chance.choice(self.workers)
        for _ in range(self.chance.randint(1, 3)):
            worker.send_signal(signal.SIGTERM)
        return True

    def suspend_worker(self) -> bool:
        """Hold a worker for longer than its lease, then let it go on."""
        worker = self.chance.choice(self.workers)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(self.chance.choice([0.5, 0.5, 6.5]))
        worker.send_signal(signal.SIGCONT)
        return True

    def kill_one_of(self, pids: list[int], *, group: bool = False) -> bool:
        """Kill one process, or the group that it leads."""
        if not pids:
            return False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            pid = self.chance.choice(pids)
            (os.killpg if group else os.kill)(pid, signal.SIGKILL)
            return True
        return False

    # -- what is there ----------------------------------------------------------------

    def replace_workers(self) -> None:
        """Start a new worker for each that has ended."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < WORKERS:
            command = [*QUEUECTL, "-q", "worker", "start", "--concurrency", "3"]
            self.workers.append(
                subprocess.Popen(
                    command,
                    cwd=self.room,
                    env=self.environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )

    def processes(self, mark: str) -> list[int]:
        """Return the live processes of this store whose environment has the mark."""
        wanted = (mark.encode(), f"QUEUECTL_DB={self.database}".encode())
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                variables = (entry / "environ").read_bytes().split(b"\0")
                if all(any(variable.startswith(word) for variable in variables) for word in wanted):
                    found.append(int(entry.name))
        return found

    def shims(self) -> list[int]:
        """Return the live shims of this store."""
        mark = f"{self.database}.d/runs/".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if mark in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found

    def open_jobs(self) -> list[str]:
        """Return the jobs that have not ended."""
        with contextlib.closing(open_repository(str(self.database))) as repository:
            return [job.id for job in repository.list().jobs if job.state.value not in FINAL]

    def measure(self) -> None:
        """Take down memory, descriptors and the size of the write-ahead log."""
        memory = descriptors = 0
        for worker in self.workers:
            with contextlib.suppress(OSError):
                memory = max(memory, rss(worker.pid))
                descriptors = max(descriptors, len(list(Path(f"/proc/{worker.pid}/fd").iterdir())))
        wal = self.database.with_name("queue.db-wal")
        self.grown.append((memory, descriptors, wal.stat().st_size if wal.exists() else 0))

    # -- the end ----------------------------------------------------------------------

    def finish(self) -> None:
        """Stop everybody, then let one worker bring every job to its end."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait()
        self.queuectl("worker", "start", "--drain", "--concurrency", "8")

    def report(self) -> bool:
        """Print the account; say whether it is clean."""
        with contextlib.closing(open_repository(str(self.database))) as repository:
            jobs = {job.id: job for job in repository.list().jobs}
            runs = {job.id: len(repository.runs(job)) for job in jobs.values()}
        marks = [line.split() for line in read(self.room / "tally")]
        starts = Counter(job for kind, job, _ in marks if kind == "start")
        ends = {job for kind, job, _ in marks if kind == "end"}
        missing = [job for job in self.accepted if job not in jobs]
        unfinished = [job.id for job in jobs.values() if job.state.value not in FINAL]
        unseen = [job.id for job in jobs.values() if job.state.value == "completed" and job.id not in ends]
        doubled = read(self.room / "doubled") + [job for job in jobs if starts[job] > runs[job]]
        left = self.processes("QUEUECTL_RUN=") + self.shims()
        states = Counter(job.state.value for job in jobs.values())
        reasons = Counter(job.error for job in jobs.values() if job.state.value == "dead")
        kills = sum(number for deed, number in self.done.items() if deed.startswith("kill"))
        print(f"deeds: {dict(self.done)}, of them kills: {kills}")
        print(f"jobs: {len(self.accepted)} accepted, {dict(states)}; runs: {sum(starts.values())} started")
        print(f"dead because: {dict(reasons.most_common(6))}")
        print(f"lost: {len(missing) + len(unfinished) + len(unseen)}, doubled: {len(doubled)}, left over: {len(left)}")
        for what, first, last in zip(
            ("memory of a worker, KiB", "descriptors of a worker", "write-ahead log, bytes"),
            self.grown[min(1, len(self.grown) - 1)],
            self.grown[-1],
            strict=True,
        ):
            print(f"{what}: {first:,} near the start, {last:,} at the end")
        return not (missing or unfinished or unseen or doubled or left)


def leads_session(pid: int) -> bool:
    """Say whether a process is there and leads a session."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def descendants(pid: int) -> list[int]:
    """Return the live descendants of a process."""
    found = []
    with contextlib.suppress(OSError):
        for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()):
            found += [child, *descendants(child)]
    return found


def rss(pid: int) -> int:
    """Return a process's resident memory in KiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int((status.partition("VmRSS:")[2].split() or ["0"])[0])  # a zombie has none


def read(path: Path) -> list[str]:
    """Return the lines of a file that may not be there."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def soak(room: Path, chance: random.Random, minutes: float) -> bool:
    """Do the whole of it; say whether the account is clean."""
    everybody = Soak(room, chance)
    everybody.replace_workers()
    everybody.measure()
    everybody.run(minutes)
    everybody.measure()
    everybody.finish()
    clean = everybody.report()
    with contextlib.closing(sqlite3.connect(everybody.database)) as db:
        answer = db.execute("PRAGMA integrity_check").fetchone()[0]
    print("integrity:", answer)
    return clean and answer == "ok"


def main() -> None:
    """Run it, report, and exit accordingly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        store = Path(name) / "store"
        store.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(store)]
        mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0
        try:
            clean = soak(Path(name), random.Random(options.seed), options.minutes)
        finally:
            if mounted:
                subprocess.run(["umount", "-l", str(store)], check=False)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
