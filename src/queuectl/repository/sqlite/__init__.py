"""The SQLite engine: one class, put together from one file a duty."""

from __future__ import annotations

from queuectl.repository.sqlite.act import Acting
from queuectl.repository.sqlite.actions import Actions
from queuectl.repository.sqlite.claim import Claiming
from queuectl.repository.sqlite.dead import Dying
from queuectl.repository.sqlite.edit import Editing
from queuectl.repository.sqlite.enqueue import Enqueueing
from queuectl.repository.sqlite.keeping import Keeping
from queuectl.repository.sqlite.listing import Listing
from queuectl.repository.sqlite.pause import Pausing
from queuectl.repository.sqlite.prune import Pruning
from queuectl.repository.sqlite.settings import Settings
from queuectl.repository.sqlite.telling import Telling
from queuectl.repository.sqlite.watching import Watching
from queuectl.repository.sqlite.workers import Workers


class SqliteRepository(
    Enqueueing,
    Listing,
    Acting,
    Editing,
    Pausing,
    Actions,
    Dying,
    Pruning,
    Claiming,
    Workers,
    Settings,
    Keeping,
    Telling,
    Watching,
):
    """A `queuectl.repository.base.JobRepository` in one SQLite file."""
