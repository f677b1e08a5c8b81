"""The one place that changes how a job runs once it is stored: whoever edits jobs, dead or pending, calls `change`.

It runs in the caller's transaction and guards nothing: the caller has found the job, seen that its state allows it,
and answers for who did it. The counters follow by triggers, whatever the state.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queuectl.repository.sqlite.rows import policy_of, policy_text

if TYPE_CHECKING:
    import sqlite3

    from queuectl.changes import Changes


def change(db: sqlite3.Connection, seq: int, changes: Changes, *, now: int) -> None:
    """Write what is different into the row of one job, and into its tags.

    `run_at` is for pending jobs: it becomes `next_run_at`, and decides whether the job is ready.

    Raises:
        sqlite3.IntegrityError: the job is pending or processing, and another such job has the unique key.
    """
    env, tags, policy = db.execute("SELECT env, tags, policy FROM jobs WHERE seq = ?", (seq,)).fetchone()
    columns: dict[str, Any] = dict(changes.fields)
    if "run_at" in columns:
        columns["next_run_at"] = columns.pop("run_at")
        columns["delayed"] = int(columns["next_run_at"] > now)
    if "tags" in columns:
        columns["tags"] = json.dumps(columns["tags"], ensure_ascii=False) if columns["tags"] else None
    if changes.env:
        columns["env"] = _env_text({**json.loads(env or "{}"), **changes.env})
    if changes.policy:
        columns["policy"] = policy_text(policy_of(policy)._replace(**changes.policy))
        if "retry_for" in changes.policy:
            columns["retry_until"] = None  # counted anew, from the next attempt on
    if not columns:
        return
    assignments = ", ".join(f"{column} = ?" for column in columns)  # names from `JobSpec`, not from a person
    db.execute(f"UPDATE jobs SET {assignments}, updated_at = ? WHERE seq = ?", (*columns.values(), now, seq))
    if "tags" in columns:
        db.execute("DELETE FROM tags WHERE seq = ? AND tag IN (SELECT value FROM json_each(?))", (seq, tags or "[]"))
        db.executemany("INSERT INTO tags (tag, seq) VALUES (?, ?)", [(tag, seq) for tag in changes.fields["tags"]])


def _env_text(variables: dict[str, str | None]) -> str | None:
    kept = {name: value for name, value in variables.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False) if kept else None
