"""Compress Python's own standard library through queuectl: real work, checked to the last file.

One job for each `.py` file of the running Python (gzip it, test it, note both sizes) and
twenty that must fail, enqueued in one call and drained by two workers of four slots. Then
the same commands once more through `xargs -P 8`, for the time. Everything happens in a
temporary directory; the exit code is 0 only if every check holds.

    python examples/stdlib.py
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from pathlib import Path

QUEUECTL = [sys.executable, "-m", "queuectl"]
WORKERS, SLOTS, FAILING = 2, 4, 20


def main() -> None:
    """Run the whole of it and say how it went."""
    sources = sorted(
        path for path in Path(sysconfig.get_path("stdlib")).rglob("*.py") if "site-packages" not in path.parts
    )
    with tempfile.TemporaryDirectory(prefix="stdlib-") as name:
        room = Path(name)
        jobs = [good_job(number, path, room) for number, path in enumerate(sources)]
        jobs += [bad_job(number, room) for number in range(FAILING)]
        (room / "jobs.jsonl").write_text("".join(json.dumps(job) + "\n" for job in jobs), encoding="utf-8")
        print(f"{len(sources)} files of {sysconfig.get_path('stdlib')}, and {FAILING} jobs that must fail")
        enqueued = timed("enqueue", lambda: queuectl(room, "enqueue", "--file", "jobs.jsonl"))
        drained = timed(f"drain, {WORKERS} workers of {SLOTS} slots", lambda: drain(room))
        check(room, len(sources))
        compared = timed("the same through xargs -P 8", lambda: xargs(room, jobs))
        print(f"queuectl took {(enqueued + drained) / compared:.2f} times as long as xargs")


def good_job(number: int, source: Path, room: Path) -> dict[str, object]:
    """Make the job for one file; each run of it leaves a line in the tally."""
    packed = shlex.quote(str(room / f"{number}.gz"))
    plain = shlex.quote(str(source))
    command = (
        f"gzip -c {plain} > {packed} && gzip -t {packed} &&"
        f' echo "$(wc -c < {plain}) $(wc -c < {packed})" && echo file-{number} >> tally'
    )
    return {"id": f"file-{number}", "command": command}


def bad_job(number: int, room: Path) -> dict[str, object]:
    """Make a job that must fail: what it tests is not compressed."""
    command = f"echo bad-{number} >> tally; gzip -t {shlex.quote(str(room / 'jobs.jsonl'))}"
    return {"id": f"bad-{number}", "command": command, "max_retries": 2, "backoff_base": 0.5}


def queuectl(room: Path, *arguments: str) -> str:
    """Run queuectl on the store in `room`; return what it printed."""
    done = subprocess.run([*QUEUECTL, "-q", *arguments], cwd=room, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def drain(room: Path) -> None:
    """Start the workers, each a process of its own, and wait until nothing is left."""
    command = [*QUEUECTL, "-q", "worker", "start", "--drain", "--count", str(SLOTS)]
    workers = [subprocess.Popen(command, cwd=room, stdout=subprocess.DEVNULL) for _ in range(WORKERS)]
    for worker in workers:
        expect(worker.wait() == 0, "every worker drained and ended with 0")


def xargs(room: Path, jobs: list[dict[str, object]]) -> None:
    """Run the same commands without a queue; a failing one runs as often as its job did."""
    lines = [str(job["command"]) for job in jobs]
    lines += [str(job["command"]) for job in jobs if "max_retries" in job]
    subprocess.run(
        ["xargs", "-0", "-P", "8", "-n", "1", "sh", "-c"],
        cwd=room,
        input="\0".join(lines).encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,  # it reports the twenty
    )


def check(room: Path, good: int) -> None:
    """Hold the store's account against what the commands left behind."""
    runs = Counter((room / "tally").read_text().split())
    expect(sum(runs[f"file-{number}"] == 1 for number in range(good)) == good, "every good job ran exactly once")
    expect(all(runs[f"bad-{number}"] == 2 for number in range(FAILING)), "every bad job ran twice")
    dead = json.loads(queuectl(room, "dlq", "list", "--json"))
    expect({job["id"] for job in dead} == {f"bad-{number}" for number in range(FAILING)}, "the bad ones are dead")
    expect(all(job["error"] == "exit code 1" for job in dead), "each dead job has its reason")
    states = json.loads(queuectl(room, "status", "--json"))["jobs"]
    expect(states["completed"] == good, "the good ones are completed")
    expect(sum(states.values()) == good + FAILING, "status adds up")
    packed = sum(path.stat().st_size for path in room.glob("*.gz"))
    print(f"checked: {good} completed, {len(dead)} dead with their reasons, {packed / 1e6:.1f} MB compressed")


def timed(what: str, action: object) -> float:
    """Do it, and print how long it took."""
    assert callable(action)
    began = time.monotonic()
    action()
    seconds = time.monotonic() - began
    print(f"{what}: {seconds:.2f} s")
    return seconds


def expect(holds: bool, what: str) -> None:  # noqa: FBT001
    """Stop with the name of the check that does not hold."""
    if not holds:
        sys.exit(f"does not hold: {what}")


if __name__ == "__main__":
    main()
