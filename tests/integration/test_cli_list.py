"""`queuectl list`, `status` and `dlq` without a process."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import CommandLine

#: In the order of the contract.
FIELDS = """
    id command state queue priority attempts max_retries created_at updated_at
    next_run_at started_at finished_at duration_seconds exit_code error worker
    cwd env tags timeout unique_key depends_on success_codes retry_on give_up_on
    backoff_max backoff_jitter retry_for retry_until signature
"""


def _fill(run: CommandLine) -> None:
    """Leave a job in each state that a worker leaves jobs in, in the order of their names."""
    for number, how in enumerate(("completed", "dead", "retrying")):
        run("-q", "enqueue", "--id", f"{number}-{how}", f"command of {how}")
        run.settle(how)
    run("-q", "enqueue", "--id", "3-ready", "-Q", "mail", "-t", "x", "Command of READY")
    run("-q", "enqueue", "--id", "4-scheduled", "-t", "x", "-t", "y", "--delay", "1h", "command of scheduled")


def _ids(text: str) -> list[str]:
    return [line.split("\t")[0] for line in text.splitlines()]


# -- list -----------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--tag", "--queue", "--search"])
@pytest.mark.parametrize("words", [("list",), ("dlq", "list"), ("cancel", "--all"), ("retry", "--all")])
def test_a_filter_that_is_empty_is_refused(run: CommandLine, words: tuple[str, ...], option: str) -> None:
    message, hint = run.error(*words, option, "", code=2)
    assert (message, hint) == (f"{option}: the text is empty", "leave the option out to let every job through")


def test_an_empty_store_lists_nothing_and_says_how_to_begin(run: CommandLine) -> None:
    assert run.json("list") == []
    assert run("list") == ""
    run.on_terminal()
    assert run("list") == ""
    assert "No jobs yet." in run.said
    assert "Hint: put one into the queue with: queuectl enqueue" in run.said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "01234"),
        (("--state", "pending"), "234"),
        (("--state", "dead,completed"), "01"),
        (("--state", "dead", "--state", "completed"), "01"),
        (("--state", "failed"), "2"),
        (("--retrying",), "2"),
        (("--retrying", "--state", "dead"), "12"),
        (("--state", "processing"), ""),
        (("--queue", "mail"), "3"),
        (("-Q", "mail", "-Q", "default"), "01234"),
        (("--tag", "x"), "34"),
        (("--tag", "x", "--tag", "y"), "4"),
        (("--search", "ready"), "3"),
        (("--search", "NO SUCH"), ""),
        (("--limit", "2"), "34"),
        (("-n", "1", "--state", "pending"), "4"),
    ],
)
def test_options_choose_jobs_and_keep_the_order_of_enqueueing(
    run: CommandLine, options: tuple[str, ...], expected: str
) -> None:
    _fill(run)
    assert "".join(job_id[0] for job_id in _ids(run("list", *options))) == expected
    assert "".join(job["id"][0] for job in run.json("ls", *options)) == expected


def test_a_limit_says_how_many_older_jobs_it_hides(run: CommandLine) -> None:
    _fill(run)
    run("list", "--limit", "2")
    assert run.said == "3 older jobs are not shown; --limit 0 shows all\n"
    run("list", "--limit", "4")
    assert run.said == "1 older job is not shown; --limit 0 shows all\n"
    run("list", "--limit", "0")
    assert run.said == ""


def test_fifty_are_shown_unless_more_are_wanted(run: CommandLine) -> None:
    run("-q", "enqueue", json.dumps([{"command": "x"}] * 51))
    assert len(run("list").splitlines()) == 50
    assert len(run("list", "--limit", "0").splitlines()) == 51


def test_json_has_every_field_of_the_contract_and_no_values_of_variables(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "-e", "SECRET=hidden", "true")
    out = run("list", "--json")
    (job,) = json.loads(out)
    assert list(job) == FIELDS.split()
    assert job["env"] == ["SECRET"]
    assert "hidden" not in out
    assert job["created_at"].endswith("Z")
    assert job["exit_code"] is None


def test_json_tells_what_became_of_a_run(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "true")
    run.settle("dead")
    (job,) = run.json("list")
    assert (job["state"], job["attempts"], job["exit_code"], job["error"]) == ("dead", 1, 1, "exit code 1")
    assert (job["worker"], job["duration_seconds"]) == ("tester", 0.25)


def test_a_pipe_gets_tab_separated_fields(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "-p", "5", "echo\ta")
    run.settle("dead")
    fields = run("list").removesuffix("\n").split("\t")
    assert fields[:6] == ["a", "dead", "1", "3", "default", "5"]
    assert fields[7] == ""
    assert fields[9:] == ["1", "exit code 1", "echo\\ta"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_table_keeps_each_job_on_one_line(run: CommandLine, width: int) -> None:
    _fill(run)
    run.on_terminal(width)
    lines = run("list").splitlines()
    assert lines[0].split()[:2] == ["ID", "STATE"]
    assert len(lines) == 6
    assert all(len(line) <= width for line in lines)
    assert "0-" in lines[1]


def test_a_long_list_has_one_header_and_one_layout(run: CommandLine) -> None:
    run("-q", "enqueue", json.dumps([{"command": "x" * (1 + n % 50)} for n in range(1201)]))
    run.on_terminal()
    lines = run("list", "--limit", "0").splitlines()
    assert len(lines) == 1202
    assert sum(line.startswith("ID") for line in lines) == 1
    assert len({line.index("pending") for line in lines[1:]}) == 1


def test_columns_in_which_nobody_has_anything_are_left_out(run: CommandLine) -> None:
    run("-q", "enqueue", "true")
    run.on_terminal()
    header = run("list").splitlines()[0]
    assert "QUEUE" not in header
    assert "PRIO" not in header
    assert "RESULT" not in header


@pytest.mark.parametrize(("word", "meant"), [("pendin", "pending"), ("Dead?", "dead")])
def test_a_mistyped_state_is_met_with_what_was_meant(run: CommandLine, word: str, meant: str) -> None:
    assert run.error("list", "--state", word, code=2)[1] == f"did you mean {meant!r}?"


# -- status ---------------------------------------------------------------------------------


def test_status_has_exactly_the_document_of_the_contract(run: CommandLine) -> None:
    _fill(run)
    found = run.json("status")
    assert list(found) == ["jobs", "pending", "oldest_ready_seconds", "workers", "db", "paused"]
    assert found["jobs"] == {"pending": 3, "processing": 0, "completed": 1, "failed": 0, "dead": 1, "cancelled": 0}
    assert found["pending"] == {"ready": 1, "scheduled": 1, "retrying": 1}
    assert found["oldest_ready_seconds"] >= 0
    assert found["workers"] == []
    assert found["db"] == str(run.database)
    assert found["paused"] == []


def test_status_of_nothing_knows_no_oldest_job(run: CommandLine) -> None:
    found = run.json("status")
    assert found["oldest_ready_seconds"] is None
    assert set(found["jobs"].values()) == {0}


def test_status_in_a_pipe_is_a_line_a_number(run: CommandLine) -> None:
    _fill(run)
    lines = dict(line.split("\t") for line in run("status").splitlines())
    assert lines["pending"] == "3"
    assert lines["pending.retrying"] == "1"
    assert lines["failed"] == "0"
    assert lines["workers"] == "0"


def test_status_on_a_terminal_has_a_row_for_each_state(run: CommandLine) -> None:
    _fill(run)
    run.on_terminal()
    shown = run("status")
    for state in ("pending", "processing", "completed", "failed", "dead", "cancelled"):
        assert sum(state in line.split() for line in shown.splitlines()) == 1
    assert "1 ready, 1 scheduled, 1 retrying" in shown
    assert "passed through; 1 job waits for its retry" in shown
    assert "No worker is running." in shown


def test_a_dead_worker_is_not_shown(run: CommandLine) -> None:
    run("-q", "enqueue", "true")
    run.settle("processing")
    found = run.json("status")
    assert found["jobs"]["processing"] == 1
    assert found["workers"] == []


# -- the Dead Letter Queue ------------------------------------------------------------------


def _bury(run: CommandLine, *ids: str, **fields: object) -> None:
    run("-q", "enqueue", json.dumps([{"id": job_id, "command": "x", **fields} for job_id in ids]))
    run.settle("dead")


def test_dlq_list_shows_dead_jobs_with_the_reason(run: CommandLine) -> None:
    _fill(run)
    assert _ids(run("dlq", "list")) == ["1-dead"]
    assert [job["id"] for job in run.json("dlq", "ls")] == ["1-dead"]
    run.on_terminal()
    header, row = run("dlq", "list").splitlines()
    assert header.split() == ["ID", "TRIES", "DIED", "REASON", "COMMAND"]
    assert "exit code 1" in row


@pytest.mark.parametrize("words", [("list",), ("dlq", "list")])
def test_an_exit_code_is_shown_whole_beside_a_long_command(run: CommandLine, words: tuple[str, ...]) -> None:
    _bury(run, "a-name-with-24-characters", queue="nightly-mails", priority=-100, command="echo " * 40)
    with closing(sqlite3.connect(run.database)) as store:
        store.execute("UPDATE jobs SET error = 'exit code 255'")
        store.commit()
    run.on_terminal(80)
    assert " exit code 255 " in run(*words)


def test_an_empty_dlq_is_no_failure(run: CommandLine) -> None:
    assert run.json("dlq", "list") == []
    run.on_terminal()
    run("dlq", "list")
    assert "No dead jobs." in run.said


def test_retry_puts_a_dead_job_back(run: CommandLine) -> None:
    _bury(run, "a", "b")
    assert run("dlq", "retry", "a") == "a\n"
    assert "no worker is running" in run.said
    job = run.job("a")
    assert (job.state, job.attempts) == ("pending", 0)
    assert run.job("b").state == "dead"


def test_retry_takes_a_prefix_and_several_ids(run: CommandLine) -> None:
    _bury(run, "alpha", "beta", "gamma")
    assert run.json("dlq", "retry", "al", "beta") == {
        "jobs": [{"id": "alpha", "how": "retried"}, {"id": "beta", "how": "retried"}],
        "dry_run": False,
    }


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_retry_of_what_is_not_dead_changes_nothing(run: CommandLine, dry: tuple[str, ...]) -> None:
    _bury(run, "a")
    run("-q", "enqueue", "--id", "p", "true")
    assert "'p' is pending" in run.error("dlq", "retry", *dry, "a", "p", code=4)[0]
    run.error("dlq", "retry", *dry, "a", "nobody", code=3)
    assert run.job("a").state == "dead"


def test_retry_all_needs_a_yes_where_nobody_can_be_asked(run: CommandLine) -> None:
    assert "--yes" in str(run.error("dlq", "retry", "--all", code=2)[1])
    _bury(run, "a", "b")
    assert "--yes" in str(run.error("dlq", "retry", "--all", code=2)[1])
    assert run.job("a").state == "dead"
    assert run("dlq", "retry", "--all", "--yes") == "a\nb\n"


def test_retry_all_takes_filters_and_tells_before(run: CommandLine) -> None:
    _bury(run, "a", queue="mail")
    _bury(run, "b", tags=["x"])
    assert run("dlq", "retry", "--all", "--queue", "mail", "--dry-run") == "a\n"
    assert run.json("dlq", "retry", "--all", "--tag", "x", "--dry-run")["dry_run"] is True
    assert {job.state.value for job in run.jobs()} == {"dead"}
    assert run("dlq", "retry", "--all", "--tag", "x", "-y") == "b\n"


def test_retry_of_nothing_says_so(run: CommandLine) -> None:
    assert run("dlq", "retry", "--all", "--yes") == ""
    assert "No such dead jobs." in run.said


@pytest.mark.parametrize("args", [(), ("--all", "a"), ("a", "--queue", "q"), ("a", "--tag", "t")])
def test_retry_must_be_told_which_jobs(run: CommandLine, args: tuple[str, ...]) -> None:
    run.error("dlq", "retry", *args, code=2)


def test_a_person_is_told_in_a_sentence(run: CommandLine) -> None:
    _bury(run, "a", "b")
    run.on_terminal()
    assert run("dlq", "retry", "--all", "--dry-run") == "Would retry 2 jobs: a, b.\n"
    assert run("dlq", "retry", "a") == "Retried job 'a'.\n"
