"""A follower of the events beside workers, killed again and again: it misses nothing and sees nothing twice."""

from __future__ import annotations

import json
import random
import select
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from queuectl.model import JobState
from tests.acceptance.conftest import DEADLINE, PROGRAM, Shop, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


class Follower:
    """A `queuectl events --follow --json`, and the lines that it has told."""

    def __init__(self, shop: Shop, *args: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "events", "--follow", "--json", *args],
            cwd=shop.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout
        self.lines = self.process.stdout

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield events as they come; what stands on no whole line was not told."""
        for line in self.lines:
            if line.endswith("\n"):
                yield json.loads(line)

    def end(self, number: int = signal.SIGKILL) -> tuple[int, str]:
        """End it, and return its exit code and what it said."""
        self.process.send_signal(number)
        with self.process:  # closes its pipes
            said = self.process.stderr.read() if self.process.stderr else ""
        return self.process.returncode, said.strip()


def _follow_with_restarts(shop: Shop, seen: list[dict[str, Any]], last: str, luck: random.Random) -> None:
    """Follow until an event of the job `last` ends it, killed after some events each time."""
    while not (seen and seen[-1].get("job") == last and seen[-1]["to"] == "completed"):
        follower = Follower(shop, "--after", seen[-1]["cursor"] if seen else "start")
        try:
            some = luck.randint(1, 60)
            for event in follower.events():
                seen.append(event)
                some -= 1
                if some == 0 or (event.get("job") == last and event["to"] == "completed"):
                    break
        finally:
            follower.end()


@pytest.mark.parametrize("seed", range(2))
def test_a_follower_that_is_restarted_anywhere_sees_exactly_the_history(shop: Shop, seed: int) -> None:
    shop.configure("backoff-base", 0)
    shop.enqueue_all([{"command": "true"} for _ in range(40)])
    workers = [shop.start_worker("-c", "2") for _ in range(2)]
    # Commands that enqueue: events come in while others are read.
    more = f"{PROGRAM[0]} -m queuectl enqueue false"
    shop.enqueue_all([{"command": more} for _ in range(8)])
    shop.enqueue_all([{"command": "exit 3", "max_retries": 2} for _ in range(20)])
    shop.enqueue("true", id="last", priority=-1)
    seen: list[dict[str, Any]] = []
    _follow_with_restarts(shop, seen, "last", random.Random(seed))
    eventually(lambda: not shop.store.counts(now=0).states[JobState.PROCESSING], "nothing runs any more")
    for worker in workers:
        worker.signal(signal.SIGTERM)
        worker.ends()
    seen += shop.json("events", "--after", seen[-1]["cursor"])

    assert len({event["cursor"] for event in seen}) == len(seen)
    told: dict[str, list[tuple[object, ...]]] = {}
    assert {event["kind"] for event in seen} == {"transition", "action"}  # the setting, to begin with
    for event in (event for event in seen if event["kind"] == "transition"):
        told.setdefault(event["job"], []).append((event["from"], event["to"], event["attempt"], event["worker"]))
    histories = {
        job.id: [(step.from_state, step.state, step.attempt, step.worker) for step in shop.store.history(job)]
        for job in shop.jobs()
    }
    assert told == histories
    assert len(histories) == 40 + 16 + 20 + 1


def test_without_a_cursor_a_follower_begins_now(shop: Shop) -> None:
    shop.enqueue("true", id="old")
    follower = Follower(shop)

    def tell() -> bool:
        shop.enqueue("true")
        return bool(select.select([follower.lines], [], [], 0)[0])

    eventually(tell, "the follower tells something")
    first = next(follower.events())
    follower.end()
    assert first["job"] != "old"
    assert first["reason"] == "enqueued"


def test_a_follower_ends_with_its_reader_though_nothing_happens(shop: Shop) -> None:
    shop.enqueue("true", id="a")
    follower = Follower(shop, "--after", "start")
    assert next(follower.events())["job"] == "a"
    assert follower.process.stdout
    follower.process.stdout.close()
    assert follower.process.wait(DEADLINE) == 0
    follower.end()


def test_ctrl_c_and_term_end_a_follower(shop: Shop) -> None:
    shop.enqueue("true", id="a")
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        follower = Follower(shop, "--after", "start")
        assert next(follower.events())["job"] == "a"
        assert follower.end(number) == (code, "")
