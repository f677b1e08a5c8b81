"""A whole store as lines, and back.

An import first collects everything in temporary tables, which belong to this connection alone: so a slow pipe holds
no lock, and what is wrong with the file is found before anything is touched. Then a few statements move it over in one
transaction, beside which nobody writes.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from psycopg import Error
from psycopg.errors import UniqueViolation

from queuectl.repository import archive
from queuectl.repository.columns import JOB, STEP
from queuectl.repository.keeping import Imported
from queuectl.repository.postgres import schema
from queuectl.repository.sql.exporting import beginning
from queuectl.repository.sql.importing import leave_out_what_is_there, refuse_what_is_there, stands_twice
from queuectl.signature import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from queuectl.repository.archive import Entry
    from queuectl.repository.postgres.transactions import Database

_JOB = ", ".join(JOB)
_STEP = ", ".join(STEP)
_BLOCK = 1000

_STAGES = (
    f"CREATE TEMP TABLE staged AS SELECT {_JOB}, 0::bigint AS line FROM jobs WITH NO DATA",
    "CREATE UNIQUE INDEX staged_seq ON staged (seq)",
    "CREATE UNIQUE INDEX staged_id ON staged (id)",
    """CREATE UNIQUE INDEX staged_unique_key ON staged (unique_key)
        WHERE unique_key IS NOT NULL AND state IN ('pending', 'processing')""",
    f"CREATE TEMP TABLE staged_history AS SELECT {_STEP}, job FROM history WITH NO DATA",
    "CREATE UNIQUE INDEX staged_history_id ON staged_history (id)",
    "CREATE TEMP TABLE staged_actions AS SELECT at, by, verb, what, jobs, 0::bigint AS line FROM actions WITH NO DATA",
    "CREATE TEMP TABLE staged_paused AS SELECT queue, since, by FROM paused WITH NO DATA",
    "CREATE TEMP TABLE staged_settings AS SELECT key, value, 0::bigint AS line FROM settings WITH NO DATA",
    "CREATE UNIQUE INDEX staged_settings_key ON staged_settings (key)",
)
_STAGED = ("staged", "staged_history", "staged_actions", "staged_paused", "staged_settings")

_STAGE = {
    "settings": """INSERT INTO staged_settings VALUES (?, ?, ?)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, line = excluded.line""",
    "paused": "INSERT INTO staged_paused VALUES (:queue, :since, :by)",
    "action": "INSERT INTO staged_actions VALUES (:at, :by, :verb, :what, :jobs, :line)",
}

#: A dead job that does not say what it died of is put to the others with its error. What is longer than our own are
#: does not fit into an index.
_MOVED = ", ".join(
    {
        "seq": "seq + :jobs",
        "signature": f"CASE state WHEN 'dead' THEN left(coalesce(signature, error, ''), {LONGEST}) ELSE signature END",
    }.get(column, column)
    for column in JOB
)
_MOVE_JOBS = f"""
    INSERT INTO jobs ({_JOB}, worker_id, lease_token, lease_expires_at, record)
    SELECT {_MOVED}, CASE state WHEN 'processing' THEN :worker::bigint END,
        CASE state WHEN 'processing' THEN replace(gen_random_uuid()::text, '-', '') END,
        CASE state WHEN 'processing' THEN :now::bigint END, CASE state WHEN 'processing' THEN :presence::text END
    FROM staged ORDER BY seq
"""
_MOVES = (
    f"""INSERT INTO history ({_STEP}, job)
        SELECT {_STEP.replace("id", "id + :history", 1)}, job + :jobs FROM staged_history
        WHERE job IN (SELECT seq FROM staged) ORDER BY id""",
    "INSERT INTO settings (key, value) SELECT key, value FROM staged_settings ON CONFLICT (key) DO NOTHING",
    """INSERT INTO actions (at, by, verb, what, jobs) SELECT at, by, verb, what, jobs FROM staged_actions AS staged
        WHERE NOT EXISTS (SELECT 1 FROM actions AS old WHERE (old.at, old.by, old.verb, old.what, old.jobs)
            = (staged.at, staged.by, staged.verb, staged.what, staged.jobs))
        ORDER BY staged.line""",
)
_MOVE_PAUSED = """
    INSERT INTO paused (queue, since, by) SELECT queue, since, by FROM staged_paused
    ON CONFLICT (queue) DO NOTHING RETURNING queue
"""
#: The numbers that are given next follow those that came with the file.
_FORWARD = "SELECT setval('{sequence}', greatest((SELECT coalesce(max({column}), 0) FROM {table}), ?, 1), ?)"

#: A worker that never was: of no machine, silent since 1970, with a pipe that nobody holds.
_ABSENT_WORKER = """
    INSERT INTO workers (name, host, boot_id, pid_namespace, pid, start_ticks, slots, queues, presence, home,
        started_at, heartbeat_at, heartbeat_ticks, lease_seconds)
    VALUES ('import', '', '', '', 0, 0, ?, '[]', ?, '-', ?, 0, 0.0, 0.0) RETURNING id
"""


def lines(db: Database, stream: Callable[[Database, str], Iterator[Any]]) -> Iterator[dict[str, Any]]:
    """Yield everything that this snapshot holds.

    Args:
        db: in a transaction, whose snapshot is told.
        stream: yields the rows of a query without having all of them in memory.
    """
    yield from beginning(db, schema.VERSION)
    jobs = 0
    steps = _grouped(stream(db, f"SELECT job, {_STEP} FROM history ORDER BY job, id"))
    for row in stream(db, f"SELECT {_JOB} FROM jobs ORDER BY seq"):
        jobs += 1
        yield archive.job_entry(row, steps(row[0]))
    yield archive.end(jobs)


def _grouped(rows: Iterator[tuple[Any, ...]]) -> Callable[[int], list[tuple[Any, ...]]]:
    """Return what gives the steps of one job after the other, in the order of their numbers."""
    ahead: list[tuple[Any, ...]] = []

    def steps_of(job: int) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        while True:
            row = ahead.pop() if ahead else next(rows, None)
            if row is None:
                return found
            if row[0] > job:
                ahead.append(row)
                return found
            if row[0] == job:
                found.append(row[1:])

    return steps_of


@contextmanager
def staged(db: Database, entries: Iterable[Entry]) -> Iterator[int]:
    """Collect the entries in temporary tables, outside of any transaction; give how many jobs there are.

    Raises:
        InvalidInput: an entry is not right, or they do not fit together.
        Conflict: an id or a unique key stands twice.
    """
    try:
        for statement in _STAGES:
            db.execute(statement)
        jobs, some = 0, iter(entries)
        while block := list(islice(some, _BLOCK)):
            jobs += _stage(db, block)
        yield jobs
    finally:
        with suppress(Error):  # of a connection that was cut they are gone with it
            for table in _STAGED:
                db.execute(f"DROP TABLE IF EXISTS pg_temp.{table}")
            db.driver.forget()


def move(db: Database, jobs: int, *, now: int, skip: bool, last: dict[str, int]) -> Imported:
    """Move what is staged behind what is there, in the caller's transaction.

    Args:
        db: in a transaction that may write.
        jobs: how many are staged.
        now: the present.
        skip: whether what is there already is left alone.
        last: the last numbers of jobs and of history that were given.

    Raises:
        Conflict: something is there already.
    """
    if skip:
        leave_out_what_is_there(db)
    else:
        refuse_what_is_there(db)
    query = "SELECT count(*), count(CASE state WHEN 'processing' THEN 1 END) FROM staged"
    left, running = db.execute(query).fetchone() or (0, 0)
    presence = os.urandom(6).hex()
    worker = db.execute(_ABSENT_WORKER, (running, presence, now)).fetchone() if running else None
    values = last | {"now": now, "worker": worker[0] if worker else None, "presence": presence}
    for statement in (_MOVE_JOBS, *_MOVES):
        db.execute(statement, values)
    for table, column, sequence in (("jobs", "seq", "jobs_seq_seq"), ("history", "id", "history_id_seq")):
        number = last[table]
        is_used = bool(number or left)
        db.execute(_FORWARD.format(table=table, column=column, sequence=sequence), (number, is_used))
    paused = sorted(queue for (queue,) in db.execute(_MOVE_PAUSED))
    return Imported(left, jobs - left, running, tuple(paused))


def _stage(db: Database, entries: Sequence[Entry]) -> int:
    """Take in some entries; return how many jobs are among them."""
    jobs = [entry for entry in entries if entry.kind == "job"]
    try:
        _copy(db, f"staged ({_JOB}, line)", [(*entry.value.row, entry.line) for entry in jobs])
        steps = [(*step, entry.value.row[0]) for entry in jobs for step in entry.value.history]
        _copy(db, f"staged_history ({_STEP}, job)", steps)
    except UniqueViolation as error:
        raise _clash(db, jobs, error) from error
    for line, kind, value in entries:
        if kind == "settings":
            db.executemany(_STAGE[kind], [(key, text, line) for key, text in value.items()])
        elif kind != "job":
            db.execute(_STAGE[kind], _storable(value) | {"line": line})
    return len(jobs)


def _copy(db: Database, target: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with db.driver.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row([_whole(value) for value in row])


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    return {name: _whole(one) for name, one in value.items()}


def _whole(value: Any) -> Any:
    """Return a value as PostgreSQL takes it: its texts hold no NUL."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


def _clash(db: Database, jobs: Sequence[Entry], error: UniqueViolation) -> Exception:
    """Say which of these jobs stands twice, going through them one by one."""
    index = error.diag.constraint_name or ""
    if index == "staged_history_id":
        return _step_twice(db, jobs, error)
    column = {"staged_id": "id", "staged_unique_key": "unique_key"}.get(index, "id")
    place = list(JOB).index(column)
    seen = {
        value
        for (value,) in db.execute(
            f"SELECT {column} FROM staged WHERE state IN ('pending', 'processing') OR ? = 'id'", (column,)
        )
    }
    for entry in jobs:
        value = entry.value.row[place]
        if value is not None and value in seen:
            return stands_twice(entry.line, entry.value, index)
        seen.add(value)
    return stands_twice(jobs[-1].line, jobs[-1].value, index)


def _step_twice(db: Database, jobs: Sequence[Entry], error: UniqueViolation) -> Exception:
    """Say which of these jobs has a step whose number another has already: the one that the server names."""
    found = re.search(r"\(id\)=\((\d+)\)", error.diag.message_detail or "")
    number = int(found[1]) if found else 0
    earlier = db.execute("SELECT 1 FROM staged_history WHERE id = ?", (number,)).fetchone()
    with_it = [entry for entry in jobs for step in entry.value.history if step[0] == number]
    entry = [*with_it, *jobs][0 if earlier else 1]
    return stands_twice(entry.line, entry.value, "staged_history_id")
