"""A user's preferences on the command line: options come first, then the environment, then the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import CommandLine


def _prefer(run: CommandLine, text: str) -> None:
    directory = run.home / ".config" / "queuectl"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.toml").write_text(text, encoding="utf-8")


def _origin(run: CommandLine, key: str, *args: str) -> tuple[str, str]:
    ((value, origin),) = [
        (row["value"], row["origin"]) for row in run.json("config", "list", *args) if row["key"] == key
    ]
    return value, origin


def test_an_option_comes_before_the_environment_and_that_before_the_file(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _origin(run, "db") == ("queue.db", "default")
    _prefer(run, 'db = "preferred.db"')
    assert _origin(run, "db") == ("preferred.db", "file")
    assert (run.home / "preferred.db").exists()
    monkeypatch.setenv("QUEUECTL_DB", "environment.db")
    assert _origin(run, "db") == ("environment.db", "environment")
    assert _origin(run, "db", "--db", "option.db") == ("option.db", "option")
    monkeypatch.setenv("QUEUECTL_DB", "")
    assert _origin(run, "db") == ("preferred.db", "file")


def test_the_origin_of_every_value_is_told(run: CommandLine) -> None:
    _prefer(run, "list.limit = 7")
    run("config", "set", "max-retries", "5")
    found = {line.split("\t")[0]: line.split("\t")[1:3] for line in run("config", "list").splitlines()}
    assert found["max-retries"] == ["5", "store"]
    assert found["lease"] == ["60s", "default"]
    assert found["list.limit"] == ["7", "file"]
    assert found["worker.grace"] == ["none", "default"]


def test_the_file_stands_where_xdg_says(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    _prefer(run, "list.limit = 7")
    (run.home / "other" / "queuectl").mkdir(parents=True)
    (run.home / "other" / "queuectl" / "config.toml").write_text("list.limit = 8", encoding="utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(run.home / "other"))
    assert _origin(run, "list.limit") == ("8", "file")
    monkeypatch.setenv("XDG_CONFIG_HOME", "other")  # not absolute, and so to be ignored
    assert _origin(run, "list.limit") == ("7", "file")
    run.on_terminal()
    run("config", "list")
    assert f"preferences are read from {run.home}/.config/queuectl/config.toml" in run.said


def test_lists_show_as_many_as_are_preferred(run: CommandLine) -> None:
    for name in "abc":
        run("enqueue", "--id", name, "--max-retries", "1", "true")
    run.settle("dead")
    _prefer(run, "list.limit = 2")
    assert [line.split("\t")[0] for line in run("list").splitlines()] == ["b", "c"]
    assert [line.split("\t")[0] for line in run("dlq", "list").splitlines()] == ["b", "c"]
    assert len(run("list", "--limit", "0").splitlines()) == 3
    assert len(run("list", "-n", "1").splitlines()) == 1


def test_hints_and_messages_can_be_left_out(run: CommandLine) -> None:
    _prefer(run, "hints = false")
    run("enqueue", "true")
    assert run.said == "Created queue.db\n"
    _prefer(run, "quiet = true")
    run("--db", "other.db", "enqueue", "true")
    assert run.said == ""


def test_a_worker_takes_the_preferred_slots(run: CommandLine) -> None:
    _prefer(run, "worker.concurrency = 3\nworker.grace = '5s'")
    run("enqueue", "true")
    assert "3 slots" in run("worker", "start", "--drain")
    run("enqueue", "true")
    assert "2 slots" in run("worker", "start", "--drain", "--concurrency", "2")


@pytest.mark.parametrize("args", [("list",), ("enqueue", "true"), ("--db", "x.db", "enqueue", "true"), ("status",)])
def test_a_mistake_in_the_file_ends_a_command_before_it_does_anything(run: CommandLine, args: tuple[str, ...]) -> None:
    _prefer(run, "list.limt = 7")
    message, hint = run.error(*args, code=2)
    assert message == f"{run.home}/.config/queuectl/config.toml: line 1: unknown preference 'list.limt'"
    assert hint == "did you mean 'list.limit'?"
    assert [path.name for path in run.home.iterdir()] == [".config"]


def test_doctor_reports_a_mistake_in_the_file_and_examines_the_rest(run: CommandLine) -> None:
    _prefer(run, "list.limit = 7")
    path = f"{run.home}/.config/queuectl/config.toml"
    assert f"ok\tpreferences\t{path}\t\n" in run("doctor", code=1)  # there is no store yet
    run("enqueue", "true")
    _prefer(run, "list.limt = 7")
    told = run("doctor", code=1)
    assert f"problem\tpreferences\t{path}: line 1: unknown preference 'list.limt'; no other command" in told
    assert "\tdid you mean 'list.limit'?\n" in told
    assert "ok\tstore\t" in told
    assert run.said == ""


def test_doctor_says_that_there_are_no_preferences(run: CommandLine) -> None:
    assert "ok\tpreferences\tnone: the defaults count\t\n" in run("doctor", code=1)


def test_bare_the_program_helps_and_warns_of_a_mistake_in_the_file(run: CommandLine) -> None:
    _prefer(run, "list.limt = 7")
    text = run()
    assert text.count("\n  queuectl ") == 3
    assert "Store: unknown until config.toml is mended\n" in text
    warning = f"Warning: {run.home}/.config/queuectl/config.toml: line 1: unknown preference 'list.limt'"
    assert run.said.splitlines() == [warning, "Hint: did you mean 'list.limit'?"]
    assert f"Store: {run.home}/x.db (not there yet" in run("--db", "x.db")
    assert run.json()["db"] is None
    assert run.said.startswith(warning)


def test_help_and_version_do_without_the_file(run: CommandLine) -> None:
    _prefer(run, "list.limt = 7")
    for args in (("--help",), ("--version",), ("list", "--help"), ("worker", "start", "--help")):
        run(*args)


@pytest.mark.parametrize("args", [("get", "list.limit"), ("set", "list.limit", "5"), ("unset", "list.limit")])
def test_a_preference_is_no_setting_of_the_store(run: CommandLine, args: tuple[str, ...]) -> None:
    message, hint = run.error("config", *args, code=2)
    assert message == "'list.limit' is a preference of yours, not a setting of the store"
    assert hint == f"write it into {run.home}/.config/queuectl/config.toml"
    assert not run.database.exists()


def test_no_password_of_a_store_is_shown(run: CommandLine) -> None:
    _prefer(run, 'db = "postgresql://me:secret@here/q"')
    run("config", "list", code=6)
    assert "secret" not in run.said
