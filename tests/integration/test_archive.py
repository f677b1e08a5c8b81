"""A whole store as lines, and back: nothing is lost, nothing is made up, and all of it or none."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from queuectl import errors
from queuectl.model import Bury, Cancel, Complete, Execution, JobSpec, JobState, Outcome, Policy, Retry
from queuectl.repository.archive import Entry, read
from queuectl.repository.base import Filter, Settlement, WorkerIdentity
from queuectl.repository.columns import JOB, STEP
from queuectl.repository.sqlite import SqliteRepository
from tests.archives import assert_sound, exported, imported
from tests.engines import SqliteOutside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from queuectl.model import Verdict
    from queuectl.repository.protocol import JobRepository
    from tests.engines import Engine, Place

NOW = 1_800_000_000_000
HOUR = 3_600_000
WORKER = WorkerIdentity("w", "host", "boot", "ns", 1, 1, 9, (), "p")


class Stores:
    """Stores by name."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self._engine = engine
        self._home = home
        self._places: dict[str, Place] = {}
        self._opened: list[JobRepository] = []

    def __call__(self, name: str) -> JobRepository:
        """Open a store, once more if it is open."""
        self._opened.append(self._place(name).open())
        return self._opened[-1]

    def _place(self, name: str) -> Place:
        if name not in self._places:
            self._places[name] = self._engine.place(self._home / name)
        return self._places[name]

    def rows(self, name: str, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds from outside."""
        with closing(self._place(name).outside()) as outside:
            return outside.rows(query)

    def change(self, name: str, statement: str) -> None:
        """Change a store from outside."""
        with closing(self._place(name).outside()) as outside:
            outside.change(statement)

    def are_sound(self) -> None:
        """See that all are whole."""
        for place in self._places.values():
            assert_sound(place.outside())

    def close(self) -> None:
        """Leave nothing of them."""
        for repository in self._opened:
            repository.close()
        for place in self._places.values():
            place.remove()


@pytest.fixture
def make(engine: Engine, tmp_path: Path) -> Iterator[Stores]:
    """Open stores by name."""
    with closing(Stores(engine, tmp_path)) as stores:
        yield stores


@pytest.fixture
def full(make: Stores) -> JobRepository:
    """A store with jobs in every place, and with everything that a job can have."""
    store = make("full")
    plain = [JobSpec("true", id=name) for name in ("completed", "gone", "stopped")]
    rich = JobSpec(
        "echo '\x1b[31m' 日本 😀 \x7f\n", id="retrying", max_retries=7, backoff_base=1.5, priority=-3, timeout=90.0,
        queue="mail", cwd="/ü", env={"A": "1\n", "B": ""}, tags=("x", "ü"), unique_key="k",
        policy=Policy(success_codes=(0, 3), retry_on=("75", "SIGKILL"), backoff_max=5.0, retry_for=3600.0),
    )  # fmt: skip
    dead = JobSpec("false", id="dead", max_retries=1, tags=("x",))
    store.enqueue([*plain, rich, dead, JobSpec("sleep 9", id="running", queue="mail", unique_key="r")], now=NOW)
    worker = store.join(WORKER, now=NOW, ticks=1.0)
    leases = store.turn([], worker=worker, slots=9, now=NOW + 5, lease_seconds=60).leases
    verdicts: dict[str, Verdict] = {
        "completed": Complete(), "gone": Complete(), "stopped": Cancel("cancelled by me"),
        "retrying": Retry(NOW + HOUR, "exit code 1"), "dead": Bury("exit code 1", "exit code N"),
    }  # fmt: skip
    done = [
        Settlement(lease.job.seq, lease.token, _execution(verdict), verdict)
        for lease in leases
        for verdict in [verdicts.get(lease.job.id)]
        if verdict is not None
    ]
    store.turn(done, worker=worker, slots=0, now=NOW + 9, lease_seconds=60)
    store.remove(Filter(ids=("gone",)))
    store.enqueue([JobSpec("true", id="ready"), JobSpec("true", id="scheduled", run_at=NOW + HOUR)], now=NOW + 10)
    store.enqueue([JobSpec("true", id="unwanted", priority=9)], now=NOW + 10)
    store.turn([], worker=worker, slots=1, now=NOW + 11, lease_seconds=60)
    store.cancel(Filter(ids=("unwanted",)), now=NOW + 12, grace=2.5, by="me@here")
    store.set_setting("max-retries", "5")
    store.set_setting("a-later-one", "x")
    make.change("full", "INSERT INTO paused (queue, since, by) VALUES ('', 1, 'me@here'), ('mail', 2, 'you@there')")
    return store


def _execution(verdict: Verdict) -> Execution:
    code = 0 if isinstance(verdict, Complete) else 1
    return Execution(Outcome.EXITED, code, f"exit code {code}" if code else None, NOW + 6, NOW + 8, 0.1 + 0.2)


def _without(lines: list[bytes], *kinds: str) -> list[bytes]:
    return [line for line in lines if not set(json.loads(line)) & set(kinds)]


def _changed(lines: list[bytes], job_id: str, **fields: Any) -> list[bytes]:
    """Change fields of a job; None takes one out."""
    changed = []
    for line in lines:
        entry = json.loads(line)
        if entry.get("job", {}).get("id") == job_id:
            entry["job"] = {name: value for name, value in (entry["job"] | fields).items() if value is not None}
        changed.append(json.dumps(entry).encode() + b"\n")
    return changed


# -- there and back ---------------------------------------------------------------------------


def test_what_was_exported_and_imported_exports_the_same_bytes(full: JobRepository, make: Stores) -> None:
    lines = exported(full)
    assert len(_without(lines, "queuectl", "settings", "paused", "action", "end")) == 8
    states = {json.loads(line)["job"]["state"] for line in lines if b'{"job"' in line}
    assert states == {str(state) for state in JobState if state is not JobState.FAILED}
    new = make("new")
    assert imported(new, lines, now=NOW + HOUR)[:3] == (8, 0, 2)
    assert exported(new) == lines
    make.are_sound()


def test_jobs_keep_their_numbers_in_an_empty_store_and_get_later_ones_in_another(
    full: JobRepository, make: Stores
) -> None:
    new, other = make("new"), make("other")
    other.enqueue([JobSpec("true", id="here", tags=("x",))], now=NOW)
    other.cancel(Filter(ids=("here",)), now=NOW, grace=1.0)
    before = other.history(other.get("here"))
    lines = exported(full)
    for store in (new, other):
        imported(store, lines, now=NOW)
    old = [(job.id, job.seq) for job in full.list().jobs]
    assert [(job.id, job.seq) for job in new.list().jobs] == old
    assert [(job.id, job.seq) for job in other.list().jobs] == [("here", 1), *((name, seq + 1) for name, seq in old)]
    assert [job.id for job in other.list(Filter(tags=("x",))).jobs] == ["here", "retrying", "dead"]
    assert other.history(other.get("dead")) == full.history(full.get("dead"))
    assert other.history(other.get("here")) == before
    new.enqueue([JobSpec("true", id="next")], now=NOW)
    assert new.get("next").seq == max(seq for _, seq in old) + 1
    make.are_sound()


def test_transitions_keep_the_order_in_which_they_were_committed(full: JobRepository, make: Stores) -> None:
    new = make("new")
    imported(new, exported(full), now=NOW)
    query = "SELECT job, at, state FROM history ORDER BY id"
    assert make.rows("new", query) == make.rows("full", query)


def test_every_column_is_exported_or_belongs_to_a_lease(repository: JobRepository, place: Place) -> None:
    del repository  # it has made the store
    with closing(place.outside()) as outside:
        lease = {"worker_id", "lease_token", "lease_expires_at", "record"}
        assert outside.columns("jobs") == {*JOB, *lease, "place"}
        assert outside.columns("history") == {*STEP, "job"}


@pytest.mark.engines("sqlite")
def test_every_table_is_exported_or_is_not_about_what_is_there(repository: JobRepository, place: Place) -> None:
    del repository
    with closing(place.outside()) as outside:
        tables = {name for (name,) in outside.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    kept = {"jobs", "history", "settings", "paused", "actions"}
    made_anew = {"tags", "counts", "dead_by_signature", "sqlite_sequence"}
    of_this_machine = {"workers", "leftovers", "pruned"}
    assert tables == kept | made_anew | of_this_machine


def test_running_jobs_are_held_by_a_worker_whom_anybody_takes_for_dead(full: JobRepository, make: Stores) -> None:
    new = make("new")
    imported(new, exported(full), now=NOW)
    (absent,) = new.workers()
    assert set(absent.jobs) == {"running", "unwanted"}
    assert (absent.identity.boot_id, absent.heartbeat_at, absent.lease_seconds) == ("", 0, 0.0)
    leases = new.leases_of(absent.id)
    assert {lease.record for lease in leases} == {absent.identity.presence}
    worker = new.join(WORKER, now=NOW, ticks=1.0)
    assert len(new.rescue(leases, worker=worker, now=NOW, lease_seconds=60)) == 2
    assert dict(new.requests(worker).cancels).keys() == {lease.token for lease in new.leases_of(worker)} - {
        lease.token for lease in new.leases_of(worker) if lease.job.id == "running"
    }
    new.leave(absent.id)
    assert [one.id for one in new.workers()] == [worker]


def test_without_running_jobs_no_worker_is_made_up(make: Stores) -> None:
    old, new = make("old"), make("new")
    old.enqueue([JobSpec("true", id="a")], now=NOW)
    assert imported(new, exported(old), now=NOW)[:3] == (1, 0, 0)
    assert new.workers() == []


def test_a_dead_job_that_does_not_say_what_it_died_of_goes_to_the_others_with_its_error(
    full: JobRepository, make: Stores
) -> None:
    new = make("new")
    imported(new, _changed(exported(full), "dead", signature=None), now=NOW)
    job = new.get("dead")
    assert job.error
    assert job.signature == job.error
    assert [group.signature for group in new.dead_groups(Filter()).groups] == [job.error]


def test_a_signature_of_any_length_can_be_imported(full: JobRepository, make: Stores) -> None:
    new = make("new")
    long = "".join(chr(ord("a") + number * number % 26) + str(number) for number in range(3000))
    imported(new, _changed(exported(full), "dead", signature=long), now=NOW)
    signature = new.get("dead").signature or ""
    assert long.startswith(signature)
    assert new.dead_of(signature) == 1


def test_two_actions_alike_stay_two_and_do_not_become_four(make: Stores) -> None:
    old, new = make("old"), make("new")
    for _ in range(2):
        make.change("old", "INSERT INTO actions (at, by, verb, what, jobs) VALUES (3, 'me@here', 'pause', 'mail', 0)")
    for _ in range(2):
        imported(new, exported(old), now=NOW)
    assert exported(new) == exported(old)


def test_an_empty_store_comes_back_too(make: Stores) -> None:
    lines = exported(make("old"))
    head, *rest = map(json.loads, lines)
    assert (head["queuectl"]["format"], rest) == (1, [{"settings": {}}, {"end": {"jobs": 0}}])
    assert imported(make("new"), lines, now=NOW)[:3] == (0, 0, 0)


def test_an_export_shows_one_moment(full: JobRepository, make: Stores) -> None:
    before = exported(full)
    entries = full.export()
    lines = [next(entries)]
    make("full").enqueue([JobSpec("true", id="later")], now=NOW)
    lines += entries
    assert [json.dumps(line).encode() + b"\n" for line in lines] == before


# -- what is there already --------------------------------------------------------------------


def _nothing_changed(make: Stores, store: JobRepository, act: Callable[[], object], error: type[BaseException]) -> str:
    before = exported(store)
    with pytest.raises(error) as caught:
        act()
    assert exported(store) == before
    if isinstance(store, SqliteRepository):
        assert store._db.execute("SELECT count(*) FROM sqlite_temp_schema").fetchone() == (0,)
    make.are_sound()
    return str(caught.value)


def test_an_id_that_exists_is_a_conflict_and_nothing_is_stored(full: JobRepository, make: Stores) -> None:
    new = make("new")
    new.enqueue([JobSpec("true", id="dead")], now=NOW)
    said = _nothing_changed(make, new, lambda: imported(new, exported(full), now=NOW), errors.JobExists)
    assert said == "line 9: job 'dead' exists already (pending)"


def test_skip_leaves_what_is_there_and_takes_in_the_rest(full: JobRepository, make: Stores) -> None:
    new = make("new")
    new.enqueue([JobSpec("mine", id="dead"), JobSpec("mine", id="other", unique_key="k")], now=NOW)
    new.set_setting("max-retries", "9")
    assert imported(new, exported(full), now=NOW, skip=True)[:3] == (6, 2, 2)
    jobs = {job.id: job for job in new.list().jobs}
    assert (jobs["dead"].command, jobs["other"].command) == ("mine", "mine")
    assert "retrying" not in jobs
    assert new.settings()["max-retries"] == "9"
    make.are_sound()


def test_to_import_again_with_skip_changes_nothing(full: JobRepository, make: Stores) -> None:
    before = exported(full)
    assert imported(full, before, now=NOW, skip=True) == (0, 8, 0, ())
    assert exported(full) == before
    make.are_sound()


def test_a_unique_key_that_is_taken_is_a_conflict(full: JobRepository, make: Stores) -> None:
    new = make("new")
    new.enqueue([JobSpec("true", id="a", unique_key="r")], now=NOW)
    said = _nothing_changed(make, new, lambda: imported(new, exported(full), now=NOW), errors.UniqueKeyTaken)
    assert said == "line 10: job 'a' has the unique key 'r'"


def test_the_unique_key_of_a_job_that_has_ended_is_free(make: Stores) -> None:
    old, new = make("old"), make("new")
    old.enqueue([JobSpec("true", id="a", unique_key="k")], now=NOW)
    old.cancel(Filter(ids=("a",)), now=NOW, grace=1.0)
    old.enqueue([JobSpec("true", id="b", unique_key="k")], now=NOW)
    assert imported(new, exported(old), now=NOW).jobs == 2


def test_a_setting_with_another_value_is_a_conflict(full: JobRepository, make: Stores) -> None:
    new = make("new")
    new.set_setting("max-retries", "9")
    said = _nothing_changed(make, new, lambda: imported(new, exported(full), now=NOW), errors.Conflict)
    assert said == "line 2: setting 'max-retries' is 5 there and 9 here"


# -- files that are not right -----------------------------------------------------------------

_BAD: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "empty": (lambda _: [], "line 1: it is empty, and no export of queuectl"),
    "foreign": (lambda _: [b'{"command": "true"}\n'], "line 1: this is no export of queuectl"),
    "binary": (lambda _: [b"SQLite format 3\0\xff"], "line 1: this is no export of queuectl"),
    "later": (lambda lines: [b'{"queuectl": {"format": 2}}\n', *lines[1:]], "line 1: format 2 is of a later version"),
    "cut": (lambda lines: lines[:-1], "line 14: its end is missing: it was cut short"),
    "cut-in-a-line": (lambda lines: [*lines[:-2], lines[-2][:50]], "line 13: not valid JSON"),
    "lost-a-line": (lambda lines: [*lines[:7], *lines[8:]], "line 13: it should hold 8 jobs and holds 7"),
    "twice": (lambda lines: [*lines, *lines], "line 15: something follows the end"),
    "utf8": (lambda lines: [*lines[:5], b'{"job": "\xff"}\n', *lines[5:]], "line 6: not valid JSON"),
    "nan": (lambda lines: [*lines[:5], b'{"job": NaN}\n', *lines[5:]], "line 6: not valid JSON"),
    "deep": (lambda lines: [*lines[:5], b"[" * 100_000, *lines[5:]], "line 6: not valid JSON"),
    "kind": (lambda lines: [*lines[:5], b'{"jobs": 1}\n', *lines[5:]], "line 6: 'jobs' means nothing here"),
    "no-object": (lambda lines: [*lines[:5], b"[1]\n", *lines[5:]], "line 6: it is not an object with one key"),
    "order": (lambda lines: [*lines[:6], lines[7], lines[6], *lines[8:]], "line 8: job 'stopped': seq: 3 follows 4"),
}  # fmt: skip


@pytest.mark.parametrize("name", _BAD)
def test_a_file_that_is_not_right_is_refused_by_its_line_and_nothing_is_stored(
    name: str, full: JobRepository, make: Stores
) -> None:
    damage, message = _BAD[name]
    new = make("new")
    new.enqueue([JobSpec("true", id="here")], now=NOW)
    lines = damage(exported(full))
    said = _nothing_changed(make, new, lambda: imported(new, lines, now=NOW), errors.InvalidInput)
    assert said.startswith(f"test: {message}")


@pytest.mark.parametrize(
    ("job_id", "fields", "message"),
    [
        ("dead", {"state": "failed"}, "state: 'failed' is not one of pending, "),
        ("dead", {"state": "completed"}, "history: it does not fit a job that is completed"),
        ("dead", {"finished_at": None}, "finished_at: it does not fit a job that is dead"),
        ("dead", {"command": None}, "it has no command"),
        ("dead", {"command": "  "}, "command: it is blank"),
        ("dead", {"history": None}, "it has no history"),
        ("dead", {"history": [1]}, "a number is not an object"),
        ("dead", {"attempts": -1}, "attempts: -1 is not a whole number from 0 to "),
        ("dead", {"attempts": 1.5}, "attempts: 1.5 is not a whole number"),
        ("dead", {"priority": "high"}, "priority: 'high' is not a whole number"),
        ("dead", {"timeout": "soon"}, "timeout: 'soon' is not a number"),
        ("dead", {"delayed": 1}, "delayed: 1 is neither true nor false"),
        ("dead", {"delayed": True}, "delayed: it does not fit"),
        ("dead", {"cancel_grace": 1}, "cancel_grace: it does not fit"),
        ("dead", {"worker": 5}, "worker: 5 is not a text"),
        ("dead", {"error": "\ud800"}, "error: it is not valid Unicode"),
        ("dead", {"env": {"A": 1}}, "env: ['A']: a number is not a string"),
        ("dead", {"policy": {"retry": 1}}, "policy: unknown field 'retry'"),
        ("dead", {"policy": {"retry_on": "x"}}, "policy: retry_on: 'x' is not a list"),
        ("dead", {"policy": {"retry_for": "x"}}, "policy: retry_for: 'x' is not a number"),
        ("dead", {"policy": {"retry_for": 1e300}}, "policy: retry_for: 1e+300 is not "),
        ("dead", {"policy": {"retry_for": 0}}, "policy: retry_for: 0 is no time"),
        ("dead", {"policy": {"backoff_jitter": 2}}, "policy: backoff_jitter: 2 is not a number from 0 to 1"),
        ("dead", {"policy": {"success_codes": ["x"]}}, "policy: success_codes[0]: 'x' is not an exit code"),
        ("dead", {"policy": {"retry_on": ["1"], "give_up_on": ["1"]}}, "policy: give_up_on: 1 stands in retry_on too"),
        ("dead", {"created_at": 2**53 - 1}, "created_at: 9007199254740991 is not a whole number from 0 to 2534"),
        ("dead", {"comand": "x"}, "unknown field 'comand'"),
        ("running", {"runs": 0}, "runs: it does not fit a job that is processing"),
        ("ready", {"next_run_at": None}, "next_run_at: it does not fit a job that is pending"),
    ],
)
def test_a_job_that_cannot_be_is_refused_with_its_name(
    job_id: str, fields: dict[str, Any], message: str, full: JobRepository
) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        list(read(_changed(exported(full), job_id, **fields), source="test"))
    where, _, said = caught.value.message.partition(f"job '{job_id}': ")
    assert where.startswith("test: line ")
    assert said.startswith(message)
    assert caught.value.hint


@pytest.mark.parametrize("field", ["backoff_base", "duration_seconds", "timeout"])
def test_a_number_beyond_all_others_is_refused(field: str, full: JobRepository) -> None:
    lines = _changed(exported(full), "dead", **{field: 12345.5})
    with pytest.raises(errors.InvalidInput, match=f"{field}: inf is not a number of 0 or more"):
        list(read([line.replace(b"12345.5", b"1e999") for line in lines], source="test"))


def test_what_stands_twice_in_an_export_is_refused_with_its_line(full: JobRepository, make: Stores) -> None:
    new, lines = make("new"), exported(full)

    def refused(changed: list[bytes], error: type[Exception]) -> str:
        return _nothing_changed(make, new, lambda: imported(new, changed, now=NOW), error)

    assert refused(_changed(lines, "ready", id="dead"), errors.JobExists) == (
        "line 11: id 'dead' stands twice in the export"
    )
    assert refused(_changed(lines, "ready", unique_key="k"), errors.UniqueKeyTaken) == (
        "line 11: the unique key 'k' stands twice"
    )
    steps = json.loads(lines[8])["job"]["history"]
    twice = _changed(lines, "running", history=[steps[0]])
    assert refused(twice, errors.InvalidInput) == "line 10: job 'running': history: an id stands twice"


def test_values_of_the_environment_stand_in_no_message(full: JobRepository) -> None:
    lines = _changed(exported(full), "retrying", env={"A": "secret", "B=": "secret"})
    with pytest.raises(errors.InvalidInput) as caught:
        list(read(lines, source="test"))
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_blank_lines_and_windows_ends_are_no_damage(full: JobRepository, make: Stores) -> None:
    lines = exported(full)
    assert imported(make("new"), [line[:-1] + b"\r\n\n" for line in lines][:1] + lines[1:] + [b"\n"], now=NOW).jobs == 8


# -- many -------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_number_of_jobs(engine: Engine, make: Stores) -> None:
    def peak(number: int) -> int:
        old, new = make(f"old-{number}"), make(f"new-{number}")
        old.enqueue((JobSpec("x" * 500, id=f"j{one}", tags=("t",)) for one in range(number)), now=NOW)
        worker = old.join(WORKER, now=NOW, ticks=1.0)
        old.turn([], worker=worker, slots=50, now=NOW, lease_seconds=60)
        tracemalloc.start()
        lines = (json.dumps(entry).encode() for entry in old.export())
        assert new.import_(read(lines, source="test"), now=NOW).jobs == number
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = (300, 3000) if engine.name == "sqlite" else (4000, 8000)  # a server tells of two thousand at a time
    peak(1)  # what is imported on the way is no matter of numbers
    assert peak(many) < peak(few) + 100_000


def test_whoever_writes_slowly_keeps_nobody_from_the_store(full: JobRepository, make: Stores) -> None:
    new, neighbour = make("new"), make("new")
    neighbour.patience = 0.0

    def slowly() -> Iterator[Entry]:
        for number, entry in enumerate(read(exported(full), source="test")):
            neighbour.enqueue([JobSpec("true", id=f"beside-{number}")], now=NOW)
            yield entry

    assert new.import_(slowly(), now=NOW).jobs == 8
    assert new.get("beside-0").seq < new.get("completed").seq


def test_an_import_that_is_interrupted_stores_nothing(full: JobRepository, make: Stores) -> None:
    new = make("new")

    def interrupted() -> Iterator[Entry]:
        yield from list(read(exported(full), source="test"))[:5]
        raise KeyboardInterrupt

    _nothing_changed(make, new, lambda: new.import_(interrupted(), now=NOW), KeyboardInterrupt)
    assert imported(new, exported(full), now=NOW).jobs == 8


# -- backup -----------------------------------------------------------------------------------


@pytest.mark.engines("sqlite")
def test_a_backup_is_a_store_with_everything_in_it(full: JobRepository, tmp_path: Path) -> None:
    (tmp_path / "copy.db").touch()
    full.backup(str(tmp_path / "copy.db"))
    assert_sound(SqliteOutside(tmp_path / "copy.db"))
    with closing(SqliteRepository(tmp_path / "copy.db", create=False)) as copy:
        assert exported(copy) == exported(full)
        assert copy.workers() == full.workers()


@pytest.mark.engines("sqlite")
def test_a_backup_shows_one_moment_and_writers_go_on(
    full: JobRepository, make: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from queuectl.repository.sqlite import backup

    neighbour = make("full")
    written: list[object] = []

    told: list[tuple[int, int]] = []

    def write(copied: int, pages: int) -> None:
        told.append((copied, pages))
        written.append(neighbour.enqueue([JobSpec("true", id=f"beside-{len(written)}")], now=NOW))

    monkeypatch.setattr(backup, "_PAGES", 1)
    before = exported(full)
    full.backup(str(tmp_path / "copy.db"), tell=write)
    assert len(written) > 5
    assert told == [(number, len(told)) for number in range(1, len(told) + 1)]
    with closing(SqliteRepository(tmp_path / "copy.db", create=False)) as copy:
        assert exported(copy) == before
