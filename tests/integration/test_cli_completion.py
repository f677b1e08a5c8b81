"""Completion without a shell: the scripts, where they go, and what is offered. Real shells: tests/acceptance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from queuectl.cli.app import TABLE, cli
from queuectl.config import SETTINGS
from queuectl.model import JobState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import CommandLine


def _offered(*words: str) -> list[str]:
    """Return what completes the last word."""
    *args, incomplete = words
    found = ShellComplete(cli, {}, "queuectl", "_QUEUECTL_COMPLETE").get_completions(list(args), incomplete)
    return [str(item.value) for item in found]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed_and_completes_this_program(run: CommandLine, shell: str) -> None:
    script = run("completion", shell)
    assert f"_QUEUECTL_COMPLETE={shell}_complete" in script
    assert "%(" not in script
    assert json.loads(run("completion", shell, "--json")) == {"shell": shell, "script": script}
    assert not run.database.exists()


@pytest.mark.parametrize(
    ("shell", "place"),
    [
        ("bash", ".local/share/bash-completion/completions/queuectl"),
        ("zsh", ".local/share/zsh/site-functions/_queuectl"),
        ("fish", ".config/fish/completions/queuectl.fish"),
    ],
)
def test_install_writes_it_to_where_the_shell_looks_and_does_so_once(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, shell: str, place: str
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "BASH_COMPLETION_USER_DIR"):
        monkeypatch.delenv(name, raising=False)
    path = run.home / place
    assert run("completion", shell, "--install") == f"Wrote {path}\n"
    assert run.said.startswith("Hint: ")
    assert path.read_text(encoding="utf-8") == run("completion", shell)
    before = path.stat()
    assert run("completion", shell, "--install") == f"Up to date: {path}\n"
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    path.write_text("old", encoding="utf-8")
    assert json.loads(run("completion", shell, "--install", "--json")) == {
        "shell": shell,
        "path": str(path),
        "changed": True,
    }
    assert list(path.parent.iterdir()) == [path]


def test_install_follows_xdg_and_links(run: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("BASH_COMPLETION_USER_DIR", str(tmp_path / "bash"))
    for shell, place in (("bash", "bash/completions/queuectl"), ("zsh", "data/zsh/site-functions/_queuectl")):
        run("completion", shell, "--install")
        assert (tmp_path / place).is_file()
    kept = tmp_path / "kept-elsewhere"
    kept.touch()
    link = tmp_path / "config/fish/completions/queuectl.fish"
    link.parent.mkdir(parents=True)
    link.symlink_to(kept)
    run("completion", "fish", "--install")
    assert link.is_symlink()
    assert "fish_complete" in kept.read_text(encoding="utf-8")


def test_install_where_nothing_can_be_written_is_an_error_with_a_way_out(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run.home / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(run.home / "file"))
    message, hint = run.error("completion", "fish", "--install", code=1)
    assert "cannot write" in message
    assert "prints the script" in str(hint)


# -- what is offered ------------------------------------------------------------------------


def test_words_options_and_settings_are_offered(run: CommandLine) -> None:
    assert _offered("") == list(TABLE)
    assert _offered("en") == ["enqueue"]
    assert _offered("dlq", "") == ["list", "show", "retry", "purge"]
    assert "--retrying" in _offered("list", "--re")
    assert _offered("config", "get", "") == list(SETTINGS)
    assert _offered("config", "set", "max") == ["max-retries"]
    assert _offered("completion", "z") == ["zsh"]
    assert _offered("enqueue", "--if-exists", "s") == ["skip"]
    assert not run.database.exists()


@pytest.mark.usefixtures("run")
def test_states_are_offered_for_the_last_word_of_a_list() -> None:
    assert _offered("list", "--state", "") == [state.value for state in JobState]
    assert _offered("list", "--state", "dead,p") == ["dead,pending", "dead,processing"]
    assert _offered("list", "--state", "dead,de") == []


def test_live_ids_queues_and_tags_are_offered(run: CommandLine) -> None:
    jobs = [{"id": name, "command": "x", "queue": f"q-{name}", "tags": [f"t-{name}"]} for name in ("ant", "asp", "bee")]
    run("-q", "enqueue", json.dumps(jobs))
    run.settle("dead")
    run("-q", "enqueue", "--id", "alive", "true")
    assert sorted(_offered("dlq", "retry", "")) == ["ant", "asp", "bee"]
    assert sorted(_offered("dlq", "retry", "a")) == ["ant", "asp"]
    assert _offered("dlq", "retry", "ant", "a") == ["asp"]
    assert sorted(_offered("retry", "a")) == ["ant", "asp"]
    assert _offered("edit", "") == ["alive"]
    assert _offered("edit", "alive", "--set", "ba")[0] == "backoff_base="
    assert _offered("wait", "a") == ["alive"]
    assert _offered("list", "--queue", "q-b") == ["q-bee"]
    assert _offered("pause", "q-") == ["q-ant", "q-asp", "q-bee"]
    assert _offered("resume", "") == []
    run("pause", "--all")
    run("pause", "q-bee", "later")
    assert _offered("resume", "") == ["later", "q-bee"]
    assert _offered("list", "--tag", "t-") == ["t-ant", "t-asp", "t-bee"]


def test_ids_come_from_the_store_on_the_line(run: CommandLine) -> None:
    run("-q", "--db", "other", "enqueue", "--id", "there", "true")
    assert _offered("--db", "other", "list", "-Q", "") == ["default"]
    assert _offered("list", "--db", "other", "-Q", "") == ["default"]
    assert _offered("list", "-Q", "") == []
    assert not run.database.exists()


@pytest.mark.parametrize("url", ["missing", "missing/queue.db", ".", "text", "mysql://h/d"])
def test_a_store_that_cannot_be_used_offers_nothing(run: CommandLine, url: str) -> None:
    (run.home / "text").write_text("no database " * 100, encoding="utf-8")
    assert _offered("--db", url, "dlq", "retry", "") == []
    assert not (run.home / "missing").exists()


def test_descriptions_are_short_and_safe(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "a", "x\x1b[31m\n" * 50)
    run.settle("dead")
    (item,) = ShellComplete(cli, {}, "queuectl", "").get_completions(["dlq", "retry"], "")
    assert item.help is not None
    assert item.help.startswith("dead · x\\x1b[31m\\n")
    assert item.help.isprintable()
    assert len(item.help) <= 50


@pytest.mark.usefixtures("run")
def test_the_shell_gets_an_answer_and_never_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(line: str) -> str:
        monkeypatch.setenv("_QUEUECTL_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_LINE", line)
        with pytest.raises(SystemExit) as end:
            cli.main([], prog_name="queuectl")
        assert end.value.code == 0
        return capsys.readouterr().out

    assert answer("queuectl statu") == "plain,status\n"
    monkeypatch.setattr("queuectl.cli.app.Root.shell_complete", lambda *_: 1 / 0)
    assert answer("queuectl statu") == ""
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("run")
def test_a_word_that_the_program_does_not_know_offers_nothing() -> None:
    assert _offered("nonsense", "x") == []
