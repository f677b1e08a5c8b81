"""`queuectl wait` without a process: jobs that have ended before, and those that do not end in time."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from queuectl.cli import output, waiting
from queuectl.cli.jobjson import job_object
from queuectl.cli.outcomes import exit_code
from queuectl.model import Job, JobState

if TYPE_CHECKING:
    from tests.integration.conftest import CommandLine


@pytest.fixture
def ended(run: CommandLine) -> CommandLine:
    """`good` is completed, `bad` is dead with exit code 1, `ugly` was cancelled, `late` is pending."""
    run("-q", "enqueue", "--id", "good", "true")
    run.settle("completed")
    run("-q", "enqueue", "--id", "bad", "false")
    run.settle("dead")
    run("-q", "enqueue", "--id", "ugly", "true")
    run("cancel", "ugly")
    run("-q", "enqueue", "--id", "late", "--delay", "1h", "true")
    return run


# -- what became of them ------------------------------------------------------------------------


def test_success_is_zero_and_a_line(ended: CommandLine) -> None:
    assert ended("wait", "good") == "good\tcompleted\t0\t\n"
    assert ended.said == ""


def test_a_job_that_is_dead_or_cancelled_is_five(ended: CommandLine) -> None:
    assert ended("wait", "bad", code=5) == "bad\tdead\t1\texit code 1\n"
    assert ended("wait", "ugly", code=5) == "ugly\tcancelled\t\t\n"
    assert ended("wait", "good", "bad", code=5).count("\n") == 2


def test_its_own_exit_code_can_be_had_and_is_five_if_it_has_none(ended: CommandLine) -> None:
    ended("wait", "good", "--exit-code")
    ended("wait", "bad", "--exit-code", code=1)
    ended("wait", "ugly", "--exit-code", code=5)


def test_of_several_failures_the_first_on_the_line_decides(ended: CommandLine) -> None:
    ended("wait", "--exit-code", "good", "ugly", "bad", code=5)
    ended("wait", "--exit-code", "good", "bad", "ugly", code=1)


@pytest.mark.parametrize(
    ("state", "own_code", "plain", "own"),
    [
        (JobState.COMPLETED, 0, 0, 0),
        (JobState.COMPLETED, 3, 0, 0),  # a code that counts as success
        (JobState.DEAD, 137, 5, 137),
        (JobState.DEAD, 0, 5, 5),  # timed out, though its command said 0
        (JobState.DEAD, None, 5, 5),  # lost, or never started
        (JobState.CANCELLED, 143, 5, 143),
    ],
)
def test_the_exit_code_follows_from_the_outcome(state: JobState, own_code: int | None, plain: int, own: int) -> None:
    job = Job._make([None] * len(Job._fields))._replace(state=state, exit_code=own_code)
    assert (exit_code(job, own=False), exit_code(job, own=True)) == (plain, own)


def test_a_job_named_twice_or_by_a_prefix_is_one_job(ended: CommandLine) -> None:
    assert ended("wait", "goo", "good").count("\n") == 1


def test_of_any_the_one_that_ended_first_is_told_and_counts(ended: CommandLine) -> None:
    assert ended("wait", "--any", "late", "ugly", "good") == "good\tcompleted\t0\t\n"
    ended("rm", "good")
    assert ended("wait", "--any", "late", "ugly", "bad", code=5) == "bad\tdead\t1\texit code 1\n"
    ended("wait", "--any", "--exit-code", "ugly", "bad", code=1)


# -- not in time --------------------------------------------------------------------------------


def test_when_the_time_runs_out_it_says_how_to_go_on(ended: CommandLine) -> None:
    assert ended("wait", "late", "good", "--timeout", "0", code=124) == "good\tcompleted\t0\t\n"
    assert ended.said.splitlines() == [
        "Hint: no worker is running; start one with: queuectl worker start",
        "Error: 1 of 2 jobs have not ended within 0s",
        "Hint: go on waiting with: queuectl wait late",
    ]
    ended("--db", str(ended.database), "wait", "late", "--timeout", "40ms", code=124)
    assert "Error: job 'late' has not ended within 40ms\n" in ended.said
    assert f"queuectl --db {ended.database} wait late\n" in ended.said


def test_a_failure_does_not_hide_that_the_time_ran_out(ended: CommandLine) -> None:
    ended("wait", "bad", "late", "--timeout", "0", code=124)


def test_any_is_not_out_of_time_if_one_has_ended(ended: CommandLine) -> None:
    ended("wait", "--any", "late", "good", "--timeout", "0")
    ended("-q", "enqueue", "--id", "later", "--delay", "1h", "true")
    assert ended("wait", "--any", "late", "later", "--timeout", "0", code=124) == ""
    assert "none of 2 jobs has ended within 0s" in ended.said


def test_the_hint_does_not_repeat_a_hundred_ids(run: CommandLine) -> None:
    run("-q", "enqueue", json.dumps([{"id": f"j{number}", "command": "x"} for number in range(100)]))
    run("wait", *(f"j{number}" for number in range(100)), "--timeout", "0", code=124)
    assert "queuectl list --state pending,processing" in run.said
    assert "j7" not in run.said


# -- JSON ---------------------------------------------------------------------------------------


def test_json_is_one_document_with_all_jobs_in_the_order_of_the_line(ended: CommandLine) -> None:
    document = json.loads(ended("wait", "bad", "good", "--json", code=5))
    assert [job["id"] for job in document["jobs"]] == ["bad", "good"]
    assert document["jobs"][0] == job_object(ended.job("bad"))
    assert document["timed_out"] is False


def test_json_shows_those_that_have_not_ended_as_they_are(ended: CommandLine) -> None:
    out = ended("wait", "late", "bad", "--json", "--timeout", "0", code=124)
    document = json.loads(out)
    assert [(job["id"], job["state"]) for job in document["jobs"]] == [("late", "pending"), ("bad", "dead")]
    assert document["timed_out"] is True
    assert json.loads(ended.said.splitlines()[-1])["error"]["code"] == "time_ran_out"
    document = json.loads(ended("wait", "late", "good", "--any", "--json"))
    assert [job["state"] for job in document["jobs"]] == ["pending", "completed"]
    assert document["timed_out"] is False


# -- mistakes -----------------------------------------------------------------------------------


def test_an_unknown_id_is_not_found_before_anything_is_waited_for(ended: CommandLine) -> None:
    assert "'nobody'" in ended.error("wait", "late", "nobody", code=3)[0]


@pytest.mark.parametrize("args", [(), ("good", "--timeout", "soon"), ("good", "--timeout", "-1"), ("good", "--all")])
def test_a_bad_line_is_a_usage_error(ended: CommandLine, args: tuple[str, ...]) -> None:
    ended.error("wait", *args, code=2)


# -- for a person -------------------------------------------------------------------------------


def test_a_person_gets_a_sentence_for_each(ended: CommandLine) -> None:
    ended.on_terminal()
    assert ended("wait", "good", "bad", "ugly", code=5).splitlines() == [
        "Job 'good' completed in 0.2s.",
        "Job 'bad' is dead: exit code 1.",
        "Job 'ugly' was cancelled.",
    ]
    assert ended("-q", "wait", "good") == "good\tcompleted\t0\t\n"


def test_of_many_jobs_a_person_reads_the_failures_and_the_sum(run: CommandLine) -> None:
    ids = [f"j{number:02}" for number in range(30)]
    run("-q", "enqueue", json.dumps([{"id": name, "command": "x"} for name in ids]))
    run("cancel", "j07")
    run.settle("completed")
    run.on_terminal()
    assert run("wait", *ids, code=5) == "Job 'j07' was cancelled.\nOf 30 jobs 29 completed, 1 cancelled.\n"


def test_what_a_job_is_called_is_not_interpreted(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "[bar]:fire:", "true")
    run.settle("completed")
    run.on_terminal()
    assert run("wait", "[bar]:fire:") == "Job '[bar]:fire:' completed in 0.2s.\n"


def test_a_person_sees_how_many_of_several_have_ended(ended: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    consoles: list[Any] = []

    def console(stream: object) -> Any:
        from rich.console import Console

        consoles.append(stream)
        return Console(file=screen, force_terminal=True, width=80)

    monkeypatch.setattr(output, "is_watched", lambda: True)
    monkeypatch.setattr(output, "console", console)
    ended("wait", "good", "bad", code=5)
    ended("wait", "late", "--timeout", "0", code=124)
    ended("-q", "wait", "late", "good", "--timeout", "0", code=124)
    assert consoles == []  # nothing to wait for, a single one, not wanted
    ended("wait", "late", "good", "bad", "--timeout", "30ms", code=124)
    assert "2/3" in screen.getvalue()
    assert len(consoles) == 1


def test_a_reader_who_leaves_is_no_reason_to_wait_no_longer() -> None:
    written: list[str] = []

    def write(text: str) -> None:
        if text == "b":
            raise BrokenPipeError
        written.append(text)

    write_on = waiting.unbroken(write)
    for text in "abc":
        write_on(text)
    assert written == ["a"]
