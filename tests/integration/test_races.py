"""Real processes on one store: what the write lock and the tokens are for.

Seen to fail against, by hand: BEGIN for BEGIN IMMEDIATE in `Connection._writing`; a claim that selects in one
transaction and updates in the next; the token left out of `_HELD`, and out of `_RESCUE`; a patience of 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from queuectl.model import Bury, Execution, JobSpec, JobState, Outcome
from queuectl.repository.base import EVERY, Filter, IfExists, Settlement, WorkerIdentity
from queuectl.repository.sqlite import SqliteRepository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from queuectl.repository.protocol import JobRepository
    from tests.engines import Place

NOW = 1_800_000_000_000
LEASE = 60.0
PRODUCERS = 8
CLAIMERS = 6
EACH = 40

#: What every child begins with. It says that it is ready, and starts when all are: its standard input ends.
_PROLOGUE = """
import json, sys
from queuectl import errors
from queuectl.model import Bury, Complete, Execution, JobSpec, Outcome, Return
from queuectl.repository import open_repository
from queuectl.repository.base import EVERY, Settlement, WorkerIdentity

NOW, LEASE = 1_800_000_000_000, 60.0
url, number = sys.argv[1], int(sys.argv[2])
report = {"ids": [], "tokens": [], "settled": [], "refused": []}

def ready():
    print("ready", flush=True)
    sys.stdin.read()

def joined(repository):
    identity = WorkerIdentity(f"w{number}", "host", "boot", "ns", number, 1, 4, (), f"p{number}")
    return repository.join(identity, now=NOW, ticks=1.0)

def settled(lease, verdict):
    code = 0 if isinstance(verdict, Complete) else 1
    execution = Execution(Outcome.EXITED, code, "no" if code else None, NOW, NOW + number, 0.1)
    return Settlement(lease.job.seq, lease.token, execution, verdict)
"""

_PRODUCE = """
repository = open_repository(url)
ready()
for job in range(int(sys.argv[3])):
    report["ids"] += [one.id for one in repository.enqueue([JobSpec("true", id=f"{number}-{job}")], now=NOW)]
print(json.dumps(report))
"""

_WORK = """
repository = open_repository(url)
worker = joined(repository)
ready()
settlements, expected = [], int(sys.argv[3])
while True:
    turn = repository.turn(settlements, worker=worker, slots=3, now=NOW, lease_seconds=LEASE)
    report["settled"] += [one.seq for one in settlements if one.token not in turn.refused]
    report["refused"] += sorted(turn.refused)
    report["ids"] += [lease.job.id for lease in turn.leases]
    report["tokens"] += [lease.token for lease in turn.leases]
    settlements = [settled(lease, (Complete(), Bury("no"))[lease.job.seq % 2]) for lease in turn.leases]
    counts = repository.counts(now=NOW)
    if not settlements and counts.states["completed"] + counts.states["dead"] + counts.pruned >= expected:
        break
print(json.dumps(report))
"""

_PRUNE = """
repository = open_repository(url)
ready()
while True:
    after = 0
    while after is not None:
        pruned = repository.prune(EVERY, limit=7, after=after)
        report["ids"] += pruned.ids
        after = pruned.after
    repository.swept(repository.leftovers(limit=5))
    if repository.counts(now=NOW).pruned >= int(sys.argv[3]):
        break
print(json.dumps(report))
"""

_RESCUE = """
repository = open_repository(url)
worker, gone = joined(repository), int(sys.argv[3])
leases = repository.leases_of(gone)
ready()
for lease in leases:
    taken = repository.rescue([lease], worker=worker, now=NOW, lease_seconds=LEASE)
    report["ids"] += [one.job.id for one in taken]
    report["tokens"] += [one.token for one in taken]
print(json.dumps(report))
"""

_SETTLE_OLD_LEASES = """
repository = open_repository(url)
gone = int(sys.argv[3])
leases = repository.leases_of(gone)
ready()
for lease in leases:
    late = settled(lease, Complete())
    turn = repository.turn([late], worker=gone, slots=0, now=NOW, lease_seconds=LEASE)
    report["refused" if turn.refused else "settled"].append(lease.job.id)
print(json.dumps(report))
"""

_ENQUEUE_THE_SAME = """
repository = open_repository(url)
ready()
for job in range(int(sys.argv[3])):
    try:
        repository.enqueue([JobSpec("true", id=f"same-{job}", unique_key=f"key-{job}")], now=NOW)
    except errors.JobExists:
        report["refused"].append(job)
    else:
        report["ids"].append(f"same-{job}")
print(json.dumps(report))
"""


_CLAIM_AND_RETURN = """
repository = open_repository(url)
worker = joined(repository)
ready()
settlements = []
while "over" not in [one.queue for one in repository.paused()] or settlements:
    is_over = "over" in [one.queue for one in repository.paused()]
    turn = repository.turn(settlements, worker=worker, slots=0 if is_over else 2, now=NOW, lease_seconds=LEASE)
    report["ids"] += [lease.job.id for lease in turn.leases]
    settlements = [settled(lease, Return()) for lease in turn.leases]
print(json.dumps(report))
"""

_PAUSE_AND_COUNT = """
from queuectl.repository.base import Filter
repository = open_repository(url)
def runs(queue):
    return sum(job.runs for job in repository.list(Filter(queues=(queue,))).jobs)
ready()
for _ in range(int(sys.argv[3])):
    repository.pause(["x"], now=NOW, by="")
    x, y = runs("x"), runs("y")
    while runs("y") < y + 6:  # the others go on claiming, from y alone
        pass
    report["settled"].append(runs("x") - x)
    repository.resume(["x"], now=NOW, by="")
    while runs("x") == x:
        pass
repository.pause(["over"], now=NOW, by="")
print(json.dumps(report))
"""


class Race:
    """Children that get ready, start together, and each report one JSON object."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._children: list[subprocess.Popen[str]] = []

    def enter(self, script: str, *arguments: object) -> None:
        command = [sys.executable, "-c", _PROLOGUE + script, self._url, str(len(self._children))]
        self._children.append(
            subprocess.Popen(
                [*command, *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def run(self) -> list[dict[str, Any]]:
        for child in self._children:
            assert child.stdout is not None
            line = child.stdout.readline()
            assert line == "ready\n", child.communicate()[1]
        for child in self._children:
            assert child.stdin is not None
            child.stdin.close()
            child.stdin = None
        ends = [child.communicate(timeout=100) for child in self._children]
        assert [error for _, error in ends if error] == []
        return [json.loads(output) for output, _ in ends]

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.communicate()


@pytest.fixture
def race(place: Place) -> Iterator[Race]:
    with closing(Race(place.url)) as race:
        yield race


def _all(reports: Sequence[dict[str, Any]], key: str) -> list[Any]:
    return [value for report in reports for value in report[key]]


def test_every_job_of_eight_producers_is_claimed_and_settled_exactly_once_by_six_workers(
    race: Race, repository: JobRepository
) -> None:
    for _ in range(PRODUCERS):
        race.enter(_PRODUCE, EACH)
    for _ in range(CLAIMERS):
        race.enter(_WORK, PRODUCERS * EACH)
    reports = race.run()
    stored, claimed = _all(reports[:PRODUCERS], "ids"), _all(reports[PRODUCERS:], "ids")
    assert len(stored) == PRODUCERS * EACH
    assert Counter(claimed) == Counter(stored)
    assert len(set(_all(reports, "tokens"))) == len(claimed)
    assert _all(reports, "refused") == []
    jobs = list(repository.list().jobs)
    assert sorted(_all(reports, "settled")) == sorted(job.seq for job in jobs)
    assert {(job.attempts, job.state) for job in jobs} == {(1, JobState.COMPLETED), (1, JobState.DEAD)}
    counts = repository.counts(now=NOW)
    assert counts.states[JobState.COMPLETED] + counts.states[JobState.DEAD] == len(stored)
    assert (counts.ready, counts.states[JobState.PROCESSING]) == (0, 0)


def test_pruners_beside_producers_and_workers_take_only_what_has_ended_and_each_job_once(
    race: Race, repository: JobRepository
) -> None:
    for _ in range(4):
        race.enter(_PRODUCE, EACH)
    for _ in range(3):
        race.enter(_WORK, 4 * EACH)
    for _ in range(3):
        race.enter(_PRUNE, 4 * EACH)
    reports = race.run()
    stored, claimed, pruned = (_all(part, "ids") for part in (reports[:4], reports[4:7], reports[7:]))
    assert Counter(claimed) == Counter(pruned) == Counter(stored)
    assert _all(reports, "refused") == []
    assert len(_all(reports, "settled")) == len(stored) == 4 * EACH
    counts = repository.counts(now=NOW)
    assert (sum(counts.states.values()), counts.pruned) == (0, len(stored))


@pytest.mark.engines("sqlite")
def test_a_job_that_is_retried_or_replaced_between_look_and_removal_stays(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteRepository(place.url)) as pruner, closing(SqliteRepository(place.url)) as person:
        person.enqueue([JobSpec("true", id=name) for name in "abc"], now=NOW)
        worker = person.join(WorkerIdentity("w", "host", "boot", "ns", 1, 1, 4, (), "p"), now=NOW, ticks=1.0)
        leases = person.turn([], worker=worker, slots=3, now=NOW, lease_seconds=LEASE).leases
        ended = Execution(Outcome.EXITED, 1, "no", NOW, NOW, 0.1)
        buried = [Settlement(lease.job.seq, lease.token, ended, Bury("no")) for lease in leases]
        person.turn(buried, worker=worker, slots=0, now=NOW, lease_seconds=LEASE)
        writing = pruner._writing

        @contextmanager
        def meanwhile() -> Iterator[Any]:
            person.retry(Filter(ids=("b",)), now=NOW)
            person.enqueue([JobSpec("true", id="c")], now=NOW, if_exists=IfExists.REPLACE)
            with writing() as db:
                yield db

        monkeypatch.setattr(pruner, "_writing", meanwhile)
        assert pruner.prune(EVERY, limit=9).ids == ("a",)
        assert [(job.id, job.state) for job in person.list().jobs] == [("b", "pending"), ("c", "pending")]
        assert person.counts(now=NOW).pruned == 1


def _gone(repository: JobRepository, jobs: int) -> int:
    """Leave a worker behind that holds so many jobs."""
    repository.enqueue([JobSpec("true") for _ in range(jobs)], now=NOW)
    identity = WorkerIdentity("gone", "host", "boot", "ns", 1, 1, 4, (), "p")
    worker = repository.join(identity, now=NOW, ticks=1.0)
    assert len(repository.turn([], worker=worker, slots=jobs, now=NOW, lease_seconds=LEASE).leases) == jobs
    return worker


def test_of_four_rescuers_exactly_one_gets_each_lease(race: Race, repository: JobRepository) -> None:
    gone = _gone(repository, 100)
    for _ in range(4):
        race.enter(_RESCUE, gone)
    reports = race.run()
    assert Counter(_all(reports, "ids")) == Counter(job.id for job in repository.list().jobs)
    assert len(set(_all(reports, "tokens"))) == 100


def test_a_job_is_either_rescued_or_finished_by_its_old_worker(race: Race, repository: JobRepository) -> None:
    gone = _gone(repository, 200)
    for script in (_RESCUE, _SETTLE_OLD_LEASES, _RESCUE, _SETTLE_OLD_LEASES):
        race.enter(script, gone)
    reports = race.run()
    rescued, finished = _all(reports, "ids"), _all(reports, "settled")
    completed = repository.list(Filter(states=(JobState.COMPLETED,))).jobs
    running = repository.list(Filter(states=(JobState.PROCESSING,))).jobs
    assert sorted(finished) == sorted(job.id for job in completed)
    assert sorted(rescued) == sorted(job.id for job in running)
    assert len(rescued) + len(finished) == 200


def test_of_eight_enqueues_of_one_id_exactly_one_is_told_that_it_was_stored(
    race: Race, repository: JobRepository
) -> None:
    for _ in range(8):
        race.enter(_ENQUEUE_THE_SAME, 30)
    reports = race.run()
    assert sorted(_all(reports, "ids")) == sorted(job.id for job in repository.list().jobs)
    assert len(_all(reports, "ids")) == 30
    assert len(_all(reports, "refused")) == 7 * 30


def test_once_pause_has_returned_nothing_is_claimed_from_its_queue(race: Race, repository: JobRepository) -> None:
    repository.enqueue([JobSpec("true", queue="xy"[number % 2], priority=number % 3) for number in range(12)], now=NOW)
    for _ in range(3):
        race.enter(_CLAIM_AND_RETURN)
    race.enter(_PAUSE_AND_COUNT, 30)
    *workers, pauser = race.run()
    assert pauser["settled"] == [0] * 30
    assert _all(workers, "refused") == []
    assert {job.state for job in repository.list().jobs} == {JobState.PENDING}


def test_eight_first_commands_at_once_make_one_store(race: Race, connect: Callable[[], JobRepository]) -> None:
    opening = """
ready()
repository = open_repository(url)
report["ids"] = [one.id for one in repository.enqueue([JobSpec("true")], now=NOW)]
report["settled"] = [repository.created]
print(json.dumps(report))
"""
    for _ in range(8):
        race.enter(opening)
    reports = race.run()
    assert sum(_all(reports, "settled")) == 1
    repository = connect()
    assert sorted(_all(reports, "ids")) == sorted(job.id for job in repository.list().jobs)
    assert repository.counts(now=NOW).ready == 8
