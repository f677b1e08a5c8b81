"""A store on a PostgreSQL server, as durable as it ships, beside the least that the server needs for the same.

Measured: turns of ten (settle and claim, no command run) by 1, 4 and 16 processes, beside as many that claim ten
and finish ten in a bare table by SKIP LOCKED, and beside SQLite; a drain of `true` jobs, beside SQLite and
procrastinate; turns and short commands with a million finished jobs beside an empty store; enqueueing one job, and
JSON Lines beside a bare COPY; and from a commit to the first action of the job on an idle worker (NOTIFY).
Not measured: a network between worker and server (all are on this machine, over a socket), the server's upkeep in
the long run (`python benchmarks/bloat.py --minutes 10`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.peers import servers
from benchmarks.postgres import drain, enqueue, growth, turns, wake
from benchmarks.postgres.store import server
from benchmarks.result import Result

if TYPE_CHECKING:
    from benchmarks.scale import Scale

PARTS = (turns, drain, growth, enqueue, wake)
INSTALL = "apt-get install postgresql, pip install 'psycopg[binary]'"


def measure(scale: Scale) -> Result:
    """Measure one part after the other on one server."""
    if not servers.postgres_version():
        print(f"left out: postgres: no server is installed; {INSTALL}", file=sys.stderr, flush=True)
        return Result([])
    with server() as found:
        results = [part.measure(scale, found) for part in PARTS]
    return Result(
        [figure for one in results for figure in one.figures], [table for one in results for table in one.tables]
    )
