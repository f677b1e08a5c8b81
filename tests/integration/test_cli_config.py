"""`queuectl config` without a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from queuectl.config import SETTINGS
from queuectl.preferences.file import PREFERENCES

if TYPE_CHECKING:
    from tests.integration.conftest import CommandLine


def test_list_shows_every_setting_with_its_default(run: CommandLine) -> None:
    lines = [line.split("\t") for line in run("config", "list").splitlines()]
    assert [line[0] for line in lines] == [*SETTINGS, *PREFERENCES]
    assert lines[0][:3] == ["max-retries", "3", "default"]


def test_what_is_set_is_got_and_listed(run: CommandLine) -> None:
    assert run("config", "set", "max-retries", "5") == ""
    assert run.said.splitlines()[-1] == "max-retries is now 5"
    assert run("config", "get", "max-retries") == "5\n"
    assert run("config", "list").splitlines()[0].split("\t")[:3] == ["max-retries", "5", "store"]


def test_it_counts_for_jobs_enqueued_from_then_on(run: CommandLine) -> None:
    run("-q", "enqueue", "--id", "before", "true")
    run("config", "set", "max-retries", "5")
    run("-q", "enqueue", "--id", "after", "true")
    assert (run.job("before").max_retries, run.job("after").max_retries) == (3, 5)


def test_unset_returns_to_the_default(run: CommandLine) -> None:
    run("config", "set", "timeout", "90s")
    run("config", "unset", "timeout")
    assert run.said == "timeout is back at none\n"
    assert run("config", "get", "timeout") == "none\n"
    run("config", "unset", "timeout")
    assert run.said == "timeout was not set; it is none\n"


def test_json_is_one_document(run: CommandLine) -> None:
    assert run.json("config", "set", "lease", "2m")["value"] == "2m"
    assert run.json("config", "get", "lease") == {
        "key": "lease",
        "value": "2m",
        "default": "60s",
        "is_set": True,
        "origin": "store",
        "help": SETTINGS["lease"].help,
    }
    assert [row["key"] for row in run.json("config", "list")] == [*SETTINGS, *PREFERENCES]
    assert run.json("config", "unset", "lease")["is_set"] is False


@pytest.mark.parametrize("args", [("get", "max-retris"), ("set", "max-retris", "5"), ("unset", "max-retris")])
def test_an_unknown_key_is_met_with_what_was_meant(run: CommandLine, args: tuple[str, ...]) -> None:
    assert run.error("config", *args, code=2)[1] == "did you mean 'max-retries'?"
    assert not run.database.exists()


@pytest.mark.parametrize(("key", "value"), [("max-retries", "many"), ("lease", "1s"), ("backoff-jitter", "2")])
def test_a_bad_value_is_refused_before_there_is_a_store(run: CommandLine, key: str, value: str) -> None:
    assert run.error("config", "set", key, value, code=2)[0].startswith(f"{key}: ")
    assert not run.database.exists()


def test_a_terminal_gets_a_table(run: CommandLine) -> None:
    run.on_terminal()
    assert run("config", "list").splitlines()[0].split() == ["KEY", "VALUE", "FROM", "MEANING"]
    run.on_terminal(40)
    narrow = run("config", "list").splitlines()
    assert narrow[0].split() == ["KEY", "VALUE", "FROM"]
    assert len(narrow) == 1 + len(SETTINGS) + len(PREFERENCES)
