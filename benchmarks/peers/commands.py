"""Peers that are commands: xargs, GNU parallel, task-spooler, nq."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from benchmarks.measure import PATIENCE, seconds, until
from benchmarks.peers.base import Gate, Peer, expect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Call the words behind it so many times, one after another.
REPEAT = 'n=$1; shift; while [ "$n" -gt 0 ]; do "$@" >/dev/null || exit; n=$((n - 1)); done'


def first_line(*command: str) -> str:
    """Return the first line that a command prints, empty if there is no such command."""
    if shutil.which(command[0]) is None:
        return ""
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return (answer.stdout or answer.stderr).partition("\n")[0].strip()


class Xargs(Peer):
    """`xargs -P`, which all others are held against."""

    name = "xargs -P"
    install = "apt-get install findutils"
    keeps = "nothing: no queue, no results, no output"
    how = "`xargs -P N -n1 sh -c`; that it exits with 0 shows that all ran"

    def version(self) -> str:
        return first_line("xargs", "--version").rpartition(" ")[2]

    def drain(self, where: Path, jobs: int, slots: int) -> float:
        (where / "jobs").write_text("true\n" * jobs, encoding="ascii")
        return seconds(["xargs", f"-P{slots}", "-n1", "sh", "-c"], where, stdin=where / "jobs")


class Parallel(Peer):
    """GNU parallel with a joblog."""

    name = "GNU parallel"
    install = "apt-get install parallel"
    keeps = "no queue; a line a job in a log, not fsynced, from which it can resume"
    how = "`parallel --joblog`, commands from stdin"
    share = 0.1

    def version(self) -> str:
        line = first_line("parallel", "--version")
        return line.rpartition(" ")[2] if line.startswith("GNU") else ""

    def environment(self, where: Path) -> Mapping[str, str]:
        return {"HOME": str(where), "PARALLEL_SHELL": "/bin/sh", "TMPDIR": str(where)}

    def drain(self, where: Path, jobs: int, slots: int) -> float:
        (where / "jobs").write_text("true\n" * jobs, encoding="ascii")
        words = ["parallel", "--will-cite", f"-j{slots}", "--joblog", "log"]
        took = seconds(words, where, stdin=where / "jobs", env=self.environment(where))
        lines = (where / "log").read_text(encoding="ascii").splitlines()[1:]
        expect(self.name, sum(line.split("\t")[6] == "0" for line in lines), jobs)
        return took


class Gated(Peer):
    """A queue that begins at once: a first job holds it until the others are enqueued."""

    def call(self, where: Path, *words: str) -> str:
        """Run one of its commands and return what it prints."""
        answer = subprocess.run(
            words,
            cwd=where,
            env={**os.environ, **self.environment(where)},
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        return answer.stdout

    def fill(self, where: Path, jobs: int, gate: Gate) -> float:
        """Hold the queue and enqueue so many; return the seconds of enqueueing."""
        self.call(where, *(self.enqueue_words(where, gate.command) or ()))
        words = self.enqueue_words(where, "true") or []
        gate.wait_for(1)
        return seconds(["sh", "-c", REPEAT, "sh", str(jobs), *words], where, env=self.environment(where))


class TaskSpooler(Gated):
    """task-spooler, a queue in a server's memory with a waiting process for each job."""

    name = "task-spooler"
    install = "apt-get install task-spooler"
    keeps = "queue and results in memory, output in files; gone with its server; no retries"
    how = "jobs enqueued behind one that waits, then `tsp -S N`; from the opening to the end of the last"
    share = 0.3
    most = 900  # it serves a thousand clients

    def version(self) -> str:
        return first_line("tsp", "-V").partition(" v")[2].split(" ")[0]

    def environment(self, where: Path) -> Mapping[str, str]:
        return {"TS_SOCKET": str(where / "ts"), "TMPDIR": str(where), "TS_MAXFINISHED": "100000"}

    def enqueue_words(self, where: Path, command: str) -> list[str]:
        del where
        return ["tsp", "sh", "-c", command]

    def drain(self, where: Path, jobs: int, slots: int) -> float:
        with contextlib.closing(Gate(where)) as gate:
            try:
                self.fill(where, jobs, gate)
                began = time.perf_counter()
                self.call(where, "tsp", "-S", str(slots))
                gate.open(1)
                self.call(where, "tsp", "-w", str(jobs))
                took = time.perf_counter() - began
                until(lambda: "running" not in self.call(where, "tsp", "-l"))
                ended = [line.split() for line in self.call(where, "tsp", "-l").splitlines()[1:]]
            finally:
                self.leave(where)
        expect(self.name, sum(words[1] == "finished" and words[3] == "0" for words in ended) - 1, jobs)
        return took

    def prepare(self, where: Path) -> None:
        self.call(where, "tsp", "-S", "1")

    def leave(self, where: Path) -> None:
        self.call(where, "tsp", "-K")

    def enqueue_many(self, where: Path, jobs: int) -> float:
        with contextlib.closing(Gate(where)) as gate:
            try:
                return self.fill(where, jobs, gate)
            finally:
                self._empty(where, jobs, gate)

    def _empty(self, where: Path, jobs: int, gate: Gate) -> None:
        gate.open(1)
        self.call(where, "tsp", "-w", str(jobs))
        self.leave(where)


class Nq(Gated):
    """nq, a queue of lock files with a waiting process for each job."""

    name = "nq"
    install = "apt-get install nq"
    keeps = "a log file a job with output and result, not fsynced; waiting jobs are processes; no retries"
    how = "jobs enqueued behind one that waits, one at a time; from the opening until `nq -w` returns"
    widths = (1,)
    share = 0.1
    most = 300  # every waiting process holds on to those before it

    def version(self) -> str:
        if shutil.which("nq") is None:
            return ""
        return first_line("dpkg-query", "--show", "--showformat=${Version}", "nq") or "found"

    def environment(self, where: Path) -> Mapping[str, str]:
        return {"NQDIR": str(where / "nq")}

    def prepare(self, where: Path) -> None:
        (where / "nq").mkdir(exist_ok=True)

    def enqueue_words(self, where: Path, command: str) -> list[str]:
        del where
        return ["nq", "sh", "-c", command]

    def drain(self, where: Path, jobs: int, slots: int) -> float:
        del slots
        self.prepare(where)
        with contextlib.closing(Gate(where)) as gate:
            self.fill(where, jobs, gate)
            began = time.perf_counter()
            gate.open(1)
            self.call(where, "nq", "-w")
            took = time.perf_counter() - began
        with contextlib.suppress(TimeoutError):  # the last lines of the logs come a little later
            until(lambda: self._ran(where) >= jobs, patience=5)
        expect(self.name, self._ran(where), jobs)
        return took

    def _ran(self, where: Path) -> int:
        """Count the jobs that ended well, without the one at the gate."""
        logs = [file.read_text(encoding="utf-8") for file in (where / "nq").iterdir()]
        return sum("[exited with status 0.]" in log for log in logs) - 1

    def enqueue_many(self, where: Path, jobs: int) -> float:
        self.prepare(where)
        with contextlib.closing(Gate(where)) as gate:
            took = self.fill(where, jobs, gate)
            gate.open(1)
            self.call(where, "nq", "-w")
        return took
