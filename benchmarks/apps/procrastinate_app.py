"""procrastinate on PostgreSQL: `python procrastinate_app.py DSN VERB …`, see `benchmarks/peers/libraries.py`."""

from __future__ import annotations

import asyncio
import sys

import psycopg
from procrastinate import App, PsycopgConnector

ADDRESS, VERB, *REST = sys.argv[1:]
APP = App(connector=PsycopgConnector(conninfo=ADDRESS))


async def run(command: str) -> None:
    """Run a command as `shell.run` does, but asynchronously: functions of the other kind share few threads."""
    process = await asyncio.create_subprocess_exec("sh", "-c", command)
    if await process.wait():
        raise RuntimeError(f"{command} failed")


RUN = APP.task(name="run")(run)


def ask(statement: str) -> int:
    """Run a statement and return its only number, or 0."""
    with psycopg.connect(ADDRESS, autocommit=True) as db:
        cursor = db.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return int(row[0]) if row else 0


match VERB, *REST:
    case ["schema"]:
        with APP.open():
            APP.schema_manager.apply_schema()
    case ["reset"]:
        ask("TRUNCATE procrastinate_jobs CASCADE")
    case ["enqueue", *commands]:
        with APP.open():
            for command in commands:
                RUN.defer(command=command)
    case ["bulk", jobs]:
        with APP.open():
            RUN.batch_defer(*({"command": "true"} for _ in range(int(jobs))))
    case ["work"]:
        APP.run_worker(concurrency=1)
    case ["drain", slots, _]:
        APP.run_worker(concurrency=int(slots), wait=False)
        print("done", ask("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"), flush=True)
