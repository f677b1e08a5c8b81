"""Many at once: no job is forgotten, none runs twice, nobody hears of a lock."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import PROGRAM

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop

pytestmark = [pytest.mark.engines("sqlite"), pytest.mark.slow, pytest.mark.timeout(300)]


def test_four_workers_of_four_slots_run_five_thousand_jobs_once_each(shop: Shop) -> None:
    jobs = 5_000
    shop.enqueue_all([{"command": f"echo {number} >> runs"} for number in range(jobs)])
    workers = [shop.start_worker("--drain", "-c", "4") for _ in range(4)]
    for worker in workers:
        assert worker.process.wait(240) == 0
    assert sorted(map(int, shop.lines("runs"))) == list(range(jobs))
    assert shop.json("status")["jobs"]["completed"] == jobs
    assert {job.attempts for job in shop.jobs()} == {1}
    assert all(worker.events("completed") for worker in workers)
    for worker in workers:
        assert not worker.events("warning")
        assert not worker.events("lease_lost")
    shop.is_quiet()


def test_producers_and_workers_do_not_get_into_each_others_way(shop: Shop) -> None:
    producers, calls, each = 8, 5, 30
    shop.queuectl("status")
    workers = [shop.start_worker("-c", "2") for _ in range(6)]
    for producer in range(producers):
        for call in range(calls):
            names = [f"{producer}-{call}-{number}" for number in range(each)]
            lines = [json.dumps({"id": name, "command": f"echo {name} >> runs"}) for name in names]
            (shop.home / f"{producer}-{call}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    call_all = 'for file in "$0"-*.jsonl; do "$@" enqueue --file "$file" || exit; done'
    crowd = [
        subprocess.Popen(
            ["sh", "-c", call_all, str(producer), *PROGRAM],
            cwd=shop.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for producer in range(producers)
    ]
    accepted: list[str] = []
    for process in crowd:
        output, complaints = process.communicate(timeout=120)
        assert (process.returncode, complaints) == (0, "")
        accepted += output.split()
    assert len(set(accepted)) == producers * calls * each
    shop.all_become("completed", deadline=120)
    assert sorted(shop.lines("runs")) == sorted(accepted)
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        assert worker.ends() == 0
        assert not worker.events("warning")
    assert {job.attempts for job in shop.jobs()} == {1}
    shop.is_quiet()
