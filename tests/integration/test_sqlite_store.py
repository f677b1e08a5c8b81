"""The SQLite file itself: who may read it, what it is mistaken for, and what is left of it after a fault.

Faults are real ones: another uid, a full file system, a lock that somebody holds, a file cut short.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from queuectl import errors
from queuectl.model import Complete, Execution, JobSpec, JobState, Outcome
from queuectl.repository import open_repository
from queuectl.repository.base import Settlement, WorkerIdentity
from queuectl.repository.sqlite import SqliteRepository, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.repository.protocol import JobRepository

NOW = 1_800_000_000_000
LEASE = 60.0
PAGE = 4096
NOBODY = 65534
WAL_HEADER, FRAME_HEADER = 32, 24
WORKER = WorkerIdentity("w", "host", "boot", "ns", 1, 1, 1, (), "p")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def store(path: Path) -> Path:
    """Make a store that holds jobs a and b and that nobody has open."""
    with closing(SqliteRepository(path)) as repository:
        repository.enqueue([JobSpec("true", id="a"), JobSpec("true", id="b")], now=NOW)
    return path


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def _prints(directory: Path) -> dict[str, str]:
    """Return a fingerprint of each file in it."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def _ids(path: Path) -> list[str]:
    with closing(open_repository(str(path), create=False)) as repository:
        return [job.id for job in repository.list().jobs]


def _integrity(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("PRAGMA integrity_check").fetchall()


def _refused(kind: type[errors.StoreError], url: Path | str) -> errors.StoreError:
    """Try to open the store, see that it is refused by this error, and that it helps its reader."""
    with pytest.raises(errors.StoreError) as caught:
        open_repository(str(url)).close()
    error = caught.value
    assert type(error) is kind, error
    assert (error.exit_code, bool(error.hint)) == (6, True)
    assert str(url) in error.message
    assert "\n" not in error.message
    return error


class TestMaking:
    @pytest.fixture(autouse=True)
    def umask(self) -> Iterator[None]:
        before = os.umask(0)
        yield
        os.umask(before)

    def test_a_store_and_its_companions_are_private_under_any_umask(self, path: Path) -> None:
        with closing(SqliteRepository(path)) as repository:
            repository.enqueue([JobSpec("true")], now=NOW)
            made = {found.name: _mode(found) for found in path.parent.iterdir()}
        assert made == {"queue.db": 0o600, "queue.db-wal": 0o600, "queue.db-shm": 0o600}

    def test_the_file_is_private_before_anything_stands_in_it(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[int] = []
        real: Callable[..., sqlite3.Connection] = sqlite3.connect

        def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
            seen.append(_mode(path))
            return real(*arguments, **options)

        monkeypatch.setattr(sqlite3, "connect", connect)
        SqliteRepository(path).close()
        assert seen == [0o600]

    def test_it_says_who_made_the_file(self, path: Path) -> None:
        with closing(open_repository(str(path))) as first, closing(open_repository(f"sqlite:///{path}")) as second:
            assert (first.created, second.created) == (True, False)

    def test_a_store_that_must_not_be_made_is_not(self, path: Path) -> None:
        with pytest.raises(errors.StoreUnreachable, match="there is no store") as caught:
            open_repository(str(path), create=False)
        assert caught.value.hint
        assert list(path.parent.iterdir()) == []

    def test_an_empty_file_is_a_new_store(self, path: Path) -> None:
        path.touch()
        with closing(open_repository(str(path))) as repository:
            assert list(repository.list().jobs) == []
            repository.enqueue([JobSpec("true", id="a")], now=NOW)
        assert _ids(path) == ["a"]

    def test_a_first_command_killed_before_its_commit_leaves_a_new_store(self, path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("BEGIN IMMEDIATE")
            database.execute("CREATE TABLE jobs (a)")  # never committed
            shutil.copy(path, path.with_name("left.db"))
            shutil.copy(f"{path}-wal", path.with_name("left.db-wal"))
        with closing(open_repository(str(path.with_name("left.db")))) as repository:
            repository.enqueue([JobSpec("true", id="a")], now=NOW)
        assert _ids(path.with_name("left.db")) == ["a"]

    def test_a_name_with_marks_of_uris_and_sql_is_just_a_name(self, tmp_path: Path) -> None:
        path = tmp_path / "a?mode=memory#b%20'c;.db"
        with closing(open_repository(str(path))) as repository:
            repository.enqueue([JobSpec("true", id="a")], now=NOW)
        assert path.is_file()
        assert _ids(path) == ["a"]


class TestWhatIsNoStore:
    def test_a_directory_is_named_as_such(self, path: Path) -> None:
        path.mkdir()
        assert "is a directory" in _refused(errors.StoreUnreachable, path).message

    def test_a_pipe_is_refused_without_waiting_for_its_other_end(self, path: Path) -> None:
        os.mkfifo(path)
        assert "not a regular file" in _refused(errors.StoreUnreachable, path).message

    def test_a_missing_directory_is_named_as_such(self, path: Path) -> None:
        assert "directory does not exist" in _refused(errors.StoreUnreachable, path / "deeper.db").message
        assert list(path.parent.iterdir()) == []

    def test_a_file_in_place_of_the_directory_is_refused(self, path: Path) -> None:
        path.write_bytes(b"x")
        _refused(errors.StoreUnreachable, path / "queue.db")

    def test_a_symbolic_link_to_nothing_is_not_followed(self, path: Path) -> None:
        target = path.with_name("elsewhere")
        path.symlink_to(target)
        assert "symbolic link" in _refused(errors.StoreUnreachable, path).message
        assert not target.exists()

    def test_a_symbolic_link_to_itself_is_refused(self, path: Path) -> None:
        path.symlink_to(path)
        _refused(errors.StoreUnreachable, path)

    def test_a_symbolic_link_to_a_store_is_that_store(self, store: Path) -> None:
        link = store.with_name("link.db")
        link.symlink_to(store)
        assert _ids(link) == ["a", "b"]

    @pytest.mark.parametrize(
        "content",
        [b"xy", b"#!/bin/sh\necho\n" * 50, b"\0" * PAGE, b"\0" * 10 * PAGE, b"SQLite format 2\0" + b"\0" * PAGE],
        ids=["two-bytes", "a-script", "a-page-of-zeros", "pages-of-zeros", "another-format"],
    )
    def test_other_bytes_are_no_database_and_stay_as_they_are(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        before = _prints(path.parent)
        _refused(errors.StoreDamaged, path)
        assert _prints(path.parent) == before

    @pytest.mark.parametrize("journal", ["DELETE", "WAL"])
    @pytest.mark.parametrize(
        "statements",
        [["CREATE TABLE jobs (id)"], ["PRAGMA application_id = 7"], ["PRAGMA user_version = 1"]],
        ids=["table", "application-id", "user-version"],
    )
    def test_a_database_of_another_program_is_refused_and_stays_as_it_is(
        self, path: Path, journal: str, statements: list[str]
    ) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            for statement in [f"PRAGMA journal_mode = {journal}", *statements]:
                database.execute(statement)
        before = _prints(path.parent)
        _refused(errors.StoreForeign, path)
        assert _prints(path.parent) == before

    def test_a_store_of_a_later_version_is_refused_and_stays_as_it_is(self, store: Path) -> None:
        with closing(sqlite3.connect(store, isolation_level=None)) as database:
            database.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        before = _prints(store.parent)
        error = _refused(errors.StoreNewer, store)
        assert f"schema {schema.VERSION + 1}" in error.message
        assert _prints(store.parent) == before

    @pytest.mark.parametrize(
        ("pragma", "kind"),
        [("user_version = 99", errors.StoreNewer), ("application_id = 7", errors.StoreForeign)],
    )
    def test_what_another_program_has_not_moved_from_its_log_yet_is_left_there(
        self, store: Path, pragma: str, kind: type[errors.StoreError]
    ) -> None:
        left = store.parent / "left"
        left.mkdir()
        with closing(sqlite3.connect(store, isolation_level=None)) as database:
            database.execute(f"PRAGMA {pragma}")
            for suffix in ("", "-wal"):  # as after a kill: the log was never moved into the file
                shutil.copy(f"{store}{suffix}", f"{left}/queue.db{suffix}")
        before = _prints(left)
        assert "queue.db-wal" in before
        _refused(kind, left / "queue.db")
        after = _prints(left)
        after.pop("queue.db-shm", None)
        assert after == before

    def test_a_torn_page_is_damage_and_the_file_stays_as_it_is(self, store: Path) -> None:
        content = bytearray(store.read_bytes())
        content[100 : len(content) : 7] = b"\xaa" * len(range(100, len(content), 7))
        store.write_bytes(content)
        before = _prints(store.parent)
        with pytest.raises(errors.StoreDamaged) as caught, closing(open_repository(str(store))) as repository:
            list(repository.list().jobs)
        assert (caught.value.exit_code, bool(caught.value.hint)) == (6, True)
        assert _prints(store.parent) == before

    def test_a_file_cut_short_is_damage(self, store: Path) -> None:
        os.truncate(store, store.stat().st_size // 2)
        with pytest.raises(errors.StoreDamaged):
            _enqueue_one(store)


@contextmanager
def _somebody_without_rights() -> Iterator[None]:
    """Become another user for a while if we are root, who may write whatever its mode says."""
    if os.geteuid() != 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


class TestRights:
    @pytest.fixture
    def place(self) -> Iterator[Path]:
        """Make a directory that other users can reach, with a store that all may read and write."""
        with tempfile.TemporaryDirectory(prefix="queuectl-rights-") as name:
            place = Path(name)
            with closing(SqliteRepository(place / "queue.db")) as repository:
                repository.enqueue([JobSpec("true", id="a")], now=NOW)
            place.chmod(0o777)
            (place / "queue.db").chmod(0o666)
            yield place
            place.chmod(0o777)

    def test_whoever_may_write_can_use_it(self, place: Path) -> None:
        with _somebody_without_rights(), closing(open_repository(str(place / "queue.db"))) as repository:
            repository.enqueue([JobSpec("true", id="b")], now=NOW)
        assert _ids(place / "queue.db") == ["a", "b"]

    @pytest.mark.parametrize(("directory", "file"), [(0o555, 0o444), (0o555, 0o666), (0o777, 0o444)])
    def test_a_store_that_may_not_be_written_says_so_and_stays_as_it_is(
        self, place: Path, directory: int, file: int
    ) -> None:
        path = place / "queue.db"
        path.chmod(file)
        place.chmod(directory)
        before = _prints(place)
        with _somebody_without_rights(), pytest.raises(errors.StoreReadOnly) as caught:
            _enqueue_one(path)
        assert "writable" in (caught.value.hint or "")
        after = _prints(place)
        assert {"queue.db-shm", "queue.db-wal"} >= set(after) - set(before)
        assert after["queue.db"] == before["queue.db"]

    def test_a_store_that_may_only_be_read_can_be_listed(self, place: Path) -> None:
        (place / "queue.db").chmod(0o444)
        with _somebody_without_rights():
            assert _ids(place / "queue.db") == ["a"]

    def test_a_store_that_may_not_be_read_says_so(self, place: Path) -> None:
        (place / "queue.db").chmod(0o600 if os.geteuid() == 0 else 0)
        with _somebody_without_rights():
            _refused(errors.StoreReadOnly, place / "queue.db")

    def test_a_directory_that_may_not_be_entered_says_so(self, place: Path) -> None:
        place.chmod(0o600)
        with _somebody_without_rights():
            _refused(errors.StoreReadOnly, place / "queue.db")

    def test_a_directory_that_may_not_be_written_gets_no_store(self, place: Path) -> None:
        place.chmod(0o555)
        with _somebody_without_rights():
            _refused(errors.StoreReadOnly, place / "new.db")
        assert not (place / "new.db").exists()


def _enqueue_one(path: Path) -> None:
    with closing(open_repository(str(path))) as repository:
        repository.enqueue([JobSpec("true", id="c")], now=NOW)


class TestRoom:
    @pytest.fixture
    def limit(self) -> Iterator[Callable[[int], None]]:
        """Let no file of this process grow beyond so many bytes."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def test_a_full_store_takes_nothing_of_a_call_and_keeps_what_it_has(self, store: Path) -> None:
        with closing(SqliteRepository(store)) as repository:
            (pages,) = repository._db.execute("PRAGMA page_count").fetchone()
            repository._db.execute(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(errors.StoreFull) as caught:
                repository.enqueue([JobSpec("true " * 1000) for _ in range(100)], now=NOW)
            assert "nothing was stored" in (caught.value.hint or "")
            assert [job.id for job in repository.list().jobs] == ["a", "b"]
            repository._db.execute("PRAGMA max_page_count = 100000")
            repository.enqueue([JobSpec("true", id="c")], now=NOW)
        assert _ids(store) == ["a", "b", "c"]
        assert _integrity(store) == [("ok",)]

    def test_a_log_that_cannot_grow_takes_nothing_of_a_call(self, store: Path, limit: Callable[[int], None]) -> None:
        with closing(SqliteRepository(store)) as repository:
            limit(20 * PAGE)
            with pytest.raises((errors.StoreFull, errors.StoreUnreachable)) as caught:
                repository.enqueue([JobSpec("true " * 1000) for _ in range(100)], now=NOW)
            assert caught.value.hint
            limit(resource.RLIM_INFINITY)
            repository.enqueue([JobSpec("true", id="c")], now=NOW)
        assert _ids(store) == ["a", "b", "c"]
        assert _integrity(store) == [("ok",)]

    def test_a_full_disk_takes_nothing_of_a_call_and_keeps_what_it_has(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("only root may mount a small file system")
        try:
            with closing(SqliteRepository(disk / "queue.db")) as repository:
                repository.enqueue([JobSpec("true", id="a")], now=NOW)
                filler = disk / "filler"
                with pytest.raises(OSError, match="No space"):
                    filler.write_bytes(b"x" * 2**20)
                with pytest.raises(errors.StoreFull) as caught:
                    repository.enqueue([JobSpec("true " * 1000) for _ in range(20)], now=NOW)
                assert "free some space" in (caught.value.hint or "")
                assert _refused_as_full(disk / "new.db")
                assert [job.id for job in repository.list().jobs] == ["a"]
                filler.unlink()
                repository.enqueue([JobSpec("true", id="b")], now=NOW)
            assert _ids(disk / "queue.db") == ["a", "b"]
            assert _integrity(disk / "queue.db") == [("ok",)]
        finally:
            subprocess.run(["umount", str(disk)], check=True)


def _refused_as_full(path: Path) -> bool:
    with pytest.raises(errors.StoreFull):
        open_repository(str(path)).close()
    return True


class TestTheLock:
    def test_a_writer_that_waits_too_long_is_told_that_the_store_is_busy(self, store: Path) -> None:
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with closing(SqliteRepository(store)) as repository:
                repository.patience = 0.05
                with pytest.raises(errors.StoreBusy) as caught:
                    repository.enqueue([JobSpec("true")], now=NOW)
                assert (caught.value.exit_code, bool(caught.value.hint)) == (6, True)
                assert [job.id for job in repository.list().jobs] == ["a", "b"]
                other.execute("ROLLBACK")
                repository.enqueue([JobSpec("true", id="c")], now=NOW)
        assert _ids(store) == ["a", "b", "c"]

    def test_a_result_can_be_written_when_the_lock_is_free_again(self, store: Path) -> None:
        with closing(SqliteRepository(store)) as repository:
            repository.patience = 0.05
            worker = repository.join(WORKER, now=NOW, ticks=1.0)
            (lease,) = repository.turn([], worker=worker, slots=1, now=NOW, lease_seconds=LEASE).leases
            execution = Execution(Outcome.EXITED, 0, None, NOW, NOW, 0.1)
            result = [Settlement(lease.job.seq, lease.token, execution, Complete())]
            with closing(sqlite3.connect(store, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(errors.StoreBusy):
                    repository.turn(result, worker=worker, slots=0, now=NOW, lease_seconds=LEASE)
            turn = repository.turn(result, worker=worker, slots=0, now=NOW, lease_seconds=LEASE)
            assert (turn.refused, repository.get("a").state) == (frozenset(), JobState.COMPLETED)

    def test_a_writer_waits_for_its_turn(self, store: Path) -> None:
        with (
            closing(sqlite3.connect(store, isolation_level=None)) as other,
            closing(SqliteRepository(store)) as repository,
        ):
            other.execute("BEGIN IMMEDIATE")
            tries: list[str] = []

            def let_go_at_the_third_try(statement: str) -> None:
                tries.append(statement)
                if len(tries) == 3:
                    other.execute("COMMIT")

            repository._db.set_trace_callback(let_go_at_the_third_try)
            repository.set_setting("lease", "30s")
            assert tries[:3] == ["BEGIN IMMEDIATE"] * 3
            assert dict(repository.settings()) == {"lease": "30s"}


class TestIdentity:
    def test_a_store_in_its_place_is_the_same_file(self, store: Path) -> None:
        with closing(open_repository(str(store))) as repository:
            assert repository.is_same_file() is True
            repository.enqueue([JobSpec("true")], now=NOW)
            assert repository.is_same_file() is True

    @pytest.mark.parametrize("how", ["deleted", "replaced", "moved", "directory deleted"])
    def test_a_store_that_went_away_is_noticed(self, store: Path, how: str) -> None:
        shutil.copytree(store.parent, place := store.parent / "place")
        path = place / store.name
        with closing(open_repository(str(path))) as repository:
            if how == "deleted":
                path.unlink()
            elif how == "replaced":
                shutil.copy(path, place / "copy.db")
                (place / "copy.db").replace(path)
            elif how == "moved":
                path.rename(place / "moved.db")
            else:
                shutil.rmtree(place)
            assert repository.is_same_file() is False

    def test_a_change_of_directory_changes_nothing(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(store.parent)
        with closing(open_repository(store.name)) as repository:
            monkeypatch.chdir("/")
            assert repository.is_same_file() is True
            assert repository.url == "queue.db"
            assert repository.directory == store.with_name("queue.db.d")


class TestPowerCut:
    """After each acknowledged commit the log has a length; whatever is cut off behind it, the commit is there."""

    @pytest.fixture
    def life(self, path: Path) -> Iterator[tuple[Path, list[tuple[int, list[tuple[str, str]]]]]]:
        """Return a store still open, and after each commit the length of its log and what the store then held."""
        wal = Path(f"{path}-wal")
        with closing(SqliteRepository(path)) as repository:
            repository._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            repository._db.execute("PRAGMA wal_autocheckpoint = 0")
            at_first = (0, _states(repository))
            yield path, [at_first, *((wal.stat().st_size, _states(repository)) for _ in _events(repository))]

    @pytest.mark.parametrize("torn", [0, FRAME_HEADER, FRAME_HEADER + PAGE - 1], ids="{}-bytes-more".format)
    def test_every_acknowledged_commit_survives_a_log_cut_at_any_frame(
        self, life: tuple[Path, list[tuple[int, list[tuple[str, str]]]]], tmp_path: Path, torn: int
    ) -> None:
        path, acknowledged = life
        log = Path(f"{path}-wal").read_bytes()
        frames = (len(log) - WAL_HEADER) // (FRAME_HEADER + PAGE)
        assert frames > len(acknowledged) > 10
        for frame in range(frames + 1):
            cut = WAL_HEADER + frame * (FRAME_HEADER + PAGE)
            copy = tmp_path / "cut.db"
            shutil.copy(path, copy)
            # Behind the cut: bytes of the frame that never came whole.
            Path(f"{copy}-wal").write_bytes(log[: cut + torn])
            expected = [held for length, held in acknowledged if length <= cut][-1]
            with closing(open_repository(str(copy), create=False)) as repository:
                assert _states(repository) == expected, frame
                repository.enqueue([JobSpec("true", id="after")], now=NOW)
            assert _integrity(copy) == [("ok",)]
            _see_that_it_hangs_together(copy)

    def test_a_bit_that_turned_in_the_log_costs_only_what_stands_behind_it(
        self, life: tuple[Path, list[tuple[int, list[tuple[str, str]]]]], tmp_path: Path
    ) -> None:
        path, acknowledged = life
        log = Path(f"{path}-wal").read_bytes()
        for place in range(WAL_HEADER + 5, len(log), 9 * (FRAME_HEADER + PAGE) // 4):
            broken = bytearray(log)
            broken[place] ^= 0x10
            copy = tmp_path / "cut.db"
            shutil.copy(path, copy)
            Path(f"{copy}-wal").write_bytes(broken)
            expected = [held for length, held in acknowledged if length <= place][-1]
            with closing(open_repository(str(copy), create=False)) as repository:
                assert _states(repository) == expected
            assert _integrity(copy) == [("ok",)]

    def test_every_commit_is_forced_to_the_disk(self, store: Path) -> None:
        with closing(SqliteRepository(store)) as repository:
            settings = [repository._db.execute(f"PRAGMA {name}").fetchone() for name in ("synchronous", "journal_mode")]
        assert settings == [(2,), ("wal",)]


def _states(repository: JobRepository) -> list[tuple[str, str]]:
    return [(job.id, str(job.state)) for job in repository.list().jobs]


def _events(repository: JobRepository) -> Iterator[None]:
    """Do something and commit it, again and again."""
    worker = repository.join(WORKER, now=NOW, ticks=1.0)
    yield
    for number in range(6):
        specs = [JobSpec("true " * 300, id=f"j{number}-{copy}", tags=("t",)) for copy in range(number + 1)]
        repository.enqueue(specs, now=NOW)
        yield
        leases = repository.turn([], worker=worker, slots=number, now=NOW, lease_seconds=LEASE).leases
        yield
        execution = Execution(Outcome.EXITED, 0, None, NOW, NOW, 0.1)
        done = [Settlement(lease.job.seq, lease.token, execution, Complete()) for lease in leases]
        repository.turn(done, worker=worker, slots=0, now=NOW, lease_seconds=LEASE)
        yield


def _see_that_it_hangs_together(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        kept = database.execute("SELECT place, queue, jobs FROM tally ORDER BY 1, 2").fetchall()
        real = database.execute("SELECT place, queue, count(*) FROM jobs GROUP BY 1, 2 ORDER BY 1, 2").fetchall()
        assert kept == real
        bad = "SELECT id FROM jobs WHERE (state = 'processing') <> (lease_token IS NOT NULL)"
        assert database.execute(bad).fetchall() == []


def test_there_may_be_more_open_queues_than_sqlite_binds_values(path: Path) -> None:
    with closing(SqliteRepository(path)) as repository:
        repository.enqueue([JobSpec("true", queue=f"q{number}", run_at=NOW + 9) for number in range(100)], now=NOW)
        repository.pause(["other"], now=NOW, by="me@here")
        repository._db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 50)
        assert not repository.outlook(now=NOW).ready
        assert repository.outlook(now=NOW + 9).ready
