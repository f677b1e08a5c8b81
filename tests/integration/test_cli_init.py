"""`queuectl init` without a process."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import CommandLine


def _ignore_file(run: CommandLine) -> Path:
    return run.home / ".gitignore"


@pytest.fixture
def tree(run: CommandLine) -> CommandLine:
    """A command line at the root of a git work tree."""
    (run.home / ".git").mkdir()
    return run


def test_it_makes_the_store_once_and_says_which(run: CommandLine) -> None:
    assert run("init") == f"{run.database}\tcreated\n"
    assert run.said == ""
    assert run("init") == f"{run.database}\tthere\n"
    assert run("--db", "other.db", "init") == f"{run.home}/other.db\tcreated\n"
    assert run.jobs() == []


def test_a_terminal_and_json_get_it_too(run: CommandLine) -> None:
    assert run.json("init") == {"db": str(run.database), "created": True, "gitignore": None}
    run.on_terminal()
    assert run("init") == f"{run.database} is there already.\n"
    assert run("--db", "other.db", "init") == f"Created {run.home}/other.db.\n"


@pytest.mark.parametrize("args", [("--db", "no/such/queue.db"), ("--db", ".")])
def test_a_place_that_takes_no_store_is_named(run: CommandLine, args: tuple[str, ...]) -> None:
    assert repr(args[1]) in run.error(*args, "init", code=6)[0]


def test_git_is_left_alone_unless_it_is_asked_for(tree: CommandLine) -> None:
    tree("init")
    assert not _ignore_file(tree).exists()
    assert tree.said == "Hint: keep the store out of git with: queuectl init --gitignore\n"


def test_a_line_is_added_once(tree: CommandLine) -> None:
    _ignore_file(tree).write_text("*.pyc", encoding="utf-8")
    tree("init", "--gitignore")
    assert tree.said == f"Added /queue.db* in {_ignore_file(tree)}\n"
    assert _ignore_file(tree).read_text(encoding="utf-8") == "*.pyc\n/queue.db*\n"
    found = tree.json("init", "--gitignore")["gitignore"]
    assert found == {"path": str(_ignore_file(tree)), "line": "/queue.db*", "added": False}
    assert _ignore_file(tree).read_text(encoding="utf-8") == "*.pyc\n/queue.db*\n"
    tree("init")
    assert tree.said == ""


def test_a_line_that_means_the_same_is_enough(tree: CommandLine) -> None:
    _ignore_file(tree).write_text("queue.db*\n", encoding="utf-8")
    assert tree.json("init", "--gitignore")["gitignore"]["added"] is False


@pytest.mark.parametrize("name", ["queue.db", "jobs/my [best] queue?.db", "jobs/ü*.db", "jobs/#!.db"])
def test_git_ignores_the_store_and_all_that_lies_beside_it(run: CommandLine, name: str) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    subprocess.run([git, "init", "-q"], cwd=run.home, check=True)
    (run.home / "jobs").mkdir()
    (run.home / "jobs" / "mine").touch()
    run("--db", name, "init", "--gitignore")
    for suffix in ("-wal", "-shm"):
        (run.home / f"{name}{suffix}").touch()
    (run.home / f"{name}.d").mkdir()
    (run.home / f"{name}.d" / "writers").touch()
    seen = subprocess.run(
        [git, "status", "--porcelain", "-uall"], cwd=run.home, check=True, capture_output=True, text=True
    ).stdout
    assert seen.splitlines() == ["?? .gitignore", "?? jobs/mine"]


def test_without_a_work_tree_nothing_is_made(run: CommandLine) -> None:
    assert run.error("init", "--gitignore", code=1)[0] == "the store lies in no git work tree"
    assert not run.database.exists()


def test_a_link_in_place_of_the_file_is_not_followed(tree: CommandLine) -> None:
    (tree.home / "elsewhere").touch()
    _ignore_file(tree).symlink_to(tree.home / "elsewhere")
    message, hint = tree.error("init", "--gitignore", code=1)
    assert message.startswith(f"cannot write '{_ignore_file(tree)}': ")
    assert hint == "add this line to it yourself: /queue.db*"
    assert (tree.home / "elsewhere").read_text(encoding="utf-8") == ""
