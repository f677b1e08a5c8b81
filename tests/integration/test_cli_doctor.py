"""`queuectl doctor` without a process: what it finds on real files, and that it leaves them alone."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from queuectl.repository import open_repository
from queuectl.repository.sqlite import schema
from tests.integration.test_migration import _make_first

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import CommandLine


@pytest.fixture
def filled(run: CommandLine) -> CommandLine:
    """A store with completed job a, dead d, and p, which is pending."""
    run.home.chmod(0o700)
    run("enqueue", "--id", "a", "--tag", "t", "true")
    run.settle("completed")
    run("enqueue", "--id", "d", "--max-retries", "1", "false")
    run.settle("dead")
    run("enqueue", "--id", "p", "--delay", "1h", "true")
    _break(run, "UPDATE history SET at = 1700000000000 + id")  # the clock of `settle` is ahead
    return run


def _prints(directory: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(directory)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file()
    }


def _levels(run: CommandLine, *args: str, code: int = 0) -> dict[str, str]:
    """Return the worst level of each check."""
    found: dict[str, str] = {}
    for line in run("doctor", *args, code=code).splitlines():
        level, check, what, _ = line.split("\t")
        assert what
        found[check] = max(found.get(check, ""), level, key=["", "ok", "warning", "problem"].index)
    return found


def _break(run: CommandLine, *statements: str) -> None:
    with closing(sqlite3.connect(run.database, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


@pytest.mark.parametrize("args", [(), ("--thorough",)])
def test_a_sound_store_is_well(filled: CommandLine, args: tuple[str, ...]) -> None:
    found = _levels(filled, *args)
    found.pop("sqlite")  # a matter of the machine, as the next two
    found.pop("file-system")
    found.pop("space")
    assert set(found.values()) == {"ok"}
    assert ("counters" in found) == bool(args)


def test_nothing_is_changed(filled: CommandLine) -> None:
    before = _prints(filled.home)
    filled("doctor", "--thorough")
    assert _prints(filled.home) == before


def test_what_a_killed_writer_left_in_the_log_stays_there(filled: CommandLine) -> None:
    left = filled.home / "left"
    left.mkdir()
    with closing(open_repository(str(filled.database))) as repository:
        repository.set_setting("lease", "90s")
        for suffix in ("", "-wal"):
            shutil.copy(f"{filled.database}{suffix}", left / f"queue.db{suffix}")
    before = _prints(left)
    filled("doctor", "--db", "left/queue.db")
    after = _prints(left)
    after.pop("queue.db-shm", None)
    assert after == before


def test_no_store_is_a_problem_and_none_is_made(run: CommandLine) -> None:
    assert _levels(run, code=1)["store"] == "problem"
    assert list(run.home.iterdir()) == []
    assert _levels(run, "--db", "no/such/queue.db", code=1)["store"] == "problem"


def test_an_older_schema_is_told_and_stays(run: CommandLine) -> None:
    _make_first(run.database)
    assert _levels(run)["store"] == "warning"
    with closing(sqlite3.connect(run.database)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_newer_schema_and_a_strange_file_are_problems(filled: CommandLine) -> None:
    _break(filled, f"PRAGMA user_version = {schema.VERSION + 1}")
    assert _levels(filled, code=1)["store"] == "problem"
    (filled.home / "other").write_text("nothing of ours" * 1000, encoding="utf-8")
    assert _levels(filled, "--db", "other", code=1)["store"] == "problem"


def test_a_torn_page_is_a_problem(filled: CommandLine) -> None:
    content = bytearray(filled.database.read_bytes())
    content[8192::7] = b"\xaa" * len(content[8192::7])
    filled.database.write_bytes(content)
    found = _levels(filled, code=1)
    assert "problem" in {found["store"], found.get("integrity")}


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE counts SET jobs = jobs + 1 WHERE place = 'dead'", "1 dead in queue default are counted as 2"),
        ("DELETE FROM counts WHERE place = 'scheduled'", "1 scheduled in queue default are counted as 0"),
        ("UPDATE dead_by_signature SET jobs = 7", "1 dead of exit code 1 are counted as 7"),
        ("DELETE FROM history WHERE state = 'dead'", "1 states of jobs differ from the last step of their history"),
        ("INSERT INTO history (job, at, state, attempt, run) VALUES (9, 1, 'dead', 1, 1)", "1 transitions belong to"),
        ("INSERT INTO tags VALUES ('x', 99)", "1 tags belong to no job"),
        ("UPDATE jobs SET lease_token = 'x' WHERE id = 'a'", "1 jobs are processing without a lease"),
        ("UPDATE jobs SET finished_at = NULL WHERE id = 'a'", "1 jobs have an end without having ended"),
    ],
)
def test_what_does_not_add_up_is_found_by_a_thorough_look(filled: CommandLine, statement: str, says: str) -> None:
    _break(filled, statement)
    assert f"problem\tcounters\t{says}" in filled("doctor", "--thorough", code=1)
    filled("doctor")


def test_an_import_of_the_export_sets_wrong_counters_right(filled: CommandLine) -> None:
    _break(filled, "UPDATE counts SET jobs = 7", "UPDATE dead_by_signature SET jobs = 7")
    filled("export", "jobs.jsonl")
    filled("--db", "new.db", "import", "jobs.jsonl")
    assert _levels(filled, "--db", "new.db", "--thorough")["counters"] == "ok"


def test_a_clock_that_was_set_back_is_told(filled: CommandLine) -> None:
    _break(filled, "UPDATE history SET at = at * 2 WHERE id = (SELECT max(id) FROM history)")
    assert _levels(filled)["clock"] == "warning"
    _break(filled, "INSERT INTO history (job, at, state, attempt, run) VALUES (1, 5, 'completed', 1, 1)")
    assert _levels(filled)["clock"] == "warning"


def test_rights_are_looked_at(filled: CommandLine) -> None:
    filled.database.chmod(0o644)
    assert _levels(filled)["rights"] == "warning"
    filled.database.chmod(0o666)
    assert _levels(filled, code=1)["rights"] == "problem"


def test_logs_of_jobs_that_are_not_there_are_found_by_a_thorough_look(filled: CommandLine) -> None:
    shelf = filled.home / "queue.db.d" / "logs" / "000000"
    shelf.mkdir(parents=True)
    for directory in (shelf, *list(shelf.parents)[:2]):
        directory.chmod(0o700)
    for name in ("1-1.log", "77-1.log", "notes"):
        (shelf / name).touch()
    assert "by number: 77\t" in filled("doctor", "--thorough")
    assert "orphans" not in _levels(filled)


def test_a_dead_worker_with_a_job_and_a_queue_without_a_worker_are_told(run: CommandLine) -> None:
    run.home.chmod(0o700)
    run("enqueue", "true")
    run.settle("processing")
    run("enqueue", "--queue", "mail", "true")
    found = _levels(run)
    assert (found["workers"], found["queues"]) == ("warning", "warning")


def test_json_is_one_document(filled: CommandLine) -> None:
    found: dict[str, Any] = filled.json("doctor")
    assert set(found) == {"db", "problems", "warnings", "findings"}
    assert (found["db"], found["problems"]) == (str(filled.database), 0)
    assert {frozenset(one) for one in found["findings"]} == {frozenset({"check", "level", "what", "remedy"})}
    filled.database.unlink()
    assert filled("doctor", "--json", code=1).startswith("{")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_gets_a_table_with_ways_out_and_a_sum(filled: CommandLine, width: int) -> None:
    filled("enqueue", "--queue", "mail", "true")
    filled.on_terminal(width)
    text = filled("doctor")
    assert "queuectl worker start --queue" in " ".join(text.replace("→", "").split())
    assert "warning" in text.splitlines()[-1]
    assert all(len(line) <= width for line in text.splitlines())


def test_a_remedy_names_the_store_that_was_meant(filled: CommandLine) -> None:
    filled.database.rename(filled.home / "my store.db")
    filled("--db", "my store.db", "enqueue", "--queue", "mail", "true")
    assert "\tqueuectl --db 'my store.db' worker start --queue mail\n" in filled("doctor", "--db", "my store.db")
