"""`queuectl show`: one job in full."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from queuectl.worker.logs import log_path

if TYPE_CHECKING:
    from tests.integration.conftest import CommandLine


def test_fields_next_and_history_are_shown(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "--env", "SECRET=hunter2", "--delay", "1h", "echo x")
    text = run("show", "a")
    assert "id:\ta\n" in text
    assert "command:\techo x\n" in text
    assert "next:\tstarts in 59m" in text or "next:\tstarts in 1h" in text
    assert "pending (enqueued)\n" in text
    assert "SECRET" in text
    assert "hunter2" not in text
    assert "env:\tSECRET=hunter2\n" in run("show", "a", "--env")


def test_json_is_one_document_with_history_and_output(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "echo x")
    shown = json.loads(run("show", "a", "--json"))
    assert [step["state"] for step in shown["history"]] == ["pending"]
    assert (shown["id"], shown["output"], shown["next"]) == ("a", "", "starts when a worker is free")


def test_each_run_tells_how_it_ended_and_how_long_it_waited_and_ran(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "true")
    assert run.json("show", "a")["runs"] == []
    assert "\nruns:\n" not in run("show", "a")
    run.settle("retrying")
    (first,) = run.json("show", "a")["runs"]
    assert (first["attempt"], first["how"], first["exit_code"], first["error"]) == (1, "failed", 1, "exit code 1")
    assert (first["worker"], first["duration_seconds"]) == ("tester", 0.25)
    assert first["started_at"] < first["finished_at"]
    assert first["waited_seconds"] > 0
    line = run("show", "a").split("\nruns:\n")[1].splitlines()[0].split("\t")
    assert line[:2] == ["1", "exit code 1"]
    assert line[3:5] == ["0.25", "tester"]
    assert len(line) == 6


def test_a_dead_job_names_the_command_that_puts_it_back(run: CommandLine) -> None:
    run("-q", "enqueue", "--id=-x", "true")
    run.settle("dead")
    assert "next:\tnothing, until somebody says: queuectl dlq retry -- -x\n" in run("show", "--", "-x")


def test_what_is_due_later_says_when(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "--at", "2100-01-01T00:00:00Z", "true")
    assert ", at 2100-01-01T00:00:00.000Z, when a worker is free\n" in run("show", "a")


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_terminal_gets_a_page_that_fits(run: CommandLine, width: int) -> None:
    run(
        "-q",
        "enqueue",
        "--id",
        "a",
        "-e",
        "SECRET=hunter2",
        "-t",
        "[b]x[/b]",
        f"echo :fire: [/bold] \x1b[2J {'x' * 300}",
    )
    run.settle("retrying")
    run.on_terminal(width)
    shown = run("show", "a")
    lines = shown.splitlines()
    assert lines[0].split()[0] == "a"
    assert lines[0].split()[-1] == "pending"
    assert all(len(line) <= width for line in lines)
    for title in ("Runs", "History"):
        assert sum(line.rstrip() == title for line in lines) == 1
    assert "hunter2" not in shown
    assert "\x1b" not in shown
    assert shown.count("x") >= 300  # nothing is cut
    assert "x" * 10 in shown
    if width >= 80:
        assert ":fire: [/bold] \\x1b[2J" in shown
        assert "exit code 1" in shown
        assert "SECRET=hunter2" in run("show", "a", "--env")


def test_the_end_of_the_output_is_shown_in_all_forms(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "true")
    run.settle("processing")
    log = log_path(run.home / "queue.db.d", 1, 1)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"early\n" + b"x" * 4096 + b"\nlast \x1b[31m\n")
    assert run.json("show", "a")["output"].endswith("\nlast \x1b[31m\n")
    assert "early" not in run("show", "a")
    assert run("show", "a").endswith("\n  last \\x1b[31m\n")
    run.on_terminal(60)
    assert run("show", "a").rstrip().endswith("last \\x1b[31m")


def test_a_job_that_is_not_there_is_not_found(run: CommandLine) -> None:
    run.error("show", "a", code=3)
