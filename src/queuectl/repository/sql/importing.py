"""What stands in the way of an import: what `staged` and `staged_settings` hold and the store has already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.errors import quoted
from queuectl.repository.columns import DAMAGED, JOB

if TYPE_CHECKING:
    from queuectl.repository import archive
    from queuectl.repository.sql.database import Database

#: What stands in the way: line and id of a staged job, with the state of the one that is there.
_SAME_ID = """
    SELECT staged.line, staged.id, jobs.state FROM staged JOIN jobs ON jobs.id = staged.id
    ORDER BY staged.seq LIMIT 1
"""
_SAME_KEY = """
    SELECT staged.line, staged.unique_key, jobs.id
    FROM staged JOIN jobs ON jobs.unique_key = staged.unique_key
    WHERE staged.unique_key IS NOT NULL AND staged.state IN ('pending', 'processing')
        AND jobs.unique_key IS NOT NULL AND jobs.state IN ('pending', 'processing')
    ORDER BY staged.seq LIMIT 1
"""
_OTHER_SETTING = """
    SELECT staged.line, key, staged.value, settings.value
    FROM staged_settings AS staged JOIN settings USING (key) WHERE settings.value <> staged.value LIMIT 1
"""
_SKIP = """
    DELETE FROM staged WHERE id IN (SELECT id FROM jobs)
        OR state IN ('pending', 'processing') AND unique_key IN (
            SELECT unique_key FROM jobs WHERE unique_key IS NOT NULL AND state IN ('pending', 'processing'))
"""


def leave_out_what_is_there(db: Database) -> None:
    """Drop the staged jobs whose id or unique key is taken."""
    db.execute(_SKIP)


def refuse_what_is_there(db: Database) -> None:
    """Raise if anything that is staged is there already.

    Raises:
        Conflict: it is, by the line of the file.
    """
    skip = "nothing was stored; --if-exists skip leaves what is there and takes in the rest"
    for line, job_id, state in db.execute(_SAME_ID):
        raise errors.JobExists(f"line {line}: job {job_id!r} exists already ({state})", skip)
    for line, key, job_id in db.execute(_SAME_KEY):
        raise errors.UniqueKeyTaken(f"line {line}: job {job_id!r} has the unique key {key!r}", skip)
    for line, key, value, here in db.execute(_OTHER_SETTING):
        raise errors.Conflict(f"line {line}: setting {key!r} is {value} there and {here} here", skip)


def stands_twice(line: int, job: archive.ArchivedJob, error: str) -> errors.QueuectlError:
    """Say what stands twice in an export, given the driver's message, which names the index."""
    fields = dict(zip(JOB, job.row, strict=True))
    if "staged_history" in error:
        return errors.InvalidInput(f"line {line}: job {quoted(fields['id'])}: history: an id stands twice", DAMAGED)
    if "unique_key" in error:
        return errors.UniqueKeyTaken(
            f"line {line}: the unique key {quoted(fields['unique_key'])} stands twice", "nothing was stored"
        )
    return errors.JobExists(f"line {line}: id {quoted(fields['id'])} stands twice in the export", "nothing was stored")
