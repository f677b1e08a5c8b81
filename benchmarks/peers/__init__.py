"""The peers, and who of them is here."""

from __future__ import annotations

from benchmarks.peers.commands import Nq, Parallel, TaskSpooler, Xargs
from benchmarks.peers.libraries import Celery, Huey, Procrastinate, Rq
from benchmarks.peers.queuectl import Queuectl

XARGS = Xargs()
OURS = Queuectl()
PEERS = [XARGS, OURS, TaskSpooler(), Nq(), Parallel(), Huey(), Celery(), Rq(), Procrastinate()]
