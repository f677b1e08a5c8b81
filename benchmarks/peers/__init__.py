"""The peers, and who of them is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.commands import Nq, Parallel, TaskSpooler, Xargs
from benchmarks.peers.libraries import Celery, Huey, Procrastinate, Rq
from benchmarks.peers.queuectl import Queuectl

if TYPE_CHECKING:
    from benchmarks.peers.base import Peer

XARGS = Xargs()
OURS = Queuectl()
OTHERS: list[Peer] = [TaskSpooler(), Nq(), Parallel(), Huey(), Celery(), Rq(), Procrastinate()]
PEERS: list[Peer] = [XARGS, OURS, *OTHERS]
#: Who is left out of a comparison if it fails.
OPTIONAL = frozenset(peer.name for peer in OTHERS)
