"""Enqueueing on a server: one job, and many."""

from __future__ import annotations

import json
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import in_turn, room, seconds
from benchmarks.ours import QUEUECTL, write_lines
from benchmarks.postgres.store import drop, make_store
from benchmarks.result import Result, ratio

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.postgres.store import Server
    from benchmarks.scale import Scale

_COPY = "COPY jobs (id, command, queue, priority, max_retries, created_at, updated_at, next_run_at) FROM STDIN"


def measure(scale: Scale, found: Server) -> Result:
    """Measure one job beside SQLite, and many beside the least that the server takes for them."""
    with room() as where:
        lines = write_lines(where / "jobs.jsonl", scale.bulk)
        many = in_turn({"ours": partial(_ours, found, lines), "bare": partial(_bare, found, lines)}, scale.rounds)
        schema, url = make_store(found)
        one = in_turn(
            {
                "server": partial(seconds, [*QUEUECTL, "--db", url, "enqueue", "true"], where),
                "file": partial(seconds, [*QUEUECTL, "enqueue", "true"], where),
            },
            scale.starts,
        )
        drop(found, schema)
    return Result(
        [
            ratio(
                "server-bulk", f"`enqueue --file`, {scale.bulk:,} JSON Lines, on a server", many["ours"],
                "parse + bare COPY", many["bare"],
            ),
            ratio("server-enqueue", "`queuectl enqueue true` on a server", one["server"], "SQLite", one["file"]),
        ]
    )  # fmt: skip


def _ours(found: Server, lines: Path) -> float:
    schema, url = make_store(found)
    with room() as where:
        took = seconds([*QUEUECTL, "-q", "--db", url, "enqueue", "--file", str(lines)], where)
    drop(found, schema)
    return took


def _bare(found: Server, lines: Path) -> float:
    """Copy without ids of our making and validation, into the same table; its triggers count."""
    schema, _ = make_store(found)
    began = time.perf_counter()
    with (
        lines.open(encoding="utf-8") as file,
        closing(found.connect(schema)) as db,
        db.cursor() as cursor,
        cursor.copy(_COPY) as copy,
    ):
        for job in map(json.loads, file):
            copy.write_row((job["id"], job["command"], "default", 0, 3, 1, 1, 1))
    took = time.perf_counter() - began
    drop(found, schema)
    return took
