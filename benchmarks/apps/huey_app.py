"""huey on SQLite with fsync: `python huey_app.py FILE VERB …`, see `benchmarks/peers/libraries.py`."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import shell
from huey import SqliteHuey
from huey.signals import SIGNAL_COMPLETE

ADDRESS, VERB, *REST = sys.argv[1:]
HUEY = SqliteHuey("bench", filename=ADDRESS, fsync=True)
RUN = HUEY.task()(shell.run)


def drain(slots: int, jobs: int) -> None:
    """Run the consumer; print the number of jobs when all have run."""
    numbers = itertools.count(1)

    def told(_signal: str, _task: object) -> None:
        if next(numbers) == jobs:
            print("done", jobs, flush=True)

    HUEY.signal(SIGNAL_COMPLETE)(told)
    HUEY.create_consumer(workers=slots, worker_type="thread").run()


match VERB, *REST:
    case ["reset"]:
        for path in Path(ADDRESS).parent.glob(f"{Path(ADDRESS).name}*"):
            path.unlink()
        SqliteHuey("bench", filename=ADDRESS, fsync=True)
    case ["enqueue", *commands]:
        for command in commands:
            RUN(command)
    case ["bulk", jobs]:
        for _ in range(int(jobs)):
            RUN("true")
    case ["work"]:
        HUEY.create_consumer(workers=1, worker_type="thread").run()
    case ["drain", slots, jobs]:
        drain(int(slots), int(jobs))
