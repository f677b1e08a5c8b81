"""RQ on Redis: `python rq_app.py SOCKET VERB …`, see `benchmarks/peers/libraries.py`."""

from __future__ import annotations

import subprocess
import sys

from redis import Redis
from rq import Queue, SimpleWorker
from rq.registry import FinishedJobRegistry

ADDRESS, VERB, *REST = sys.argv[1:]
REDIS = Redis(unix_socket_path=ADDRESS)
QUEUE = Queue(connection=REDIS)

match VERB, *REST:
    case ["reset"]:
        REDIS.flushall()
    case ["enqueue", command]:
        QUEUE.enqueue("shell.run", command)
    case ["bulk", jobs]:
        QUEUE.enqueue_many([Queue.prepare_data("shell.run", ("true",)) for _ in range(int(jobs))])
    case ["work"]:
        SimpleWorker([QUEUE], connection=REDIS).work()
    case ["burst"]:
        SimpleWorker([QUEUE], connection=REDIS).work(burst=True)
    case ["drain", slots, _]:
        # A `WorkerPool` would look only once a second whether its workers have ended.
        words = [sys.executable, __file__, ADDRESS, "burst"]
        for process in [subprocess.Popen(words) for _ in range(int(slots))]:
            process.wait()
        print("done", FinishedJobRegistry(queue=QUEUE).get_job_count(), flush=True)
