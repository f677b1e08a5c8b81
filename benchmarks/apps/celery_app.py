"""Celery on Redis: `python celery_app.py SOCKET VERB …`, see `benchmarks/peers/libraries.py`."""

from __future__ import annotations

import sys
import threading
import time

import shell
from celery import Celery
from redis import Redis

ADDRESS, VERB, *REST = sys.argv[1:]
REDIS = Redis(unix_socket_path=ADDRESS)
APP = Celery("bench", broker=f"redis+socket://{ADDRESS}", backend=f"redis+socket://{ADDRESS}")
APP.conf.update(task_acks_late=True, worker_redirect_stdouts=False)
RUN = APP.task(name="run")(shell.run)


def work(slots: int) -> None:
    """Run a worker that does not first look for others, which takes it a second."""
    alone = ("--without-mingle", "--without-gossip")
    APP.worker_main(["worker", "--pool=threads", f"--concurrency={slots}", "--loglevel=CRITICAL", *alone])


def tell(jobs: int) -> None:
    """Print the number of results as soon as nothing is waiting or running."""
    while REDIS.llen("celery") or REDIS.hlen("unacked"):
        time.sleep(0.005)
    while (found := sum(1 for _ in REDIS.scan_iter("celery-task-meta-*", count=10_000))) < jobs:
        time.sleep(0.005)
    print("done", found, flush=True)


match VERB, *REST:
    case ["reset"]:
        REDIS.flushall()
    case ["enqueue", *commands]:
        for command in commands:
            RUN.delay(command)
    case ["bulk", jobs]:
        for _ in range(int(jobs)):
            RUN.delay("true")
    case ["work"]:
        work(1)
    case ["drain", slots, jobs]:
        threading.Thread(target=tell, args=(int(jobs),), daemon=True).start()
        work(int(slots))
