"""Writing how a run ended, under its token: if another worker holds the job by now, nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.model import Cancel, Complete, Outcome, Retry, Return

if TYPE_CHECKING:
    from queuectl.model import Execution
    from queuectl.repository import base
    from queuectl.repository.sql.database import Database

_UNWANTED = "SELECT 1 FROM jobs WHERE seq = ? AND state = 'processing' AND cancel_grace IS NOT NULL"
_HELD = "WHERE seq = ? AND state = 'processing' AND lease_token = ?"
_LET_GO = "worker_id = NULL, lease_token = NULL, lease_expires_at = NULL, record = NULL, cancel_grace = NULL"
#: Values of an end, in the order of `_ending`; by place, for they are bound faster so than by name.
_ENDED = """
    updated_at = ?, started_at = coalesce(?, started_at), finished_at = ?, duration_seconds = ?, exit_code = ?,
    error = ?, reason = ?, returned = 0
"""

#: What is null after a success is written so: Python binds a None four times as slowly as a number.
_WELL = _ENDED.replace("error = ?, reason = ?", "error = NULL, reason = NULL")
_COMPLETE = f"UPDATE jobs SET state = 'completed', next_run_at = NULL, {_WELL}, {_LET_GO} {_HELD}"
#: Whoever asked for it has left the reason in the job.
_BY_REQUEST = _ENDED.replace("reason = ?", "reason = CASE WHEN cancel_grace IS NULL THEN ? ELSE reason END")
_CANCEL = f"""
    UPDATE jobs SET state = 'cancelled', next_run_at = NULL, {_BY_REQUEST},
        attempts = CASE WHEN attempts > ? THEN attempts - ? ELSE 0 END, {_LET_GO}
    {_HELD}
"""
_FAIL = f"UPDATE jobs SET state = 'failed', {_ENDED}, {_LET_GO} {_HELD}"
_RETRY = """
    UPDATE jobs SET state = 'pending', delayed = 1, next_run_at = ?, finished_at = NULL, reason = ?
    WHERE seq = ? AND state = 'failed'
"""
_BURY = (
    "UPDATE jobs SET state = 'dead', next_run_at = NULL, reason = ?, signature = ? WHERE seq = ? AND state = 'failed'"
)
_RETURN = f"""
    UPDATE jobs SET state = 'pending', delayed = 0, next_run_at = ?, updated_at = ?, started_at = NULL, reason = ?,
        attempts = CASE WHEN attempts > 1 THEN attempts - 1 ELSE 0 END, returned = returned + ?,
        retry_until = CASE WHEN attempts > 1 THEN retry_until END, {_LET_GO} {_HELD}
"""


def settle(db: Database, settlement: base.Settlement) -> bool:
    """Write one outcome under its token; say whether the lease still held."""
    seq, token, execution, verdict, _ = settlement
    held = (seq, token)
    if isinstance(verdict, Complete):
        return db.execute(_COMPLETE, (*_ending(execution)[:-1], *held)).rowcount > 0
    error, is_returned = execution.error, isinstance(verdict, Return)
    if isinstance(verdict, (Retry, Return)) and db.execute(_UNWANTED, (seq,)).fetchone():
        if is_returned:  # it never ran
            error = "cancelled"
        verdict = Cancel("cancelled")  # asked for while the run was ending
    match verdict:
        case Cancel():
            values = (*_ending(execution._replace(error=error)), verdict.reason, *[int(is_returned)] * 2, *held)
            return db.execute(_CANCEL, values).rowcount > 0
        case Return():
            never_started = execution.outcome is Outcome.NEVER_STARTED
            now = execution.finished_at
            return db.execute(_RETURN, (now, now, error, int(never_started), *held)).rowcount > 0
    if not db.execute(_FAIL, (*_ending(execution), error, *held)).rowcount:
        return False
    if isinstance(verdict, Retry):
        db.execute(_RETRY, (verdict.next_run_at, verdict.reason, seq))
    else:
        db.execute(_BURY, (verdict.reason, verdict.signature or verdict.reason, seq))
    return True


def _ending(execution: Execution) -> tuple[Any, ...]:
    _, exit_code, error, started_at, finished_at, duration_seconds = execution
    return finished_at, started_at, finished_at, duration_seconds, exit_code, error
