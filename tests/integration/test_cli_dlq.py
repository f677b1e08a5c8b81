"""`queuectl dlq` as a workbench: groups, one dead job in full, retries with changes, at a rate; without a process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.shell_completion import ShellComplete

from queuectl.cli import output
from queuectl.cli.app import cli
from queuectl.model import Bury, Execution, Outcome, Policy
from queuectl.repository import open_repository
from queuectl.repository.base import Settlement, WorkerIdentity
from queuectl.repository.dead import group_id
from queuectl.worker.logs import log_path

if TYPE_CHECKING:
    from tests.integration.conftest import CommandLine

NOW = 1_700_000_000_000
WORKER = WorkerIdentity("tester", "host", "boot", "pid:[1]", 1, 1, 8, (), "no-such-pipe")
REFUSED, FULL = "connect: refused", "disk full"
HOSTILE = "[/foo] :fire: \x1b[31m\u202e"


def _die(run: CommandLine, of: str, *ids: str, **fields: Any) -> None:
    """Let jobs die of something, the first attempt half a second after its start."""
    run("-q", "enqueue", json.dumps([{"id": name, "command": "x", "max_retries": 1} | fields for name in ids]))
    repository = open_repository(str(run.database))
    try:
        worker = repository.join(WORKER, now=NOW, ticks=1.0)
        leases = repository.turn([], worker=worker, slots=1000, now=NOW * 2, lease_seconds=60).leases
        execution = Execution(Outcome.EXITED, 7, "exit code 7", NOW, NOW + 500, 0.5)
        done = [Settlement(lease.job.seq, lease.token, execution, Bury("exit code 7", of)) for lease in leases]
        repository.turn(done, worker=worker, slots=0, now=NOW * 2, lease_seconds=60)
        for lease in leases:
            path = log_path(repository.directory, lease.job.seq, lease.run)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"first\n{of}\n", encoding="utf-8")
    finally:
        repository.close()


@pytest.fixture
def dead(run: CommandLine) -> CommandLine:
    """A store in which three jobs of two queues were refused, and one found a full disk."""
    _die(run, REFUSED, "a", "b", queue="mail")
    _die(run, FULL, "d", tags=["t"])
    _die(run, REFUSED, "c", env={"TOKEN": "secret"})
    return run


def _dead_ids(run: CommandLine) -> str:
    return "".join(job.id for job in run.jobs() if job.state == "dead")


class TestGroups:
    def test_are_lines_in_a_pipe_the_largest_first(self, dead: CommandLine) -> None:
        first, second = (line.split("\t") for line in dead("dlq", "list", "--group").splitlines())
        assert first == [group_id(REFUSED), "3", "0.75", "c", "2023-11-14T22:13:20.500Z", "default,mail", REFUSED]
        assert second[1:4] == ["1", "0.25", "d"]

    def test_are_an_array_for_scripts(self, dead: CommandLine) -> None:
        first, second = dead.json("dlq", "list", "--group")
        assert first == {
            "group": group_id(REFUSED),
            "jobs": 3,
            "share": 0.75,
            "newest": "c",
            "newest_died_at": "2023-11-14T22:13:20.500Z",
            "queues": ["default", "mail"],
            "signature": REFUSED,
        }
        assert second["signature"] == FULL

    def test_are_a_table_for_a_person_that_says_what_to_do(self, dead: CommandLine) -> None:
        dead.on_terminal()
        header, first, second = dead("dlq", "list", "-g").splitlines()
        assert header.split() == ["GROUP", "JOBS", "SHARE", "NEWEST", "DIED", "QUEUES", "OF"]
        assert first.split()[:4] == [group_id(REFUSED)[:6], "3", "75%", "c"]
        assert "default, mail" in first
        assert FULL in second
        assert f"Hint: queuectl dlq list --group {group_id(REFUSED)[:6]} shows the jobs" in dead.said

    @pytest.mark.parametrize("width", [10, 30, 50, 200])
    def test_fit_into_any_terminal(self, dead: CommandLine, width: int) -> None:
        dead.on_terminal(width)
        assert all(len(line.rstrip()) <= width for line in dead("dlq", "list", "--group").splitlines())

    def test_of_hostile_text_are_shown_harmless(self, run: CommandLine) -> None:
        _die(run, HOSTILE, "a")
        assert r"[/foo] :fire: \x1b[31m\u202e" in run("dlq", "list", "--group")
        assert run.json("dlq", "list", "--group")[0]["signature"] == HOSTILE
        run.on_terminal(200)
        assert r"[/foo] :fire: \x1b[31m\u202e" in run("dlq", "list", "--group")

    def test_of_nobody_are_none(self, run: CommandLine) -> None:
        assert run("dlq", "list", "--group") == ""
        assert run.json("dlq", "list", "--group") == []
        run.on_terminal()
        assert run("dlq", "list", "--group") == ""
        assert "No dead jobs." in run.said
        run("dlq", "list", "--group", "--queue", "x")
        assert "No such dead jobs." in run.said

    def test_beyond_the_limit_are_counted(self, dead: CommandLine) -> None:
        assert len(dead("dlq", "list", "--group", "-n", "1").splitlines()) == 1
        assert "1 smaller group is not shown; --limit 0 shows all" in dead.said
        assert len(dead("dlq", "list", "--group", "-n", "0").splitlines()) == 2

    def test_take_filters(self, dead: CommandLine) -> None:
        assert [one["jobs"] for one in dead.json("dlq", "list", "--group", "-Q", "mail")] == [2]
        assert [one["newest"] for one in dead.json("dlq", "list", "--group", "-t", "t")] == ["d"]
        assert [one["newest"] for one in dead.json("dlq", "list", "--search", "C", "--group")] == ["c"]

    def test_choose_the_jobs_of_every_command(self, dead: CommandLine) -> None:
        group = group_id(REFUSED)
        for reference in (group, group[:6], group[:6].upper()):
            assert [job["id"] for job in dead.json("dlq", "list", "--group", reference)] == ["a", "b", "c"]
        assert [job["id"] for job in dead.json("dlq", "list", "-g", group, "-Q", "mail", "-n", "1")] == ["b"]
        assert dead("dlq", "retry", "-g", group, "-Q", "mail", "-y") == "a\nb\n"
        assert dead("dlq", "purge", "-g", group, "-y") == "c\n"
        assert _dead_ids(dead) == "d"

    @pytest.mark.parametrize("words", [("list",), ("retry", "-y"), ("purge", "-y"), ("retry", "--dry-run")])
    def test_that_are_not_there_are_not_found(self, dead: CommandLine, words: tuple[str, ...]) -> None:
        message, hint = dead.error("dlq", *words, "--group", "zzz", code=3)
        assert message == "there is no group 'zzz' of dead jobs"
        assert hint == "queuectl dlq list --group shows them"
        assert _dead_ids(dead) == "abdc"

    def test_are_told_of_where_many_are_dead(self, run: CommandLine) -> None:
        _die(run, REFUSED, *(f"j{number}" for number in range(20)))
        run.on_terminal()
        run("dlq", "list")
        assert "--group" not in run.said
        _die(run, REFUSED, "one-more")
        run("dlq", "list")
        assert "Hint: what the 21 died of, in groups: queuectl dlq list --group" in run.said
        for words in (("--json",), ("-Q", "default"), ("--group", group_id(REFUSED)), ("-q",)):
            run("dlq", "list", *words)
            assert "in groups" not in run.said

    @pytest.mark.usefixtures("dead")
    def test_are_completed(self) -> None:
        for word in ("list", "retry", "purge"):
            items = ShellComplete(cli, {}, "queuectl", "").get_completions(["dlq", word, "--group"], "")
            assert [item.value for item in items] == [group_id(REFUSED), group_id(FULL)]
            assert items[0].help == f"3 · {REFUSED}"
            (item,) = ShellComplete(cli, {}, "queuectl", "").get_completions(
                ["dlq", word, "-g"], group_id(FULL)[:3].upper()
            )
            assert item.value == group_id(FULL)


class TestShow:
    def test_tells_why_it_gave_up_and_what_can_be_done(self, dead: CommandLine) -> None:
        text = dead("dlq", "show", "c")
        assert "reason:\texit code 7\n" in text
        assert f"group:\t{group_id(REFUSED)} (2 more died of this)\n" in text
        assert f"died of:\t{REFUSED}\n" in text
        assert f"\nattempts:\n1\t2023-11-14T22:13:20.000Z\t0.5\t7\texit code 7\t{REFUSED}\n" in text
        assert f"\noutput of the last attempt:\n  first\n  {REFUSED}\n" in text
        assert "  put it back:\tqueuectl dlq retry c\n" in text
        assert f"queuectl dlq retry --group {group_id(REFUSED)} --canary 1\n" in text
        assert "secret" not in text

    def test_is_one_document_for_scripts(self, dead: CommandLine) -> None:
        shown = dead.json("dlq", "show", "d")
        assert (shown["id"], shown["state"], shown["group"], shown["others"]) == ("d", "dead", group_id(FULL), 0)
        assert shown["runs"] == [
            {
                "attempt": 1,
                "started_at": "2023-11-14T22:13:20.000Z",
                "finished_at": "2023-11-14T22:13:20.500Z",
                "duration_seconds": 0.5,
                "exit_code": 7,
                "error": "exit code 7",
                "worker": "tester",
                "last_line": FULL,
            }
        ]
        assert shown["output"] == f"first\n{FULL}\n"
        assert not any("--group" in step["command"] for step in shown["next"])

    def test_counts_only_the_attempts_since_it_was_put_back(self, dead: CommandLine) -> None:
        dead("dlq", "retry", "d")
        _die(dead, HOSTILE, "other")  # runs d as well
        shown = dead.json("dlq", "show", "d")
        assert [(one["attempt"], one["last_line"]) for one in shown["runs"]] == [(1, HOSTILE.strip())]
        assert shown["retried_before"] == 1
        assert "put back:\tonce before\n" in dead("dlq", "show", "d")

    def test_draws_the_attempts_for_a_person(self, dead: CommandLine) -> None:
        dead.on_terminal(120)
        text = dead("dlq", "show", "d")
        assert "TRY  ENDED" in text
        assert "no other died of this" in text
        assert "\t" not in text

    @pytest.mark.parametrize("width", [20, 40, 80, 200])
    def test_fits_into_any_terminal(self, dead: CommandLine, width: int) -> None:
        dead.on_terminal(width)
        assert all(len(line) <= width for line in dead("dlq", "show", "d").splitlines())

    def test_offers_more_time_to_what_timed_out(self, run: CommandLine) -> None:
        run("-q", "enqueue", "--id", "a", "--timeout", "30s", "--max-retries", "1", "x")
        repository = open_repository(str(run.database))
        worker = repository.join(WORKER, now=NOW, ticks=1.0)
        (lease,) = repository.turn([], worker=worker, slots=1, now=NOW * 2, lease_seconds=60).leases
        execution = Execution(Outcome.TIMED_OUT, 143, "timed out after 30s", NOW, NOW + 500, 0.5)
        settlement = Settlement(lease.job.seq, lease.token, execution, Bury("timed out after 30s"))
        repository.turn([settlement], worker=worker, slots=0, now=NOW * 2, lease_seconds=60)
        repository.close()
        assert "queuectl dlq retry --edit timeout=60s a\n" in run("dlq", "show", "a")

    def test_is_for_dead_jobs_only(self, dead: CommandLine) -> None:
        dead("-q", "enqueue", "--id", "fresh", "true")
        message, hint = dead.error("dlq", "show", "fresh", code=4)
        assert message == "job 'fresh' is pending; dlq show is for dead jobs"
        assert hint == "queuectl show fresh shows it"
        dead.error("dlq", "show", "nobody", code=3)
        dead.error("dlq", "show", code=2)


class TestChoice:
    @pytest.mark.parametrize("word", ["retry", "purge"])
    @pytest.mark.parametrize("options", [("-Q", "mail"), ("--search", "X", "-Q", "mail"), ("--all", "-Q", "mail")])
    def test_filters_choose_with_and_without_all(self, dead: CommandLine, word: str, options: tuple[str, ...]) -> None:
        dead.error("dlq", word, *options, code=2)
        assert dead("dlq", word, *options, "--dry-run") == "a\nb\n"
        assert dead("dlq", word, *options, "-y") == "a\nb\n"
        assert _dead_ids(dead) == "dc"

    @pytest.mark.parametrize("word", ["retry", "purge"])
    @pytest.mark.parametrize("options", [("a", "--search", "x"), ("a", "--group", "3f"), ("a", "--all"), ()])
    def test_ids_and_filters_do_not_go_together(self, dead: CommandLine, word: str, options: tuple[str, ...]) -> None:
        dead.error("dlq", word, *options, "-y", code=2)
        assert _dead_ids(dead) == "abdc"

    def test_an_empty_search_is_refused(self, dead: CommandLine) -> None:
        dead.error("dlq", "purge", "--search", "", "-y", code=2)
        assert _dead_ids(dead) == "abdc"


class TestEdit:
    def test_changes_the_jobs_that_are_retried(self, dead: CommandLine) -> None:
        edits = ("--edit", "command=echo fine", "--edit", "timeout=1h", "--edit", "env.B=2", "--edit", "env.TOKEN")
        assert dead("dlq", "retry", "c", *edits) == "c\n"
        job = dead.job("c")
        assert (job.state, job.command, job.timeout, job.env) == ("pending", "echo fine", 3600.0, {"B": "2"})
        assert dead.job("a").command == "x"

    def test_is_said_and_not_its_values(self, dead: CommandLine) -> None:
        edits = ("--edit", "command=secret", "--edit", "env.TOKEN=secret")
        assert dead.json("dlq", "retry", "c", *edits) == {
            "jobs": [{"id": "c", "how": "retried"}],
            "dry_run": False,
            "changed": ["command", "env.TOKEN"],
        }
        dead.on_terminal()
        assert dead("dlq", "retry", "a", *edits) == "Retried job 'a', command, env.TOKEN changed.\n"

    def test_of_a_dry_run_changes_nothing(self, dead: CommandLine) -> None:
        assert dead("dlq", "retry", "a", "--edit", "command=y", "--dry-run") == "a\n"
        assert dead.json("dlq", "retry", "a", "--edit", "command=y", "--dry-run")["changed"] == ["command"]
        assert (dead.job("a").state, dead.job("a").command) == ("dead", "x")

    def test_takes_a_directory_from_here(self, dead: CommandLine) -> None:
        dead("dlq", "retry", "a", "--edit", "cwd=sub")
        assert dead.job("a").cwd == str(dead.home / "sub")

    @pytest.mark.parametrize(
        ("edit", "says"),
        [
            ("tiemout=1h", "--edit: unknown field 'tiemout'"),
            ("priority=x", "--edit: priority: 'x' is not"),
            ("x", ""),
        ],
    )
    def test_that_is_wrong_changes_nothing(self, dead: CommandLine, edit: str, says: str) -> None:
        assert dead.error("dlq", "retry", "a", "--edit", "command=y", "--edit", edit, code=2)[0].startswith(says)
        assert (dead.job("a").state, dead.job("a").command) == ("dead", "x")

    def test_may_be_of_its_policy(self, dead: CommandLine) -> None:
        dead("dlq", "retry", "a", "--edit", "give_up_on=64", "--edit", "retry_on=75,SIGKILL")
        assert dead.job("a").policy == Policy(retry_on=("75", "SIGKILL"), give_up_on=("64",))

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_that_contradicts_itself_changes_nothing(self, dead: CommandLine, dry: tuple[str, ...]) -> None:
        edits = ("--edit", "give_up_on=64", "--edit", "retry_on=64")
        message, _ = dead.error("dlq", "retry", "a", *edits, *dry, code=2)
        assert message == "job 'a': give_up_on: 64 stands in retry_on too"
        assert dead.job("a").state == "dead"

    def test_that_clashes_changes_nothing(self, dead: CommandLine) -> None:
        dead.error("dlq", "retry", "a", "b", "--edit", "unique_key=k", code=4)
        assert _dead_ids(dead) == "abdc"

    def test_completes_the_fields(self) -> None:
        items = ShellComplete(cli, {}, "queuectl", "").get_completions(["dlq", "retry", "--edit"], "ti")
        assert [item.value for item in items] == ["timeout="]


class TestRate:
    def test_spreads_the_starts(self, dead: CommandLine) -> None:
        dead("dlq", "retry", "--all", "-y", "--rate", "10/m")
        due = [job.next_run_at or 0 for job in dead.jobs()]
        assert [later - due[0] for later in due] == [0, 6000, 12_000, 18_000]

    def test_is_told(self, dead: CommandLine) -> None:
        assert dead.json("dlq", "retry", "a", "--rate", "7/s")["spacing_seconds"] == 0.143
        dead.on_terminal()
        told = dead("dlq", "retry", "b", "c", "d", "--rate", "10/m", "--dry-run")
        assert told == "Would retry 3 jobs: b, c, d, one every 6s, the last in 12s.\n"
        told = dead("dlq", "retry", "b", "c", "d", "--rate", "10/m", "--canary", "1", "--dry-run")
        assert told == "Would retry 3 jobs: b, c, d, 1 of them first, one every 6s, the last in 6s.\n"

    def test_that_is_none_is_refused(self, dead: CommandLine) -> None:
        message, hint = dead.error("dlq", "retry", "--all", "--rate", "fast", code=2)
        assert message == "--rate: 'fast' is not a rate"
        assert hint == "write a rate like 5/s, 10/m or 100/h"


class TestCanary:
    def test_needs_a_worker_and_leaves_everything_without_one(self, dead: CommandLine) -> None:
        message, hint = dead.error("dlq", "retry", "--all", "-y", "--canary", "1", code=1)
        assert message == "no worker is running, so no canary would ever end"
        assert hint == "start one with: queuectl worker start"
        dead.error("dlq", "retry", "a", "b", "--canary", "1", code=1)
        assert _dead_ids(dead) == "abdc"

    def test_of_nobody_is_no_failure(self, run: CommandLine) -> None:
        assert run("dlq", "retry", "--all", "-y", "--canary", "1") == ""
        assert "No such dead jobs." in run.said
        assert run.json("dlq", "retry", "--all", "-y", "--canary", "1")["canary"] == {"passed": None, "jobs": []}

    def test_asks_first_and_has_a_dry_run(self, dead: CommandLine) -> None:
        dead.error("dlq", "retry", "--all", "--canary", "1", code=2)
        assert dead("dlq", "retry", "--all", "--canary", "1", "--dry-run") == "a\nb\nd\nc\n"
        dead.error("dlq", "retry", "--all", "--canary", "0", code=2)
        dead("-q", "enqueue", "--id", "fresh", "true")
        dead.error("dlq", "retry", "a", "fresh", "--canary", "1", code=4)
        assert _dead_ids(dead) == "abdc"


def test_the_help_has_all_words(run: CommandLine) -> None:
    text = run("dlq", "--help")
    assert [word for word in ("list", "show", "retry", "purge") if f"  {word} " in text] == [
        "list", "show", "retry", "purge",
    ]  # fmt: skip
    assert output.safe(text.replace("\n", "")) == text.replace("\n", "")
