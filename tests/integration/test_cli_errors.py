"""The root command: help, shared options, and what is said when something goes wrong."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from queuectl import __version__, errors
from queuectl.cli import app, failure, output
from queuectl.cli.app import TABLE, cli
from queuectl.cli.session import Session
from queuectl.cli.shapes import every_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import CommandLine


# -- help -----------------------------------------------------------------------------------


def test_help_lists_every_word_in_its_section_and_creates_no_store(run: CommandLine) -> None:
    text = run("--help")
    for word, (section, help_, _) in TABLE.items():
        assert f"{section}:\n" in text
        assert f"  {word} " in text
        assert help_ in text
    assert run("-h") == text
    assert not run.database.exists()


@pytest.mark.parametrize("word", TABLE)
def test_each_command_has_its_own_help_with_the_shared_options(run: CommandLine, word: str) -> None:
    text = run(word, "--help")
    assert text.startswith(f"Usage: queuectl {word} ")
    assert "Global options:" in text
    for option in ("--db", "--json", "-q, --quiet", "--debug", "-h, --help"):
        assert option in text
    assert not run.database.exists()


@pytest.mark.parametrize("word", sorted(TABLE.keys() - {"dlq", "config", "worker"}))
def test_the_help_of_a_command_gives_an_example(run: CommandLine, word: str) -> None:
    assert f"\n    queuectl {word}" in run(word, "--help").replace("queuectl --db new.db", "queuectl")


@pytest.mark.parametrize("word", ["dlq", "config", "worker"])
def test_a_group_without_a_word_shows_its_help(run: CommandLine, word: str) -> None:
    assert run(word) == run(word, "--help")
    assert "not complete" in run.error(word, code=2)[0]


def test_the_version_is_shown(run: CommandLine) -> None:
    assert run("--version") == run("-V") == f"queuectl {__version__}\n"
    assert not run.database.exists()


def test_bare_it_gives_three_examples_and_names_the_store_without_making_it(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = run()
    assert text.count("\n  queuectl ") == 3
    assert f"Store: {run.database} (not there yet" in text
    assert not run.database.exists()
    run("status")
    assert f"Store: {run.database}\n" in run()
    monkeypatch.setenv("QUEUECTL_DB", "postgresql://user:secret@host/db")
    assert "Store: postgresql://user:***@host/db\n" in run()


def test_bare_with_json_it_is_one_document(run: CommandLine) -> None:
    assert json.loads(run("--json")) == {"version": __version__, "db": str(run.database), "db_exists": False}


# -- shared options -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ("--db", "a", "--json", "status"),
        ("status", "--db", "a", "--json"),
        ("--db", "b", "--json", "status", "--db", "a"),
        ("--db=a", "status", "--json"),
    ],
)
def test_shared_options_stand_before_or_behind_the_word(run: CommandLine, args: tuple[str, ...]) -> None:
    assert json.loads(run(*args))["db"] == str(run.home / "a")


def test_they_stand_at_each_place_around_a_second_word(run: CommandLine) -> None:
    for args in (("--json", "dlq", "list"), ("dlq", "--json", "list"), ("dlq", "list", "--json")):
        assert json.loads(run(*args)) == []


def test_the_store_is_the_option_then_the_variable_then_here(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUECTL_DB", "from-variable")
    assert run.json("status")["db"].endswith("/from-variable")
    assert run.json("--db", "from-option", "status")["db"].endswith("/from-option")
    monkeypatch.setenv("QUEUECTL_DB", "")
    assert run.json("status")["db"].endswith("/queue.db")


def test_variables_that_jobs_get_are_no_options(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUEUECTL_JOB_ID", "QUEUECTL_QUEUE", "QUEUECTL_WORKER", "QUEUECTL_JSON", "QUEUECTL_ID"):
        monkeypatch.setenv(name, "surprise")
    job_id = run("enqueue", "true").strip()
    assert job_id != "surprise"
    assert run.job(job_id).queue == "default"


# -- mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (("lst",), "did you mean 'list'?"),
        (("enqeue", "x"), "did you mean 'enqueue'?"),
        (("dlq", "rtry"), "did you mean 'retry'?"),
        (("xyzzy",), "see queuectl --help"),
        (("list", "--stat", "x"), "did you mean '--state'?"),
        (("list", "-x"), "see queuectl list --help"),
        (("show", "-x"), "an id that begins with - goes behind --, as in: queuectl show -- ID"),
        (("dlq", "retry", "-xyz"), "an id that begins with - goes behind --, as in: queuectl dlq retry -- ID"),
        (("wait", "--timout", "1"), "did you mean '--timeout'?"),
        (("--debgu",), "did you mean '--debug'?"),
        (("list", "--limit", "x"), "see queuectl list --help"),
        (("status", "extra"), "see queuectl status --help"),
        (("list", "--state"), "see queuectl list --help"),
        (("config", "get"), "see queuectl config get --help"),
        (("completion", "csh"), "see queuectl completion --help"),
    ],
)
def test_a_mistake_is_a_usage_error_with_a_way_out(run: CommandLine, args: tuple[str, ...], hint: str) -> None:
    message, found = run.error(*args, code=2)
    assert found == hint
    assert message[0].islower() or message[0] in "'-"
    assert not message.endswith(".")
    assert not run.database.exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("show", "x"), "list shows the jobs"),
        (("retry", "x"), "list shows the jobs"),
        (("dlq", "show", "x"), "dlq list shows the jobs"),
        (("dlq", "retry", "x"), "dlq list shows the jobs"),
        (("dlq", "purge", "x", "-y"), "dlq list shows the jobs"),
        (("resume", "x"), "status shows what is paused"),
    ],
)
def test_a_hint_names_the_store_that_the_line_named_and_the_list_that_it_is_about(
    run: CommandLine, args: tuple[str, ...], words: str
) -> None:
    run("status")
    assert run.error(*args, code=3)[1] == f"queuectl {words}"
    assert run.error("--db", "queue.db", *args, code=3)[1] == f"queuectl --db queue.db {words}"
    run("--db", r"a b\1.db", "init")
    assert run.error("--db", r"a b\1.db", *args, code=3)[1] == rf"queuectl --db 'a b\1.db' {words}"


def test_a_hint_types_an_id_as_a_shell_takes_it(run: CommandLine) -> None:
    run("enqueue", "--id", "-x y", "true")
    assert run.error("rm", "-y", "--", "-x y", code=4)[1] == "queuectl cancel -- '-x y' stops it first"
    run("wait", "--timeout", "0", "--", "-x y", code=124)
    assert "Hint: go on waiting with: queuectl wait -- '-x y'\n" in run.said
    run.settle("dead")
    assert "queuectl dlq purge -- '-x y'\n" in run("dlq", "show", "--", "-x y")


def test_json_errors_come_even_if_the_line_could_not_be_parsed(run: CommandLine) -> None:
    run("list", "--nonsense", "--json", code=2)
    assert json.loads(run.said.splitlines()[-1])["error"]["code"] == "invalid_input"
    run("list", "--nonsense", "--", "--json", code=2)
    assert "{" not in run.said


@pytest.mark.parametrize(
    ("url", "prepare", "word"),
    [
        ("missing/queue.db", None, "store_unreachable"),
        (".", None, "store_unreachable"),
        ("mysql://u:secret@h/d", None, "store_unreachable"),
        ("foreign", "CREATE TABLE t (x)", "store_foreign"),
        ("text", "not a database, but a text of some length", "store_damaged"),
    ],
)
def test_a_store_that_cannot_be_used_is_named(run: CommandLine, url: str, prepare: str | None, word: str) -> None:
    if url == "foreign" and prepare:
        with sqlite3.connect(run.home / url) as database:
            database.execute(prepare)
        database.close()
    elif prepare:
        (run.home / url).write_text(prepare * 100, encoding="utf-8")
    before = (run.home / url).read_bytes() if prepare else b""
    for args in (("status",), ("list",), ("enqueue", "true"), ("dlq", "list"), ("config", "list")):
        run.error("--db", url, *args, code=6)
        assert json.loads(run.said.splitlines()[-1])["error"]["code"] == word
        assert "secret" not in run.said
    assert not prepare or (run.home / url).read_bytes() == before


# -- what else may go wrong -----------------------------------------------------------------


def _raise(error: BaseException) -> object:
    def now() -> int:
        raise error

    return now


def test_a_bug_is_a_sentence_and_with_debug_a_traceback(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuectl.cli.status.now", _raise(KeyError("x\x1b[31m")))
    run("status", code=1)
    assert "Error: unexpected KeyError: " in run.said
    assert "--debug" in run.said
    assert "Traceback" not in run.said
    assert "\x1b" not in run.said
    run("status", "--debug", code=1)
    assert "Traceback" in run.said
    monkeypatch.setenv("QUEUECTL_DEBUG", "1")
    run("status", code=1)
    assert "Traceback" in run.said


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (click.Abort(), 130), (BrokenPipeError(), 0)])
def test_an_interruption_is_silent(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    run("status")
    monkeypatch.setattr("queuectl.cli.status.now", _raise(error))
    run("status", code=code)
    assert run.said.strip() == ""


def test_an_error_of_the_system_names_the_file() -> None:
    found = failure.error_of(OSError(28, "No space left on device", "/x"))
    assert (found.exit_code, found.message) == (1, "No space left on device '/x'")


def test_every_error_of_click_gets_our_form() -> None:
    found = failure.error_of(click.FileError("x", "went away"))
    assert isinstance(found, errors.OperationFailed)
    assert failure.error_of(click.UsageError("One  thing.\nTwo.")).message == "one thing. Two"


def test_what_a_command_returns_is_the_exit_code() -> None:
    assert app._code_of(lambda: 7, Session(), []) == 7
    assert app._code_of(lambda: None, Session(), []) == 0


def test_without_standalone_mode_errors_come_out_as_they_are(run: CommandLine) -> None:
    with pytest.raises(errors.InvalidInput):
        cli.main(["list", "--state", "x"], standalone_mode=False)
    assert not run.database.exists()


def test_messages_are_coloured_for_a_person_who_wants_it(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_is_terminal", lambda _stream: True)
    monkeypatch.setenv("TERM", "xterm")
    result = CliRunner().invoke(cli, ["lst"], color=True)
    assert result.stderr.startswith("\x1b[1;31mError:\x1b[0m there is")
    monkeypatch.setenv("NO_COLOR", "1")
    run("lst", code=2)
    assert "\x1b" not in run.said


@pytest.mark.parametrize(
    "words",
    [
        ("cancel", "--all", "--state", "", "-y"),
        ("cancel", "--all", "--state", ",", "-y"),
        ("cancel", "--all", "--search", "", "-y"),
        ("list", "--state", ""),
    ],
)
def test_an_empty_filter_does_not_come_to_mean_all(run: CommandLine, words: tuple[str, ...]) -> None:
    run("enqueue", "--id", "a", "true")
    run.error(*words, code=2)
    assert run.job("a").state == "pending"


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--state", "bogus"),
        ("worker", "strat"),
        ("nonsense",),
        ("worker", "start", "--grace", "-1"),
        ("worker", "stop", "--wait", "bad"),
        ("worker", "start", "--name", "a\tb"),
        ("worker", "start", "--queue", "a b"),
        ("list", "--limit", "99999999999999999999"),
    ],
)
def test_json_counts_wherever_it_stands(run: CommandLine, words: tuple[str, ...]) -> None:
    for line in ((*words, "--json"), ("--json", *words)):
        assert run(*line, code=2) == ""
        assert json.loads(run.said.splitlines()[-1])["error"]["code"] == "invalid_input"


def _every_command(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _every_command(command, (*path, name))
        else:
            yield (*path, name)


def _required(words: tuple[str, ...]) -> list[str]:
    """Return something for each argument that a command must have."""
    command: click.Command | None = cli
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    return ["x" for param in command.params if isinstance(param, click.Argument) and param.required]


@pytest.mark.parametrize("words", [*_every_command()], ids=" ".join)
def test_every_command_says_its_errors_as_json(run: CommandLine, words: tuple[str, ...]) -> None:
    (run.home / "text").write_text("not a database, but a text of some length" * 100, encoding="utf-8")
    known = {kind.code for kind in every_error(errors.QueuectlError)}
    for more in (["--nonsense"], ["--db", "."], ["--db", "text"], ["--db", ""], ["--db", "missing/queue.db"]):
        done = CliRunner().invoke(cli, [*words, "--json", *more, *_required(words)])
        if done.exit_code == 0:
            assert words[0] == "completion" or "--db" in more
            continue
        if words == ("doctor",) and done.exit_code == 1:  # what is wrong is what it shows
            assert json.loads(done.stdout)["problems"]
            continue
        assert done.stdout == ""
        error = json.loads(done.stderr.splitlines()[-1])["error"]
        assert error["code"] in known
        assert error["hint"]
        assert done.stderr.splitlines()[0] == f"Error: {error['message']}"


def test_jobs_that_have_ended_are_not_cancelled_by_their_state(run: CommandLine) -> None:
    message, hint = run.error("cancel", "--all", "--state", "completed", "-y", code=2)
    assert message == "--state: completed jobs have ended and cannot be cancelled"
    assert hint == "give pending, processing, failed, dead"
    run("cancel", "--all", "--state", "failed", "-y")  # those that wait for a retry


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("list", "--limit", "-1"), "-1 is less than 0"),
        (("list", "--limit", "many"), "'many' is not a whole number"),
        (("list", "--limit", str(2**63)), f"{2**63} is too large"),
        (("logs", "--attempt", "0", "a"), "0 is less than 1"),
        (("dlq", "retry", "--canary", "x"), "'x' is not a whole number"),
        (("worker", "start", "-c", "0"), "0 is not from 1 to 1024"),
        (("edit", "a", "-p", "1.5"), "'1.5' is not a whole number"),
        (("enqueue", "--backoff-base", "x", "x"), "'x' is not a number"),
    ],
)
def test_a_bad_number_is_told_in_words(run: CommandLine, args: tuple[str, ...], message: str) -> None:
    assert str(run.error(*args, code=2)[0]).endswith(f": {message}")
