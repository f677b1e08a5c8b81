"""Claim ten jobs and settle them, so many times, as one of several; print what it took of processors.

python taker.py ours STORE TURNS
python taker.py bare CONNINFO TURNS

The first turns are not counted: a server plans a statement a few times before it keeps a plan. `ready` is
printed after these, and it goes on at a line on stdin. The numbers are seconds: of this process, and of the
server's process that serves it, if there is one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

BATCH = 10  #: the number stands in `_CLAIM` too
WARM = 8

_CLAIM = """
    WITH picked AS (
        SELECT id FROM bare WHERE state = 'pending' ORDER BY priority DESC, id LIMIT 10 FOR UPDATE SKIP LOCKED
    )
    UPDATE bare SET state = 'running', token = gen_random_uuid()::text, started_at = now()
    WHERE id IN (SELECT id FROM picked) RETURNING id, command, token
"""
_FINISH = """
    UPDATE bare SET state = 'done', finished_at = now(), exit_code = 0, token = NULL
    FROM unnest(%s::bigint[], %s::text[]) AS done (id, token) WHERE bare.id = done.id AND bare.token = done.token
"""


def ours(store: str) -> Iterator[int]:
    """Yield the server's process; then take a turn each time."""
    from queuectl.model import Complete, Execution, Outcome
    from queuectl.repository import open_repository
    from queuectl.repository.base import Settlement, WorkerIdentity

    done = Execution(Outcome.EXITED, 0, None, 2, 2, 0.001)
    with closing(open_repository(store)) as repository:
        name = str(os.getpid())
        worker = repository.join(WorkerIdentity(name, "h", "b", "n", 1, 1, BATCH, (), name), now=1, ticks=0.0)
        link = getattr(repository, "_link", None)
        yield cast("Any", link).connection.info.backend_pid if link else 0
        settlements: list[Settlement] = []
        while True:
            leases = repository.turn(settlements, worker=worker, slots=BATCH, now=2, lease_seconds=60).leases
            settlements = [Settlement(lease.job.seq, lease.token, done, Complete()) for lease in leases]
            yield len(leases)


def bare(conninfo: str) -> Iterator[int]:
    """Yield the server's process; then claim and finish each time."""
    import psycopg

    with psycopg.connect(conninfo, autocommit=True) as db:
        yield db.info.backend_pid
        while True:
            yield _claim_and_finish(db)


def _claim_and_finish(db: psycopg.Connection) -> int:
    with db.transaction():
        rows = db.execute(_CLAIM).fetchall()
    with db.transaction():
        db.execute(_FINISH, ([row[0] for row in rows], [row[2] for row in rows]))
    return len(rows)


def _cpu(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9 if pid else 0.0


def main() -> None:
    """Get ready, say so, and begin at a line on stdin."""
    kind, address, number = sys.argv[1:]
    turns = ours(address) if kind == "ours" else bare(address)
    backend = next(turns)
    for _ in range(WARM):
        next(turns)
    print("ready", flush=True)
    sys.stdin.readline()
    before = time.process_time(), _cpu(backend)
    jobs = sum(next(turns) for _ in range(int(number)))
    print(json.dumps([jobs, time.process_time() - before[0], _cpu(backend) - before[1]]), flush=True)


if __name__ == "__main__":
    main()
