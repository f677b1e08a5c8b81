"""Crashes at a certain line: a worker or a shim that kills itself there, and what its successor makes of it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from queuectl.worker import shim
from tests.acceptance.conftest import eventually

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop

_PROGRAM = """
import os, signal
from {module} import {owner} as owner

original = owner.{method}

def crashing(self, *args, **kwargs):
    result = None
    if {when!r} == "after":
        result = original(self, *args, **kwargs)
    if {given}:
        os.kill(os.getpid(), signal.SIGKILL)
    return result if {when!r} == "after" else original(self, *args, **kwargs)

owner.{method} = crashing

from queuectl.__main__ import main
main()
"""

_WITH_SHIM = """
from queuectl.worker import shim
shim.__file__ = {path!r}

from queuectl.__main__ import main
main()
"""


_SLOW_RESCUER = """
from {module} import {owner} as owner

original = owner.rescue

def rescue(self, *args, **kwargs):
    open({gate!r}).read()
    return original(self, *args, **kwargs)

owner.rescue = rescue

from queuectl.__main__ import main
main()
"""

_NEVER_TOLD = """
from {module} import {owner} as owner

owner.renew = lambda self, *args, **kwargs: ""

from queuectl.__main__ import main
main()
"""


class Crash(NamedTuple):
    """A moment in the life of a worker."""

    module: str
    owner: str
    method: str
    when: str  #: `before` or `after` the method
    given: str = "True"

    def program(self, shop: Shop) -> list[str]:
        """Return the program that does not survive it."""
        module, owner = shop.engine.repository if not self.module else (self.module, self.owner)
        return [sys.executable, "-c", _PROGRAM.format(**self._asdict() | {"module": module, "owner": owner})]


def _changed(shop: Shop, program: str, **parts: object) -> list[str]:
    """Return a program whose repository is another one."""
    module, owner = shop.engine.repository
    return [sys.executable, "-c", program.format(module=module, owner=owner, **parts)]


#: The repository, of whichever engine.
STORE = ("", "")
_RUNS = ("queuectl.worker.runs", "Runs")
_SHIM = ("queuectl.worker.process", "Shim")

MOMENTS = {
    "before it joins": Crash(*STORE, "join", "before"),
    "after it joined": Crash(*STORE, "join", "after"),
    "before the claim": Crash(*STORE, "turn", "before", "kwargs['slots']"),
    "after the claim": Crash(*STORE, "turn", "after", "result.leases"),
    "before it has a shim": Crash(*_SHIM, "__init__", "before"),
    "after it has a shim": Crash(*_SHIM, "__init__", "after"),
    "before the commands are sent": Crash(*_SHIM, "send", "before"),
    "after the commands are sent": Crash(*_SHIM, "send", "after"),
    "when a command has ended": Crash(*_SHIM, "news", "after", "result"),
    "before the result": Crash(*STORE, "turn", "before", "args[0]"),
    "after the result": Crash(*STORE, "turn", "after", "args[0]"),
    "before it leaves": Crash(*STORE, "leave", "before"),
    "after it left": Crash(*STORE, "leave", "after"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_that_dies_at_any_moment_costs_no_job_and_doubles_none(shop: Shop, moment: str) -> None:
    shop.enqueue_all([{"command": f"echo {number} >> runs"} for number in range(5)])
    worker = shop.start_worker("--drain", "-c", "2", program=MOMENTS[moment].program(shop))
    assert worker.ends() == -signal.SIGKILL
    shop.work("--drain", "-c", "2")
    assert sorted(map(int, shop.lines("runs"))) == list(range(5))
    assert {(job.state.value, job.attempts, job.exit_code) for job in shop.jobs()} == {("completed", 1, 0)}
    shop.is_quiet()
    assert not shop.store.workers()
    assert not list(shop.store.directory.glob("workers/*"))
    assert not list(shop.store.directory.glob("runs/*"))


RESCUES = {
    "before it takes over": Crash(*STORE, "rescue", "before"),
    "after it took over": Crash(*STORE, "rescue", "after"),
    "before it follows": Crash(*_RUNS, "adopt", "before"),
    "after it follows": Crash(*_RUNS, "adopt", "after"),
    "before the dead one is struck off": Crash(*STORE, "leave", "before"),
    "after the dead one is struck off": Crash(*STORE, "leave", "after"),
}


@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
@pytest.mark.parametrize("moment", RESCUES)
def test_a_rescuer_that_dies_at_any_moment_costs_no_job_and_doubles_none(
    shop: Shop, moment: str, *, ended: bool
) -> None:
    gate = shop.gate()
    jobs = shop.enqueue_all([{"command": f"echo run >> runs; {gate.wait}; exit 7"} for _ in range(2)])
    first = shop.start_worker("-c", "2")
    eventually(lambda: len(shop.lines("runs")) == len(jobs), "all jobs run")
    first.kill()
    if ended:
        for _ in jobs:
            gate.open()
        shop.is_quiet()
    rescuer = shop.start_worker("-c", "2", program=RESCUES[moment].program(shop))
    assert rescuer.ends() == -signal.SIGKILL
    last = shop.start_worker("-c", "2")
    if not ended:
        eventually(lambda: len(last.events("adopted")) == len(jobs), "the commands are adopted")
        for _ in jobs:
            gate.open()
    for job in jobs:
        found = shop.becomes(job, "pending")
        assert (found.attempts, found.exit_code) == (1, 7)
    assert shop.lines("runs") == ["run"] * len(jobs)
    last.signal(signal.SIGTERM)
    assert last.ends() == 0
    shop.is_quiet()
    assert not shop.store.workers()
    assert not list(shop.store.directory.glob("runs/*"))


@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
def test_a_rescuer_who_comes_too_late_gets_nothing(shop: Shop, *, ended: bool) -> None:
    gate, slow = shop.gate(), shop.home / "slow"
    os.mkfifo(slow)
    job = shop.enqueue(f"echo run >> runs; {gate.wait}; exit 7", max_retries=1)
    first = shop.start_worker()
    eventually(lambda: shop.lines("runs"), "the command runs")
    first.kill()
    late = shop.start_worker(program=_changed(shop, _SLOW_RESCUER, gate=str(slow)))
    with slow.open("w"):  # it has looked and is about to take
        second = shop.start_worker()
        eventually(lambda: second.events("adopted"), "the command is adopted")
        if ended:
            gate.open()
            shop.becomes(job, "dead")
    late.signal(signal.SIGTERM)
    assert late.ends() == 0
    assert not late.events("adopted")
    if not ended:
        gate.open()
    found = shop.becomes(job, "dead")
    assert (found.exit_code, found.attempts) == (7, 1)
    assert not second.events("lease_lost")


@pytest.mark.engines("sqlite")  # where a store has several hosts, the shim ends the commands when the lease does
def test_the_late_result_of_a_worker_that_was_taken_for_dead_changes_nothing(shop: Shop) -> None:
    shop.queuectl("status")
    shop.configure("lease", "2s")
    gate = shop.gate()
    job = shop.enqueue(f"echo run >> runs; {gate.wait}; exit 7", backoff_base=0)
    first = shop.start_worker(program=_changed(shop, _NEVER_TOLD))
    eventually(lambda: shop.lines("runs"), "the command runs")
    first.signal(signal.SIGSTOP)
    second = shop.start_worker()
    eventually(lambda: second.events("adopted"), "the command is adopted")
    gate.open()
    eventually(lambda: len(shop.lines("runs")) == 2, "the second run has begun")
    before = shop.job(job)
    first.signal(signal.SIGCONT)
    eventually(lambda: first.events("lease_lost"), "the late result is refused")
    assert shop.job(job) == before
    assert before.attempts == 2
    gate.open()
    gate.open()
    shop.becomes(job, "dead")
    assert len(shop.lines("runs")) == 3


# -- the shim -------------------------------------------------------------------------


def _with_shim(shop: Shop, line: str, *, when: str, once: bool = True) -> list[str]:
    """Return the program whose shim dies before or after this line of its source, once or each time."""
    lines = Path(shim.__file__).read_text(encoding="utf-8").split("\n")
    [index] = [number for number, text in enumerate(lines) if text.strip() == line]
    indent = lines[index][: len(lines[index]) - len(lines[index].lstrip())]
    died = str(shop.home / "died")
    condition = f"if not os.path.exists({died!r}): " if once else ""
    die = f"{indent}{condition}os.close(os.open({died!r}, os.O_CREAT)), os.kill(os.getpid(), signal.SIGKILL)"
    lines.insert(index + (when == "after"), die)
    path = shop.home / "shim.py"
    path.write_text("\n".join(lines), encoding="utf-8")
    return [sys.executable, "-c", _WITH_SHIM.format(path=str(path))]


SPAWNED = "run.pid = self.spawn(log, command, environment)"
REAPED = "_, status = os.waitpid(found.si_pid, 0)"
TOLD = 'self.events.append(("ended", run.slot, run.run, status, run.started_at, ended_at, seconds, run.cut))'


def test_a_shim_that_dies_before_it_starts_a_command_costs_no_job_and_doubles_none(shop: Shop) -> None:
    jobs = shop.enqueue_all([{"command": f"echo {number} >> runs", "backoff_base": 0.1} for number in range(3)])
    worker = shop.start_worker("--drain", program=_with_shim(shop, SPAWNED, when="before"))
    assert worker.ends() == 0
    assert sorted(map(int, shop.lines("runs"))) == [0, 1, 2]
    assert {shop.job(job).state.value for job in jobs} == {"completed"}
    shop.is_quiet()


@pytest.mark.parametrize("code", [0, 7])
def test_a_command_whose_shim_died_as_it_started_keeps_its_exit_code(shop: Shop, code: int) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo run >> runs; {gate.wait}; exit {code}", max_retries=1)
    worker = shop.start_worker(program=_with_shim(shop, SPAWNED, when="after"))
    worker.said("the shim was killed")
    eventually(lambda: shop.lines("runs"), "the command runs")
    gate.open()
    found = shop.becomes(job, "dead" if code else "completed")
    assert (found.exit_code, found.attempts) == (code, 1)
    assert shop.lines("runs") == ["run"]


def test_a_command_whose_shim_died_as_it_started_is_not_lost_beside_a_new_shim(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo run >> runs; {gate.wait}; exit 7", backoff_base=3600)
    worker = shop.start_worker("-c", "2", program=_with_shim(shop, SPAWNED, when="after"))
    worker.said("the shim was killed")
    eventually(lambda: shop.lines("runs"), "the command runs")
    # It is looked at once a second; these need a new shim, which keeps the record from now on.
    for _ in range(3):
        shop.becomes(shop.enqueue("sleep 0.5"), "completed")
    assert shop.job(job).state == "processing"
    gate.open()
    found = shop.becomes(job, "pending")
    assert (found.exit_code, found.attempts) == (7, 1)
    assert shop.lines("runs") == ["run"]


def test_what_a_shim_never_got_to_does_not_wait_for_the_next_shim(shop: Shop) -> None:
    first = shop.enqueue("true")
    worker = shop.start_worker("-c", "2")
    shop.becomes(first, "completed")
    keeper = worker.shim()
    os.kill(keeper, signal.SIGSTOP)
    jobs = [shop.enqueue("echo run >> runs") for _ in range(2)]
    for job in jobs:
        shop.becomes(job, "processing")
    os.kill(keeper, signal.SIGKILL)
    for job in jobs:
        assert shop.becomes(job, "completed").attempts == 1
    assert shop.lines("runs") == ["run"] * 2


def test_a_shim_that_is_slow_to_start_is_waited_for(shop: Shop) -> None:
    gate = shop.home / "slow"
    os.mkfifo(gate)
    job = shop.enqueue("echo run >> runs; exit 7", max_retries=1)
    path = shop.home / "shim.py"
    path.write_text(
        f"open({str(gate)!r}).read()\n"
        + Path(shim.__file__).read_text(encoding="utf-8").replace("from __future__ import annotations\n", ""),
        encoding="utf-8",
    )
    first = shop.start_worker(program=[sys.executable, "-c", _WITH_SHIM.format(path=str(path))])
    shop.becomes(job, "processing")
    with gate.open("w"):  # the shim has come to the gate, and waits until it closes
        first.kill()
        second = shop.start_worker()
        eventually(lambda: second.events("adopted"), "the run is adopted")
        assert not second.events("returned")
        assert shop.job(job).state == "processing"
    found = shop.becomes(job, "dead")
    assert (found.exit_code, found.attempts) == (7, 1)
    assert shop.lines("runs") == ["run"]


def test_a_command_whose_shim_and_worker_died_as_it_started_is_not_run_beside_itself(shop: Shop) -> None:
    gate = shop.gate()
    command = f"mkdir here || echo overlap >> overlaps; echo run >> runs; {gate.wait}; rmdir here"
    job = shop.enqueue(command, backoff_base=0.1)
    first = shop.start_worker(program=_with_shim(shop, SPAWNED, when="after"))
    eventually(lambda: shop.lines("runs"), "the command runs")
    first.kill()
    second = shop.start_worker()
    eventually(lambda: second.events("adopted"), "the command is adopted")
    gate.open()
    gate.open()
    assert shop.becomes(job, "completed").attempts <= 2
    assert not shop.lines("overlaps")


def test_a_shim_that_dies_with_an_exit_code_in_its_hands_loses_one_attempt(shop: Shop) -> None:
    job = shop.enqueue("echo run >> runs", backoff_base=0.1)
    worker = shop.start_worker("--drain", program=_with_shim(shop, REAPED, when="after"))
    assert worker.ends() == 0
    assert (shop.job(job).state, shop.job(job).attempts) == ("completed", 2)
    assert worker.events("retrying")[0]["outcome"] == "lost"


def test_a_shim_that_dies_once_an_exit_code_is_recorded_costs_no_job_and_doubles_none(shop: Shop) -> None:
    job = shop.enqueue("echo run >> runs; exit 7", max_retries=1)
    worker = shop.start_worker("--drain", program=_with_shim(shop, TOLD, when="before"))
    assert worker.ends() == 0
    assert (shop.job(job).state, shop.job(job).attempts, shop.job(job).exit_code) == ("dead", 1, 7)
    assert shop.lines("runs") == ["run"]


def test_a_shim_that_dies_every_time_does_not_go_round_for_ever(shop: Shop) -> None:
    job = shop.enqueue("true", max_retries=3, backoff_base=0.1)
    worker = shop.start_worker("--drain", program=_with_shim(shop, SPAWNED, when="before", once=False))
    assert worker.ends() == 0
    assert shop.job(job).state == "dead"
    assert len(worker.events("started")) < 10
    shop.is_quiet()


def test_a_command_that_kills_shim_and_worker_ends_dead_after_its_attempts(shop: Shop) -> None:
    job = shop.enqueue(
        "echo run >> runs; kill -KILL $(cut -d' ' -f4 /proc/$PPID/stat) $PPID; exit 3",
        max_retries=2,
        backoff_base=0.1,
    )
    for _ in range(2):
        worker = shop.start_worker("--drain")
        if worker.ends() == 0:
            break
    shop.work("--drain")
    assert (shop.job(job).state, shop.job(job).attempts) == ("dead", 2)
    assert shop.lines("runs") == ["run"] * 2
    shop.is_quiet()


def test_a_stopped_shim_is_no_dead_shim(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ > pid; {gate.wait}; exit 7", max_retries=1)
    first = shop.start_worker()
    shop.number("pid")
    keeper = first.shim()
    os.kill(keeper, signal.SIGSTOP)
    first.kill()
    gate.open()
    second = shop.start_worker()
    eventually(lambda: shop.store.workers()[-1].identity.pid == second.pid, "the second worker is there")
    assert shop.job(job).state == "processing"
    os.kill(keeper, signal.SIGCONT)
    found = shop.becomes(job, "dead")
    assert (found.exit_code, found.attempts) == (7, 1)
