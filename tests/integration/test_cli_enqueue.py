"""`queuectl enqueue` without a process."""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from queuectl.cli.accepted import Acceptance

if TYPE_CHECKING:
    import io
    from pathlib import Path

    from tests.integration.conftest import CommandLine

# -- the word -------------------------------------------------------------------------------


def test_a_json_object_is_a_specification(run: CommandLine) -> None:
    assert run("enqueue", '{"id":"task1","command":"python -c \\"print(42)\\"","max_retries":5}') == "task1\n"
    job = run.job("task1")
    assert (job.command, job.max_retries) == ('python -c "print(42)"', 5)


def test_a_json_array_is_many_specifications(run: CommandLine) -> None:
    assert run("enqueue", '[{"id":"a","command":"x"},{"id":"b","command":"y"}]') == "a\nb\n"


def test_any_other_word_is_a_line_for_the_shell(run: CommandLine) -> None:
    for line in ("echo Hello World", "{ echo a; }", "[ -f x ] && echo y", "true | cat", "*"):
        job_id = run("enqueue", line).strip()
        assert run.job(job_id).command == line


def test_an_option_behind_a_line_for_the_shell_is_pointed_out(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "sleep 1; exit 1", "--max-retries=1")
    assert "Hint: --max-retries belongs to the command" in run.said
    run("enqueue", "--id", "b", "rsync", "--delay", "1")  # perhaps it has such an option
    assert "belongs to the command" not in run.said


@pytest.mark.parametrize(
    "args",
    [
        ("-C", "later", "true"),
        ('{"command": "true", "cwd": "later"}',),
        ('[{"command": "true", "cwd": "later"}]',),
        ("-C", "later", '[{"command": "a"}, {"command": "b"}]'),
    ],
)
def test_a_directory_that_is_not_there_is_doubted_and_taken(run: CommandLine, args: tuple[str, ...]) -> None:
    run("enqueue", *args)
    assert {job.cwd for job in run.jobs()} == {str(run.home / "later")}
    warning = f"Warning: there is no directory '{run.home}/later' here; the job fails unless it is made before"
    assert run.said.count(warning) == 1
    run("enqueue", "--quiet", *args)
    assert run.said == ""
    (run.home / "later").mkdir()
    run("enqueue", *args)
    assert "Warning" not in run.said


def test_a_file_in_place_of_a_directory_is_doubted_and_that_of_one_among_many_is_not(run: CommandLine) -> None:
    (run.home / "file").touch()
    run("enqueue", "-C", "file", "true")
    assert f"Warning: '{run.home}/file' is not a directory; " in run.said
    run("enqueue", '[{"command": "a", "cwd": "/nope"}, {"command": "b"}]')
    assert "Warning" not in run.said


def test_several_words_keep_their_quoting(run: CommandLine) -> None:
    job_id = run("enqueue", "--", "printf", "%s\n", "a b", "$HOME", "it's").strip()
    assert run.job(job_id).command == "printf '%s\n' 'a b' '$HOME' 'it'\"'\"'s'"


def test_options_behind_a_command_are_the_commands_own(run: CommandLine) -> None:
    job_id = run("enqueue", "--tag", "x", "ls", "--json", "--db", "other", "-q").strip()
    assert run.job(job_id).command == "ls --json --db other -q"


def test_options_behind_a_specification_are_options(run: CommandLine) -> None:
    out = run("enqueue", '{"id":"a","command":"x"}', "--json", "--tag", "t")
    assert json.loads(out) == {"jobs": [{"id": "a", "how": "created"}]}
    assert run.job("a").tags == ("t",)


def test_two_specifications_in_one_call_are_refused(run: CommandLine) -> None:
    message, hint = run.error("enqueue", '{"command":"x"}', '{"command":"y"}', code=2)
    assert "follows the specification" in message
    assert "array" in str(hint)


def test_a_specification_that_does_not_parse_names_the_position(run: CommandLine) -> None:
    message, _ = run.error("enqueue", '{"command": "x",, }', code=2)
    assert "line 1, column 17" in message
    assert not run.database.exists()


@pytest.mark.parametrize(
    "word", ["[]", "{}", "[1]", '{"command": 1}', '{"cmd": "x"}', '{"command":"x","command":"y"}', ""]
)
def test_a_bad_specification_creates_no_store(run: CommandLine, word: str) -> None:
    run.error("enqueue", word, code=2)
    assert not run.database.exists()


def test_an_unknown_field_is_met_with_what_was_meant(run: CommandLine) -> None:
    assert run.error("enqueue", '{"comand": "x"}', code=2) == ("unknown field 'comand'", "did you mean 'command'?")


def test_nothing_to_enqueue_is_a_usage_error(run: CommandLine) -> None:
    assert "no job" in run.error("enqueue", code=2)[0]


def test_a_command_and_a_file_exclude_each_other(run: CommandLine) -> None:
    assert "either" in run.error("enqueue", "--file", "x", "echo", code=2)[0]


# -- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"id":"a","command":"x"}',
        '[{"id":"a","command":"x"}]',
        '\n{"id":"a","command":"x"}\n\n',
        '{\n"id":"a",\n"command":"x"}',
    ],
)
def test_a_file_holds_an_object_an_array_or_lines(run: CommandLine, text: str) -> None:
    (run.home / "job.json").write_text(text, encoding="utf-8")
    assert run("enqueue", "--file", "job.json") == "a\n"


def test_a_file_with_one_bad_line_stores_nothing(run: CommandLine) -> None:
    (run.home / "jobs").write_text('{"command":"x"}\n{"command":"y"}\n{"command":3}\n', encoding="utf-8")
    message, _ = run.error("enqueue", "--file", "jobs", code=2)
    assert message.startswith("jobs: line 3")
    assert run.jobs() == []


@pytest.mark.parametrize("content", [b"", b"\n \n", b"[]", b"\xff\xfe", b'{"command":"\xff"}', b"nonsense", b"\0"])
def test_a_file_without_a_good_job_is_a_usage_error_and_creates_no_store(run: CommandLine, content: bytes) -> None:
    (run.home / "jobs").write_bytes(content)
    assert run.error("enqueue", "--file", "jobs", code=2)[0].startswith("jobs:")
    assert not run.database.exists()


@pytest.mark.parametrize("path", ["missing", ".", "jobs/under-a-file"])
def test_a_file_that_cannot_be_read_is_named(run: CommandLine, path: str) -> None:
    (run.home / "jobs").touch()
    assert repr(path) in run.error("enqueue", "--file", path, code=2)[0]


def test_an_id_twice_in_one_call_is_a_conflict(run: CommandLine) -> None:
    (run.home / "jobs").write_text('{"id":"a","command":"x"}\n{"id":"a","command":"y"}\n', encoding="utf-8")
    run.error("enqueue", "--file", "jobs", code=4)
    assert run.jobs() == []


# -- lines ----------------------------------------------------------------------------------


def test_each_line_is_a_command_but_blank_ones_and_those_behind_a_number_sign(run: CommandLine) -> None:
    text = "\ufeff#!/bin/sh\n\necho 'a b' | cat # not this\n   \n  # nor this\n\t{ echo c; }\r\nlast \\ "
    (run.home / "jobs").write_text(text, encoding="utf-8")
    assert run("enqueue", "--lines", "jobs").count("\n") == 3
    assert [job.command for job in run.jobs()] == ["echo 'a b' | cat # not this", "{ echo c; }", "last \\ "]


def test_the_options_are_those_of_every_line(run: CommandLine) -> None:
    (run.home / "jobs").write_text("echo a\necho b\n", encoding="utf-8")
    run("enqueue", "--lines", "jobs", "--tag", "t", "--max-retries", "7", "-e", "A=1", "-Q", "mail")
    for job in run.jobs():
        assert (job.tags, job.max_retries, job.env, job.queue) == (("t",), 7, {"A": "1"}, "mail")
        assert job.cwd == str(run.home)


def test_one_bad_line_is_named_and_nothing_is_stored(run: CommandLine) -> None:
    (run.home / "jobs").write_bytes(b"echo a\n# a comment\necho \0\n")
    assert run.error("enqueue", "--lines", "jobs", code=2)[0].startswith("jobs: line 3: command")
    assert run.jobs() == []


@pytest.mark.parametrize("content", [b"", b"\n \n", b"# only\n\t# comments", b"\xff\n"])
def test_lines_without_a_good_command_are_a_usage_error_and_create_no_store(run: CommandLine, content: bytes) -> None:
    (run.home / "jobs").write_bytes(content)
    assert run.error("enqueue", "--lines", "jobs", code=2)[0].startswith("jobs: ")
    assert not run.database.exists()


@pytest.mark.parametrize(
    "args", [("--lines", "x", "echo"), ("--lines", "x", "--file", "y"), ("--lines", "missing"), ("--lines", ".")]
)
def test_lines_come_from_one_file_that_is_there(run: CommandLine, args: tuple[str, ...]) -> None:
    run.error("enqueue", *args, code=2)
    assert not run.database.exists()


def test_an_id_does_not_do_for_several_lines(run: CommandLine) -> None:
    (run.home / "jobs").write_text("echo a\necho b\n", encoding="utf-8")
    assert "--id" in run.error("enqueue", "--lines", "jobs", "--id", "a", code=2)[0]


# -- waiting: what does without a worker; the rest is in tests/acceptance/test_wait.py --------


@pytest.mark.parametrize("args", [("--exit-code",), ("--timeout-wait", "1s"), ("--wait", "--timeout-wait", "x")])
def test_options_of_waiting_need_waiting_and_a_duration(run: CommandLine, args: tuple[str, ...]) -> None:
    run.error("enqueue", *args, "true", code=2)
    assert not run.database.exists()


def test_a_job_that_does_not_end_in_time_is_stored_and_said_on_stderr(run: CommandLine) -> None:
    assert run("enqueue", "--wait", "--timeout-wait", "0", "--id", "a", "true", code=124) == ""
    assert run.job("a").command == "true"
    assert "Enqueued job 'a'.\n" in run.said
    out = run(
        "enqueue", '[{"id":"b","command":"x"},{"id":"c","command":"x"}]', "--wait", "--timeout-wait", "0", code=124
    )
    assert out == ""
    assert "Error: 2 of 2 jobs have not ended within 0s\nHint: go on waiting with: queuectl wait b c\n" in run.said


def test_json_of_waiting_has_how_and_the_fields_of_a_job(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "true")
    run.settle("completed")
    out = run("enqueue", "--json", "--wait", "--id", "a", "--if-exists", "skip", "true")
    document = json.loads(out)
    assert document["timed_out"] is False
    assert [(job["id"], job["how"], job["state"]) for job in document["jobs"]] == [("a", "skipped", "completed")]


# -- progress -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "line", "shown"),
    [
        ("--lines", "true\n", "20/20"),
        ("--file", '{"command": "true"}\n', "20/20"),
        ("--file", "[" + ", ".join(['{"command": "true"}'] * 20) + "]", "20/?"),
    ],
)
def test_a_person_sees_how_far_many_jobs_have_come(
    run: CommandLine, screen: io.StringIO, option: str, line: str, shown: str
) -> None:
    text = line if line.startswith("[") else line * 20
    (run.home / "jobs").write_text(text, encoding="utf-8")
    run("enqueue", option, "jobs")
    assert "Enqueueing" in screen.getvalue()
    assert shown in screen.getvalue()
    assert len(run.jobs()) == 20


def test_few_jobs_or_a_quiet_person_have_no_bar(run: CommandLine, screen: io.StringIO) -> None:
    (run.home / "jobs").write_text("true\n" * 5, encoding="utf-8")
    run("enqueue", "--lines", "jobs")
    (run.home / "jobs").write_text("true\n" * 6, encoding="utf-8")
    run("-q", "enqueue", "--lines", "jobs")
    assert screen.getvalue() == ""


def test_a_bar_goes_when_a_bad_job_ends_it_all(run: CommandLine, screen: io.StringIO) -> None:
    (run.home / "jobs").write_text("true\n" * 2000 + "\0\n", encoding="utf-8")
    run("enqueue", "--lines", "jobs", code=2)
    assert screen.getvalue().rpartition("\x1b[?25")[2][0] == "h"  # the cursor is back
    assert run.jobs() == []


# -- options --------------------------------------------------------------------------------


def test_every_option_reaches_the_job(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_HERE", "inherited")
    run(
        *("enqueue", "--id", "a", "--max-retries", "7", "--backoff-base", "1.5", "-p", "-3", "--delay", "10m"),
        *("--timeout", "90s", "-Q", "mail", "-C", "sub", "-e", "A=1=2", "-e", "FROM_HERE", "-t", "x", "-t", "y"),
        *("--unique-key", "k", "true"),
    )
    job = run.job("a")
    assert (job.max_retries, job.backoff_base, job.priority, job.timeout) == (7, 1.5, -3, 90.0)
    assert (job.queue, job.unique_key, job.tags) == ("mail", "k", ("x", "y"))
    assert job.env == {"A": "1=2", "FROM_HERE": "inherited"}
    assert job.cwd == str(run.home / "sub")
    assert job.next_run_at is not None
    assert job.next_run_at - job.created_at == 600_000


def test_at_takes_a_time(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "--at", "2099-01-01T00:00:00Z", "true")
    assert run.job("a").next_run_at == 4_070_908_800_000


def test_at_and_delay_exclude_each_other(run: CommandLine) -> None:
    run.error("enqueue", "--at", "18:00", "--delay", "1m", "true", code=2)


def test_a_variable_that_is_not_there_is_named(run: CommandLine) -> None:
    assert "'NO_SUCH'" in run.error("enqueue", "-e", "NO_SUCH", "true", code=2)[0]


def test_options_win_over_fields_and_add_to_env_and_tags(run: CommandLine) -> None:
    spec = {"command": "x", "queue": "a", "env": {"A": "1", "B": "1"}, "tags": ["x"], "run_at": "2099-01-01T00:00:00Z"}
    run("enqueue", "--id", "j", "-Q", "b", "-e", "B=2", "-e", "C=2", "-t", "y", "--delay", "0", json.dumps(spec))
    job = run.job("j")
    assert (job.queue, job.env, job.tags) == ("b", {"A": "1", "B": "2", "C": "2"}, ("x", "y"))
    assert job.next_run_at == job.created_at


def test_one_id_does_not_do_for_several_jobs(run: CommandLine) -> None:
    assert "--id" in run.error("enqueue", "--id", "a", '[{"command":"x"},{"command":"y"}]', code=2)[0]
    assert not run.database.exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--delay", "5x"), ("--timeout", "0"), ("--at", "25:00"), ("--max-retries", "-1"), ("--backoff-base", "nan"),
     ("--id", "a/b"), ("--queue", "a b"), ("--tag", "a,b"), ("--env", "=x"), ("--if-exists", "maybe"), ("--cwd", "")],
)  # fmt: skip
def test_a_bad_value_is_a_usage_error(run: CommandLine, option: str, value: str) -> None:
    run.error("enqueue", option, value, "true", code=2)
    assert not run.database.exists()


def test_jobs_run_where_they_were_enqueued(run: CommandLine) -> None:
    run(
        "enqueue",
        '[{"id":"a","command":"x"},{"id":"b","command":"x","cwd":"sub/dir"},{"id":"c","command":"x","cwd":"/tmp"}]',
    )
    assert [job.cwd for job in run.jobs()] == [str(run.home), str(run.home / "sub/dir"), "/tmp"]  # noqa: S108


# -- ids that are taken ---------------------------------------------------------------------


def test_an_id_that_is_taken_is_a_conflict(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "first")
    message, hint = run.error("enqueue", "--id", "a", "second", code=4)
    assert "'a'" in message
    assert "--if-exists" in str(hint)
    assert run.job("a").command == "first"


@pytest.mark.parametrize(
    ("choice", "how", "command"), [("skip", "skipped", "first"), ("replace", "replaced", "second")]
)
def test_it_may_be_skipped_or_replaced(run: CommandLine, choice: str, how: str, command: str) -> None:
    run("enqueue", "--id", "a", "first")
    out = run("enqueue", "--json", "--id", "a", "--if-exists", choice, "second")
    assert json.loads(out) == {"jobs": [{"id": "a", "how": how}]}
    assert run.job("a").command == command


# -- what is said ---------------------------------------------------------------------------


def test_the_first_command_says_that_it_created_the_store(run: CommandLine) -> None:
    run("enqueue", "true")
    assert run.said.splitlines()[0] == "Created queue.db"
    run("enqueue", "true")
    assert "Created" not in run.said


def test_a_hint_says_how_to_start_a_worker_for_the_same_store(run: CommandLine) -> None:
    run("--db", "my store.db", "enqueue", "true")
    assert "Hint: no worker is running; start one with: queuectl --db 'my store.db' worker start" in run.said


def test_quiet_leaves_the_id_alone(run: CommandLine) -> None:
    run.on_terminal()
    assert run("-q", "enqueue", "--id", "a", "true") == "a\n"
    assert run.said == ""


def test_a_person_gets_a_sentence(run: CommandLine) -> None:
    run.on_terminal()
    assert run("enqueue", "--id", "a", "true") == "Enqueued job 'a'.\n"
    many = json.dumps([{"id": f"j{n}", "command": "x"} for n in range(7)])
    assert run("enqueue", many) == "Enqueued 7 jobs: j0, j1, j2, j3, j4 and 2 more.\n"
    assert run("enqueue", "--if-exists", "skip", '[{"id":"j0","command":"x"},{"id":"new","command":"x"}]') == (
        "Skipped job 'j0'.\nEnqueued job 'new'.\n"
    )


def test_a_directory_that_is_gone_is_named(run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "directory" in run.error("--db", str(run.database), "enqueue", "true", code=1)[0]


# -- signals around the commit --------------------------------------------------------------


def test_a_signal_while_the_transaction_ends_counts_if_it_fails() -> None:
    with pytest.raises(KeyboardInterrupt), Acceptance() as acceptance:  # noqa: PT012 - it is raised at the end
        list(acceptance.after(["job"]))
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # held back: the next line runs
        assert signal.SIGINT in signal.sigpending()


def test_a_signal_while_the_transaction_ends_is_forgotten_if_it_succeeds() -> None:
    with Acceptance() as acceptance:
        list(acceptance.after(["job"]))
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        acceptance.accept()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_after_the_commit_ends_the_program_with_success() -> None:
    with pytest.raises(SystemExit) as end, Acceptance() as acceptance:  # noqa: PT012 - the last line raises it
        list(acceptance.after(["job"]))
        acceptance.accept()
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    assert end.value.code == 0


# -- what many jobs cost -----------------------------------------------------------------------


def _calls(run: CommandLine, jobs: int) -> int:
    """Count the calls of Python functions, generators that go on included, while so many jobs are enqueued."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    lines = "".join(json.dumps({"id": f"{jobs}-{number}", "command": "true"}) + "\n" for number in range(jobs))
    (run.home / "jobs.jsonl").write_text(lines, encoding="utf-8")
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run("-q", "enqueue", "--file", "jobs.jsonl")
    finally:
        sys.setprofile(before)
    return calls


def test_a_job_of_many_takes_few_calls(run: CommandLine) -> None:
    _calls(run, 1000)  # what is loaded, and made, once
    assert (_calls(run, 3000) - _calls(run, 2000)) / 1000 < 14
