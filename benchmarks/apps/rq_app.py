"""RQ on Redis: `python rq_app.py SOCKET VERB …`, see `benchmarks/peers/libraries.py`."""

from __future__ import annotations

import subprocess
import sys
import time

from redis import Redis
from rq import Queue, SimpleWorker
from rq.registry import FinishedJobRegistry

ADDRESS, VERB, *REST = sys.argv[1:]
REDIS = Redis(unix_socket_path=ADDRESS)
QUEUE = Queue(connection=REDIS)

match VERB, *REST:
    case ["reset"]:
        REDIS.flushall()
    case ["enqueue", *commands]:
        for command in commands:
            QUEUE.enqueue("shell.run", command)
    case ["bulk", jobs]:
        QUEUE.enqueue_many([Queue.prepare_data("shell.run", ("true",)) for _ in range(int(jobs))])
    case ["work"]:
        SimpleWorker([QUEUE], connection=REDIS).work()
    case ["drain", slots, jobs]:
        words = [sys.executable, __file__, ADDRESS, "work"]
        workers = [subprocess.Popen(words) for _ in range(int(slots))]
        # They tell nobody that all is done, and a `WorkerPool` would look once a second.
        while (found := FinishedJobRegistry(queue=QUEUE).get_job_count(cleanup=False)) < int(jobs):
            time.sleep(0.005)
        print("done", found, flush=True)
        for worker in workers:
            worker.wait()  # until this session is killed
