"""The one place that changes how a job runs once it is stored: whoever edits jobs, dead or pending, calls `change`.

It runs in the caller's transaction and guards no state: the caller has found the job, seen that its state allows it,
and answers for who did it. The counters follow by triggers, whatever the state.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queuectl.repository.sql.rows import policy_of, policy_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl.changes import Changes
    from queuectl.repository.sql.database import Database


def change(db: Database, seq: int, changes: Changes, *, now: int) -> None:
    """Write what is different into the row of one job, and into its tags.

    `run_at` is for pending jobs: it becomes `next_run_at`, and decides whether the job is ready.

    Raises:
        InvalidInput: its policy would contradict itself.
        `Store.Twice`: the job is pending or processing, and another such job has the unique key.
    """
    (tags,) = db.execute("SELECT tags FROM jobs WHERE seq = ?", (seq,)).fetchone()
    columns: dict[str, Any] = dict(changes.fields)
    if "run_at" in columns:
        due = columns.pop("run_at")
        columns["next_run_at"] = now if due is None else due
        columns["delayed"] = int(columns["next_run_at"] > now)
    if "tags" in columns:
        columns["tags"] = json.dumps(columns["tags"], ensure_ascii=False) if columns["tags"] else None
    if changes.env or "env" in columns:
        columns["env"] = _env_text(db, seq, changes)
    if changes.policy:
        columns |= _policy_columns(db, seq, changes)
    if not columns:
        return
    assignments = ", ".join(f"{column} = ?" for column in columns)  # names from `JobSpec`, not from a person
    db.execute(f"UPDATE jobs SET {assignments}, updated_at = ? WHERE seq = ?", (*columns.values(), now, seq))
    if "tags" in columns:
        db.executemany("DELETE FROM tags WHERE tag = ? AND seq = ?", [(tag, seq) for tag in json.loads(tags or "[]")])
        db.executemany("INSERT INTO tags (tag, seq) VALUES (?, ?)", [(tag, seq) for tag in changes.fields["tags"]])


def _env_text(db: Database, seq: int, changes: Changes) -> str | None:
    """Return the column of the variables: the new ones or those that are there, and what is added to them."""
    variables: Mapping[str, str] | None = changes.fields.get("env")
    if variables is None:
        (text,) = db.execute("SELECT env FROM jobs WHERE seq = ?", (seq,)).fetchone()
        variables = json.loads(text or "{}")
    kept = {name: value for name, value in {**variables, **changes.env}.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False) if kept else None


def _policy_columns(db: Database, seq: int, changes: Changes) -> dict[str, Any]:
    """Return the columns of the new policy; the last moment for a retry moves along with `retry_for`."""
    query = "SELECT id, policy, retry_until FROM jobs WHERE seq = ?"
    job_id, text, until = db.execute(query, (seq,)).fetchone()
    old = policy_of(text)
    new = changes.policy_of(job_id, old)
    if old.retry_for is None or new.retry_for is None:
        until = None
    elif until is not None:  # counted from the first attempt; null: the next claim sets it
        until += round((new.retry_for - old.retry_for) * 1000)
    return {"policy": policy_text(new), "retry_until": until}
