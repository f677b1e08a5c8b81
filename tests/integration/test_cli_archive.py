"""`queuectl export`, `import` and `backup` without a process."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from queuectl.cli import backup
from queuectl.repository import open_repository
from tests.archives import assert_sound
from tests.engines import SqliteOutside
from tests.integration.test_sqlite_store import _somebody_without_rights

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from tests.integration.conftest import CommandLine

RUNNING = "1 job was running: where the export is imported, the next worker counts such a run as lost"


@pytest.fixture
def filled(run: CommandLine) -> CommandLine:
    """A store with completed job a, dead d, and p, which is pending."""
    run("enqueue", "--id", "a", "--env", "TOKEN=secret", "true")
    run.settle("completed")
    run("enqueue", "--id", "d", "--max-retries", "1", "false")
    run.settle("dead")
    run("enqueue", "--id", "p", "--delay", "1h", "true")
    return run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four hundred kilobytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _left_over(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if not path.name.startswith("queue.db"))


class TestProgress:
    @pytest.fixture
    def many(self, run: CommandLine) -> CommandLine:
        """A store with 20 jobs."""
        run("-q", "enqueue", json.dumps([{"command": "true"}] * 20))
        return run

    def test_a_person_sees_how_far_an_export_and_an_import_have_come(
        self, many: CommandLine, screen: io.StringIO
    ) -> None:
        many("export", "jobs.jsonl")
        assert "Exporting" in screen.getvalue()
        assert "21/21" in screen.getvalue()
        screen.truncate(0)
        assert many("export", "-") == (many.home / "jobs.jsonl").read_text(encoding="ascii")
        assert "Exporting" in screen.getvalue()
        many("-q", "--db", "other.db", "import", "jobs.jsonl")
        assert "Reading" not in screen.getvalue()
        many("--db", "new.db", "import", "jobs.jsonl")
        assert "21/21" in screen.getvalue()  # the settings are one of them

    def test_of_what_comes_through_a_pipe_nobody_knows_how_much_it_is(
        self, many: CommandLine, screen: io.StringIO
    ) -> None:
        many("-q", "export", "jobs.jsonl")
        with subprocess.Popen(["cat", "jobs.jsonl"], stdout=subprocess.PIPE) as reader:
            assert reader.stdout is not None
            many("--db", "new.db", "import", f"/dev/fd/{reader.stdout.fileno()}")
        assert "/?" in screen.getvalue()

    def test_a_bar_goes_when_an_import_fails(self, many: CommandLine, screen: io.StringIO) -> None:
        many("-q", "export", "jobs.jsonl")
        lines = (many.home / "jobs.jsonl").read_text(encoding="ascii").splitlines()
        (many.home / "cut").write_text("\n".join(lines[:-1]), encoding="ascii")
        many("--db", "new.db", "import", "cut", code=2)
        assert "Reading" in screen.getvalue()
        assert screen.getvalue().rpartition("\x1b[?25")[2][0] == "h"  # the cursor is back

    def test_an_export_that_a_terminal_shows_has_no_bar_in_it(self, many: CommandLine, screen: io.StringIO) -> None:
        many.on_terminal()
        many("export", "-")
        assert screen.getvalue() == ""

    def test_a_person_sees_how_far_a_backup_of_many_pages_has_come(
        self, many: CommandLine, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        many("backup", "small.db")
        assert screen.getvalue() == ""
        monkeypatch.setattr(backup, "LARGE", 10)
        many("backup", "copy.db")
        assert "Copying pages" in screen.getvalue()
        screen.truncate(0)
        many("-q", "backup", "quiet.db")
        assert screen.getvalue() == ""


class TestExport:
    def test_a_file_gets_everything_and_is_for_its_owner(self, filled: CommandLine) -> None:
        before = os.umask(0)
        try:
            assert filled("export", "jobs.jsonl") == f"{filled.home}/jobs.jsonl\t3\n"
        finally:
            os.umask(before)
        assert filled.said == ""
        path = filled.home / "jobs.jsonl"
        assert path.stat().st_mode & 0o7777 == 0o600
        kinds = [next(iter(json.loads(line))) for line in path.read_text(encoding="ascii").splitlines()]
        assert kinds == ["queuectl", "settings", "job", "job", "job", "end"]
        assert _left_over(filled.home) == ["jobs.jsonl"]

    def test_stdout_gets_the_same(self, filled: CommandLine) -> None:
        filled("export", "jobs.jsonl")
        assert filled("export", "-") == (filled.home / "jobs.jsonl").read_text(encoding="ascii")

    def test_it_says_what_was_running(self, run: CommandLine) -> None:
        run("enqueue", "--id", "a", "true")
        run.settle("processing")
        run("export", "-")
        assert run.said.startswith(RUNNING)
        run("export", "-", "-q")
        assert run.said == ""

    def test_json_and_a_terminal_get_a_summary(self, filled: CommandLine) -> None:
        path = filled.home / "jobs.jsonl"
        found = filled.json("export", "jobs.jsonl")
        assert found == {"path": str(path), "bytes": path.stat().st_size, "jobs": 3, "running": 0}
        filled.on_terminal()
        assert filled("export", "--force", "jobs.jsonl") == f"Exported 3 jobs to {path}.\n"

    def test_stdout_cannot_hold_an_export_and_a_summary(self, filled: CommandLine) -> None:
        assert filled.error("export", "-", code=2)[0] == "stdout is for the export itself, not for --json"

    def test_an_empty_store_has_an_export_too(self, run: CommandLine) -> None:
        assert len(run("export", "-").splitlines()) == 3

    def test_only_ascii_reaches_a_terminal(self, run: CommandLine) -> None:
        run("enqueue", "echo \x1b[2J\x7f\u202e日")
        text = run("export", "-")
        assert text.replace("\n", "").isprintable()
        assert text.isascii()
        assert json.loads(text.splitlines()[2])["job"]["command"] == "echo \x1b[2J\x7f\u202e日"


@pytest.mark.parametrize("word", ["export", "backup"])
class TestTheFile:
    def test_one_that_is_there_stays_unless_force_is_said(self, filled: CommandLine, word: str) -> None:
        path = filled.home / "out"
        path.write_text("mine", encoding="utf-8")
        message, hint = filled.error(word, "out", code=4)
        assert message == "'out' exists already"
        assert hint is not None
        assert "--force" in hint
        assert path.read_text(encoding="utf-8") == "mine"
        filled(word, "--force", "out")
        assert path.stat().st_size > 1000
        assert path.stat().st_mode & 0o7777 == 0o600
        assert _left_over(filled.home) == ["out"]

    @pytest.mark.parametrize(
        "name", ["queue.db", "./queue.db", "queue.db-wal", "queue.db-shm", "queue.db.d", "queue.db.d/x", "hard"]
    )
    def test_it_is_never_the_store(self, filled: CommandLine, word: str, name: str) -> None:
        os.link(filled.database, filled.home / "hard")
        before = filled.database.read_bytes()
        message, _ = filled.error(word, "--force", name, code=2)
        assert message == f"{name!r} is the store itself, or a part of it"
        assert filled.database.read_bytes() == before

    def test_a_link_to_the_store_is_the_store(self, filled: CommandLine, word: str) -> None:
        (filled.home / "link").symlink_to(filled.database)
        filled.error(word, "--force", "link", code=2)

    @pytest.mark.parametrize("is_there", [True, False])
    def test_a_database_that_somebody_works_on_is_not_replaced(
        self, filled: CommandLine, word: str, *, is_there: bool
    ) -> None:
        with closing(open_repository(str(filled.home / "other.db"))) as other:
            other.set_setting("lease", "90s")
            if not is_there:
                (filled.home / "other.db").unlink()
            message, _ = filled.error(word, "--force", "other.db", code=1)
        assert message == "'other.db' is in use, or was not closed: 'other.db-wal' is there"

    @pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
    def test_a_symbolic_link_is_not_followed(self, filled: CommandLine, word: str, target: str) -> None:
        (filled.home / "elsewhere").write_text("mine", encoding="utf-8")
        (filled.home / "link").symlink_to(filled.home / target)
        assert filled.error(word, "--force", "link", code=1)[0] == "'link' is a symbolic link"
        assert (filled.home / "elsewhere").read_text(encoding="utf-8") == "mine"
        assert _left_over(filled.home) == ["elsewhere", "link"]

    @pytest.mark.parametrize(("name", "code"), [("no/such/place", 1), (".", 1), ("dir/", 2), ("", 2)])
    def test_a_place_that_takes_no_file_is_named(self, filled: CommandLine, word: str, name: str, code: int) -> None:
        message, hint = filled.error(word, name, code=code)
        assert repr(name) in message
        assert hint
        assert _left_over(filled.home) == []

    def test_a_full_disk_leaves_nothing(self, filled: CommandLine, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        filled(word, "there")
        monkeypatch.setattr(os, "fsync", full)
        message, _ = filled.error(word, "out", code=6)
        assert message == "cannot write 'out': No space left on device"
        filled.error(word, "--force", "there", code=6)
        assert _left_over(filled.home) == ["there"]

    def test_a_disk_that_really_is_full_leaves_nothing(self, filled: CommandLine, word: str, disk: Path) -> None:
        filled("enqueue", "--id", "large", "x" * 500_000)
        message, hint = filled.error(word, str(disk / "out"), code=6)
        assert "full" in message or "No space left" in message
        assert hint
        assert list(disk.iterdir()) == []

    def test_a_directory_that_may_not_be_written_is_named(self, word: str, run: CommandLine) -> None:
        with tempfile.TemporaryDirectory(prefix="queuectl-rights-") as name:
            place = Path(name)
            run("--db", str(place / "queue.db"), "enqueue", "true")
            (place / "queue.db").chmod(0o666)
            place.chmod(0o777)
            (place / "locked").mkdir(mode=0o555)
            with _somebody_without_rights():
                message, _ = run.error("--db", str(place / "queue.db"), word, str(place / "locked" / "out"), code=1)
            assert message == f"cannot write '{place}/locked/out': Permission denied"
            assert list((place / "locked").iterdir()) == []

    def test_a_file_system_without_hard_links_gets_it_too(
        self, filled: CommandLine, word: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refuse)
        filled(word, "out")
        assert _left_over(filled.home) == ["out"]


class TestImport:
    def test_a_store_comes_back(self, filled: CommandLine) -> None:
        filled("export", "jobs.jsonl")
        assert filled("--db", "new.db", "import", "jobs.jsonl") == "imported\t3\nskipped\t0\nrunning\t0\n"
        assert filled.said.splitlines()[0] == "Created new.db"
        assert filled("--db", "new.db", "export", "-") == (filled.home / "jobs.jsonl").read_text(encoding="ascii")
        assert_sound(SqliteOutside(filled.home / "new.db"))

    def test_it_reads_stdin(self, filled: CommandLine) -> None:
        text = filled("export", "-")
        (filled.home / "in").write_text(text, encoding="ascii")
        descriptor, before = os.open(filled.home / "in", os.O_RDONLY), os.dup(0)
        os.dup2(descriptor, 0)
        try:
            assert filled("--db", "new.db", "import", "-").startswith("imported\t3\n")
        finally:
            os.dup2(before, 0)
            os.close(before)
            os.close(descriptor)

    def test_what_exists_is_a_conflict_unless_it_is_skipped(self, filled: CommandLine) -> None:
        filled("export", "jobs.jsonl")
        message, hint = filled.error("import", "jobs.jsonl", code=4)
        assert message == "line 3: job 'a' exists already (completed)"
        assert hint is not None
        assert "--if-exists skip" in hint
        assert filled("import", "--if-exists", "skip", "jobs.jsonl") == "imported\t0\nskipped\t3\nrunning\t0\n"
        filled.on_terminal()
        assert filled("import", "--if-exists", "skip", "jobs.jsonl") == (
            "Imported 0 jobs; skipped 3 whose id or unique key is taken.\n"
        )

    def test_json_counts_too(self, filled: CommandLine) -> None:
        filled("export", "jobs.jsonl")
        assert filled.json("--db", "new.db", "import", "jobs.jsonl") == {
            "imported": 3,
            "skipped": 0,
            "running": 0,
            "paused": [],
        }

    def test_what_it_pauses_is_said(self, filled: CommandLine) -> None:
        filled("pause", "mail", "-q")
        filled("export", "one.jsonl")
        filled("pause", "--all", "-q")
        filled("export", "all.jsonl")
        filled("--db", "new.db", "enqueue", "--id", "mine", "true")
        assert filled.json("--db", "new.db", "import", "all.jsonl")["paused"] == ["*", "mail"]
        assert "All queues are paused here now" in filled.said
        assert "queuectl --db new.db resume --all" in filled.said
        assert filled.json("--db", "new.db", "import", "--if-exists", "skip", "all.jsonl")["paused"] == []
        assert "paused" not in filled.said
        filled("--db", "other.db", "import", "one.jsonl")
        assert "Queue 'mail' is paused here now" in filled.said
        assert "queuectl --db other.db resume mail" in filled.said

    def test_it_says_what_was_running(self, run: CommandLine) -> None:
        run("enqueue", "--id", "a", "true")
        run.settle("processing")
        run("export", "jobs.jsonl")
        assert run("--db", "new.db", "import", "jobs.jsonl").endswith("running\t1\n")
        assert "1 job was running: the next worker counts such a run as lost" in run.said

    @pytest.mark.parametrize("content", [b"", b"\n\n", b"{}\n", b'{"command": "true"}\n', b"\xff\xfe\0", b"[" * 9999])
    def test_a_file_that_is_no_export_makes_no_store(self, run: CommandLine, content: bytes) -> None:
        (run.home / "in").write_bytes(content)
        message, hint = run.error("import", "in", code=2)
        assert message.startswith("in: line 1: ")
        assert hint
        assert not run.database.exists()

    def test_a_damaged_file_stores_nothing(self, filled: CommandLine) -> None:
        lines = filled("export", "-").splitlines(keepends=True)
        (filled.home / "in").write_text("".join(lines[:-1]), encoding="ascii")
        message, _ = filled.error("--db", "new.db", "import", "in", code=2)
        assert message == "in: line 6: its end is missing: it was cut short"
        assert filled("--db", "new.db", "list") == ""

    def test_a_full_disk_stores_nothing(self, filled: CommandLine, disk: Path) -> None:
        filled("enqueue", "--id", "large", "x" * 500_000)
        filled("export", "jobs.jsonl")
        store = str(disk / "new.db")
        filled.error("--db", store, "import", "jobs.jsonl", code=6)
        assert filled("--db", store, "list") == ""
        assert_sound(SqliteOutside(disk / "new.db"))

    @pytest.mark.parametrize("name", ["nowhere", "."])
    def test_a_file_that_cannot_be_read_is_named(self, run: CommandLine, name: str) -> None:
        assert run.error("import", name, code=2)[0].startswith(f"cannot read {name!r}: ")


class TestBackup:
    def test_it_is_a_store_with_all_that_is_in_this_one(self, filled: CommandLine) -> None:
        path = filled.home / "copy.db"
        assert filled("backup", "copy.db") == f"{path}\t{path.stat().st_size}\n"
        assert path.stat().st_mode & 0o7777 == 0o600
        assert _left_over(filled.home) == ["copy.db"]
        assert_sound(SqliteOutside(path))
        assert filled("--db", "copy.db", "export", "-") == filled("export", "-")

    def test_json_and_a_terminal_get_path_and_size(self, filled: CommandLine) -> None:
        path = filled.home / "copy.db"
        assert filled.json("backup", "copy.db") == {"path": str(path), "bytes": path.stat().st_size}
        filled.on_terminal()
        said = filled("backup", "--force", "copy.db")
        assert said == f"Copied the store to {path}: {path.stat().st_size / 1024:.1f} KiB.\n"

    def test_stdout_is_no_place_for_it(self, filled: CommandLine) -> None:
        message, hint = filled.error("backup", "-", code=2)
        assert message == "a backup cannot go to stdout"
        assert "queuectl export -" in str(hint)

    def test_a_store_is_restored_by_a_copy_of_the_copy(self, filled: CommandLine) -> None:
        filled("backup", "copy.db")
        before = filled("export", "-")
        filled("rm", "a")
        filled("--db", "copy.db", "backup", "--force", "queue.db")
        assert filled("export", "-") == before
        assert_sound(SqliteOutside(filled.database))

    def test_a_damaged_store_is_not_copied_over_a_good_copy(self, filled: CommandLine) -> None:
        filled("backup", "copy.db")
        before = (filled.home / "copy.db").read_bytes()
        os.truncate(filled.database, filled.database.stat().st_size // 2)
        filled.error("backup", "--force", "copy.db", code=6)
        assert (filled.home / "copy.db").read_bytes() == before
        assert _left_over(filled.home) == ["copy.db"]


def test_a_backup_can_be_made_while_somebody_writes(filled: CommandLine) -> None:
    with closing(sqlite3.connect(filled.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM settings")
        filled("backup", "copy.db")
        filled("export", "jobs.jsonl")
        writer.execute("ROLLBACK")
    with closing(open_repository(str(filled.home / "copy.db"), create=False)) as copy:
        jobs: list[Any] = list(copy.list().jobs)
    assert [job.id for job in jobs] == ["a", "d", "p"]
