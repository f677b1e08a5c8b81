"""`queuectl prune`, `rm` and `dlq purge` without a process."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from queuectl.cli import output, removal
from queuectl.cli.meter import Progress
from queuectl.errors import StoreBusy
from queuectl.model import JobState
from queuectl.repository import open_repository
from queuectl.repository.base import Counts, Filter
from queuectl.repository.sqlite import SqliteRepository
from queuectl.worker.logs import log_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.repository.protocol import JobRepository
    from queuectl.repository.pruning import Pruned
    from tests.integration.conftest import CommandLine

DAY = 86_400_000


@pytest.fixture
def ended(run: CommandLine) -> CommandLine:
    """A store with completed jobs a and b, cancelled c, dead d, and p, which is pending."""
    run("enqueue", "--id", "a", "--queue", "mail", "--tag", "t", "true")
    run("enqueue", "--id", "b", "true")
    run.settle("completed")
    run("enqueue", "--id", "c", "true")
    run("cancel", "c")
    run("enqueue", "--id", "d", "--max-retries", "1", "--queue", "mail", "false")
    run.settle("dead")
    run("enqueue", "--id", "p", "true")
    return run


def _left(run: CommandLine) -> str:
    return "".join(job.id for job in run.jobs())


@pytest.fixture
def store(run: CommandLine) -> Iterator[JobRepository]:
    """The store of the command line."""
    repository = open_repository(str(run.database))
    yield repository
    repository.close()


class TestPrune:
    def test_completed_and_cancelled_jobs_go_and_their_ids_are_printed(self, ended: CommandLine) -> None:
        assert ended("prune", "--yes") == "a\nb\nc\n"
        assert _left(ended) == "dp"

    @pytest.mark.parametrize(
        ("args", "gone"),
        [
            (("--state", "dead"), "d"),
            (("--state", "dead,completed"), "abd"),
            (("--state", "dead", "--state", "cancelled"), "cd"),
            (("--queue", "mail"), "a"),
            (("--queue", "mail", "--state", "dead,completed"), "ad"),
            (("--tag", "t"), "a"),
            (("--tag", "nowhere"), ""),
        ],
    )
    def test_only_what_the_filters_let_through_goes(self, ended: CommandLine, args: tuple[str, ...], gone: str) -> None:
        expected = "".join(f"{job_id}\n" for job_id in gone)
        assert ended("prune", *args, "--dry-run") == expected
        assert _left(ended) == "abcdp"
        assert ended("prune", *args, "-y") == expected
        assert _left(ended) == "".join(job_id for job_id in "abcdp" if job_id not in gone)

    def test_older_than_counts_from_the_end_of_the_job(
        self, ended: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ends = {job.id: job.finished_at or 0 for job in ended.jobs()}
        assert ends["a"] == ends["b"] < ends["c"]
        monkeypatch.setattr("queuectl.clock.now", lambda: ends["b"] + DAY)
        assert ended("prune", "--older-than", "1d", "-y") == ""
        monkeypatch.setattr("queuectl.clock.now", lambda: ends["b"] + DAY + 1)
        assert ended("prune", "--older-than", "1d", "-y") == "a\nb\n"

    def test_json_tells_what_went(self, ended: CommandLine) -> None:
        would = {"jobs": [{"id": name, "how": "would_prune"} for name in "abc"], "dry_run": True}
        assert ended.json("prune", "--dry-run") == would
        done = {"jobs": [{"id": name, "how": "pruned"} for name in "abc"], "dry_run": False}
        assert ended.json("prune", "-y") == done
        assert ended.json("prune", "-y") == {"jobs": [], "dry_run": False}

    def test_an_empty_store_is_no_failure(self, run: CommandLine) -> None:
        assert run("prune", "-y") == ""
        assert "No such jobs" in run.said

    def test_nobody_to_ask_is_a_usage_error_and_changes_nothing(self, ended: CommandLine) -> None:
        assert "--yes" in str(ended.error("prune", code=2)[1])
        assert _left(ended) == "abcdp"

    @pytest.mark.parametrize(
        "args",
        [
            ("--state", "pending"), ("--state", "dead,processing"), ("--state", "failed"), ("--state", ""),
            ("--state", "bogus"), ("--older-than", "-1d"), ("--older-than", "soon"), ("a",), ("--limit", "3"),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused_and_changes_nothing(
        self, ended: CommandLine, args: tuple[str, ...]
    ) -> None:
        ended.error("prune", *args, "-y", code=2)
        assert _left(ended) == "abcdp"

    def test_a_person_is_asked_with_the_number(self, ended: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr(removal, "demand_somebody", lambda **_: None)
        monkeypatch.setattr(removal, "confirm", lambda question, **_: asked.append(question))
        ended.on_terminal()
        assert ended("prune", "--queue", "mail") == "Pruned job 'a'.\n"
        assert ended("prune") == "Pruned 2 jobs: b, c.\n"
        assert ended("prune") == ""  # nothing to ask for
        assert asked == ["Prune 1 job for good?", "Prune 2 jobs for good?"]

    def test_a_terminal_gets_a_sentence(self, run: CommandLine) -> None:
        for number in range(8):
            run("enqueue", "--id", f"j{number}", "true")
        run.settle("completed")
        run.on_terminal()
        assert run("prune", "--dry-run") == "Would prune 8 jobs: j0, j1, j2, j3, j4 and 3 more.\n"
        assert run("prune", "-y") == "Pruned 8 jobs: j0, j1, j2, j3, j4 and 3 more.\n"

    def test_the_logs_go_too_and_an_empty_shelf(self, ended: CommandLine, store: JobRepository) -> None:
        logs = {job.id: log_path(store.directory, job.seq, 1) for job in ended.jobs()}
        logs["a"].parent.mkdir(parents=True)
        for log in logs.values():
            log.write_text("output\n", encoding="utf-8")
        ended("prune", "--dry-run")
        assert all(log.exists() for log in logs.values())
        ended("prune", "-y")
        assert [name for name, log in logs.items() if log.exists()] == ["c", "d", "p"]  # c never ran: not its log
        assert store.leftovers(limit=9) == []

    def test_logs_that_cannot_be_deleted_are_said_and_kept_for_later(
        self, ended: CommandLine, store: JobRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = log_path(store.directory, 1, 1)
        log.parent.mkdir(parents=True)
        log.write_text("output\n", encoding="utf-8")

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", refuse)
            assert ended("prune", "-y") == "a\nb\nc\n"
        assert ended.said.count("Warning: cannot delete the logs of removed jobs: Permission denied") == 1
        assert log.exists()
        assert ended("prune", "-y") == ""
        assert not log.exists()


class TestInterruption:
    """A signal in the middle: what has begun is finished, told, and the rest stays."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(removal, "BATCH", 2)

    @staticmethod
    def _then(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
        """Do something right after the first batch has been committed."""
        prune = SqliteRepository.prune

        def pruned(self: SqliteRepository, which: Filter, **limits: int) -> Pruned:
            try:
                return prune(self, which, **limits)
            finally:
                act()

        monkeypatch.setattr(SqliteRepository, "prune", pruned)

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
    def test_the_first_signal_ends_it_after_the_batch(
        self, ended: CommandLine, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
    ) -> None:
        before = signal.getsignal(number)
        self._then(monkeypatch, lambda: signal.raise_signal(number))
        assert ended("prune", "-y", code=code) == "a\nb\n"
        assert "Stopped: 2 are gone" in ended.said
        assert _left(ended) == "cdp"
        assert signal.getsignal(number) is before

    def test_json_is_a_whole_document_all_the_same(self, ended: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        import json

        self._then(monkeypatch, lambda: signal.raise_signal(signal.SIGINT))
        document = json.loads(ended("prune", "-y", "--json", code=130))
        assert [job["id"] for job in document["jobs"]] == ["a", "b"]

    def test_the_second_signal_ends_it_at_once(self, ended: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        def twice() -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

        self._then(monkeypatch, twice)
        ended("prune", "-y", code=130)
        assert _left(ended) == "cdp"

    def test_what_is_gone_is_told_though_the_store_fails_then(
        self, ended: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(*_: object) -> None:
            raise StoreBusy("busy")

        monkeypatch.setattr(SqliteRepository, "swept", busy)
        assert ended("prune", "-y", code=6) == "a\nb\n"
        assert "Stopped: 2 are gone" in ended.said
        assert _left(ended) == "cdp"


class TestRm:
    def test_jobs_go_by_id_or_prefix_each_once(self, ended: CommandLine) -> None:
        assert ended("rm", "d", "a", "d", "-y") == "d\na\n"
        assert _left(ended) == "bcp"

    @pytest.mark.parametrize("fails", ["DELETE ON jobs WHEN OLD.id = 'j299'", "INSERT ON actions"])
    def test_many_go_with_the_note_of_who_did_it_or_none_goes(self, run: CommandLine, fails: str) -> None:
        ids = [f"j{number}" for number in range(300)]
        run("enqueue", json.dumps([{"id": job_id, "command": "true"} for job_id in ids]))
        run.settle("completed")
        with closing(sqlite3.connect(run.database)) as db:
            db.execute(f"CREATE TRIGGER fault BEFORE {fails} BEGIN SELECT RAISE(ABORT, 'fault'); END")
        run("rm", *ids, "--yes", code=6)
        assert len(run.jobs()) == 300
        with closing(sqlite3.connect(run.database)) as db:
            assert db.execute("SELECT count(*) FROM actions").fetchone() == (0,)
            db.execute("DROP TRIGGER fault")
        assert run("rm", *ids, "--yes").split() == ids
        with closing(sqlite3.connect(run.database)) as db:
            ((verb, what, jobs),) = db.execute("SELECT verb, what, jobs FROM actions")
        assert (verb, jobs) == ("rm", 300)
        assert what.endswith("j19 and 280 more")

    def test_json_and_dry_run_tell_which(self, ended: CommandLine) -> None:
        assert ended.json("rm", "a", "--dry-run") == {"jobs": [{"id": "a", "how": "would_remove"}], "dry_run": True}
        assert _left(ended) == "abcdp"
        assert ended.json("rm", "a") == {"jobs": [{"id": "a", "how": "removed"}], "dry_run": False}
        ended.on_terminal()
        assert ended("rm", "b", "c", "-y") == "Removed 2 jobs: b, c.\n"

    @pytest.mark.parametrize(("args", "asked"), [(("rm", "a", "b"), "Remove"), (("dlq", "purge", "d", "e"), "Purge")])
    def test_several_at_once_must_be_confirmed(
        self, ended: CommandLine, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], asked: str
    ) -> None:
        ended("enqueue", "--id", "e", "--max-retries", "1", "false")
        ended.settle("dead")
        assert "--yes" in str(ended.error(*args, code=2)[1])
        ended(*args, "--dry-run")
        assert _left(ended) == "abcdpe"
        questions: list[str] = []
        monkeypatch.setattr(removal, "confirm", lambda question, **_: questions.append(question))
        assert len(ended(*args).splitlines()) == 2
        assert questions == [f"{asked} 2 jobs for good?"]

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_one_that_cannot_go_refuses_the_whole_call(self, ended: CommandLine, dry: tuple[str, ...]) -> None:
        message, hint = ended.error("rm", *dry, "a", "p", code=4)
        assert message == "job 'p' is pending; only jobs that have ended can be removed"
        assert hint == "queuectl cancel p stops it first"
        ended.error("rm", *dry, "a", "nobody", code=3)
        ended.error("rm", *dry, code=2)
        assert _left(ended) == "abcdp"

    def test_a_running_job_is_refused(self, run: CommandLine) -> None:
        run("enqueue", "--id", "r", "true")
        run.settle("processing")
        assert "is processing" in run.error("rm", "r", code=4)[0]

    def test_the_id_may_be_used_again(self, ended: CommandLine) -> None:
        ended("rm", "a")
        ended("enqueue", "--id", "a", "echo again")
        assert ended.job("a").state is JobState.PENDING


class TestPurge:
    def test_dead_jobs_go_by_id_and_no_others(self, ended: CommandLine) -> None:
        message, hint = ended.error("dlq", "purge", "d", "a", code=4)
        assert (message, hint) == ("job 'a' is completed, not dead", "queuectl rm a removes it")
        assert ended("dlq", "purge", "d") == "d\n"
        assert _left(ended) == "abcp"

    def test_all_of_them_go_once_confirmed(self, ended: CommandLine) -> None:
        ended.error("dlq", "purge", "--all", code=2)
        assert ended("dlq", "purge", "--all", "--dry-run") == "d\n"
        assert ended.json("dlq", "purge", "--all", "--queue", "nowhere", "-y") == {"jobs": [], "dry_run": False}
        assert ended.json("dlq", "purge", "--all", "--queue", "mail", "-y")["jobs"] == [{"id": "d", "how": "purged"}]
        assert _left(ended) == "abcp"

    def test_older_than_counts_from_their_death(self, ended: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        died = ended.job("d").finished_at or 0
        monkeypatch.setattr("queuectl.clock.now", lambda: died + DAY)
        assert ended("dlq", "purge", "--all", "--older-than", "1d", "-y") == ""
        assert ended("dlq", "purge", "--all", "--older-than", "23h", "-y") == "d\n"

    @pytest.mark.parametrize(
        "args", [(), ("d", "--all"), ("d", "--queue", "mail"), ("d", "--tag", "t"), ("d", "--older-than", "1d")]
    )
    def test_ids_and_filters_do_not_go_together(self, ended: CommandLine, args: tuple[str, ...]) -> None:
        ended.error("dlq", "purge", *args, "-y", code=2)
        assert _left(ended) == "abcdp"


def test_a_person_sees_how_far_a_long_prune_has_come(ended: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    consoles: list[Any] = []

    def console(stream: object) -> Any:
        from rich.console import Console

        consoles.append(stream)
        return Console(file=screen, force_terminal=True, width=80)

    monkeypatch.setattr(output, "is_watched", lambda: True)
    monkeypatch.setattr(output, "console", console)
    assert ended("prune", "-y", "--dry-run") == "a\nb\nc\n"
    monkeypatch.setattr(removal, "LARGE", 4)
    ended("prune", "-y", "--state", "cancelled")
    assert consoles == []  # so few are gone in no time
    monkeypatch.setattr(removal, "LARGE", 2)
    assert ended("prune", "-y") == "a\nb\n"
    assert len(consoles) == 1
    assert "2/2" in screen.getvalue()
    assert ended("-q", "prune", "-y", "--state", "dead") == "d\n"


def test_progress_counts_what_was_pruned_meanwhile() -> None:
    progress = Progress()

    def counts(completed: int, ready: int, pruned: int) -> Counts:
        return Counts({JobState.COMPLETED: completed}, ready, 0, 0, None, pruned)

    progress.read(counts(10, 5, 0))
    assert progress.read(counts(12, 3, 0)) == (2, 5)
    assert progress.read(counts(2, 3, 10)) == (2, 5)
