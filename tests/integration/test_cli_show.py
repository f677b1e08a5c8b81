"""`queuectl show`: one job in full."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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


def test_a_job_that_is_not_there_is_not_found(run: CommandLine) -> None:
    run.error("show", "a", code=3)
