"""The SQLite engine: one class, put together from one file a duty."""

from __future__ import annotations

from queuectl.repository.sqlite.act import Acting
from queuectl.repository.sqlite.claim import Claiming
from queuectl.repository.sqlite.enqueue import Enqueueing
from queuectl.repository.sqlite.glancing import Glancing
from queuectl.repository.sqlite.listing import Listing
from queuectl.repository.sqlite.prune import Pruning
from queuectl.repository.sqlite.settings import Settings
from queuectl.repository.sqlite.watching import Watching
from queuectl.repository.sqlite.workers import Workers


class SqliteRepository(Enqueueing, Listing, Acting, Pruning, Claiming, Workers, Settings, Watching, Glancing):
    """A `queuectl.repository.base.JobRepository` in one SQLite file."""
