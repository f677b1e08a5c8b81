"""docs/cli.md says what the program has, and nothing else; docs/faults.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from queuectl import errors
from queuectl.cli.app import cli
from queuectl.cli.jobjson import job_object
from queuectl.cli.shapes import every_error
from queuectl.config import SETTINGS
from queuectl.model import NO_POLICY, Job, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is not a group, with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(cli))


def section(words: str) -> str:
    """Return the part of the page whose heading names the command."""
    for part in PAGE.split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        if words in [name.strip() for name in heading.split(",")]:
            return text
    pytest.fail(f"docs/cli.md has no section for {words!r}")


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_of_a_command_stands_in_its_section(words: str) -> None:
    text = section(words)
    shared = {option for param in cli.params for option in param.opts}
    for param in COMMANDS[words].params:
        if isinstance(param, click.Option) and not shared & set(param.opts):
            for option in param.opts:
                assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), f"{words}: {option}"


def test_every_option_on_the_page_exists() -> None:
    known = {option for command in (*COMMANDS.values(), cli) for param in command.params for option in param.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - {"--help"} <= known


def test_every_heading_names_commands() -> None:
    headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    named = {name.strip() for heading in headings for name in heading.split(",")}
    assert named - {"Exit codes", "ls"} == set(COMMANDS)


def test_the_words_of_all_errors_are_listed_beside_their_exit_codes() -> None:
    rows = re.findall(r"^\| (\d+)[^|]*\|[^|]*\|([^|]*)\|$", section("Exit codes"), re.MULTILINE)
    listed = {(int(code), word) for code, words in rows for word in re.findall(r"`(\w+)`", words)}
    assert listed == {(kind.exit_code, kind.code) for kind in every_error(errors.QueuectlError)}


def test_the_fields_of_a_shown_job_are_listed_in_order() -> None:
    job = Job._make([None] * len(Job._fields))._replace(
        state=JobState.PENDING, created_at=0, updated_at=0, env={}, tags=(), policy=NO_POLICY
    )
    fields = ", ".join(f"`{name}`" for name in job_object(job))
    assert fields in section("list").replace("\n", " ")


def test_every_setting_is_listed_with_its_default() -> None:
    text = section("config set")
    for key, setting in SETTINGS.items():
        assert re.search(rf"^\| .*`{re.escape(key)}`.* \| {re.escape(setting.default)} \|", text, re.MULTILINE), key


def test_every_test_that_the_faults_name_exists() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) == page.count("::")
    for file, name in named:
        assert re.search(rf"^ *def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), name


def test_every_fault_names_a_test_or_says_why_there_is_none() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = [row for row in page.split("\n") if row.startswith("| ") and not row.startswith("| fault ")]
    assert rows
    for row in rows:
        assert "::" in row or "not tested: " in row, row
