"""The SQLite engine: a store in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.repository.duties import SHARED, Loaded, Loading
from queuectl.repository.sqlite.connection import Connection

#: Where every method is.
DUTIES = {
    **SHARED,
    "sqlite.claim": ("turn", "outlook"),
    "sqlite.enqueue": ("enqueue",),
    "sqlite.keeping": ("export", "import_", "backup"),
    "sqlite.watching": ("version", "outcomes"),
}

if TYPE_CHECKING:
    from queuectl.repository.sql.act import Acting
    from queuectl.repository.sql.actions import Actions
    from queuectl.repository.sql.dead import Dying
    from queuectl.repository.sql.edit import Editing
    from queuectl.repository.sql.explain import Explaining
    from queuectl.repository.sql.glancing import Glancing
    from queuectl.repository.sql.listing import Listing
    from queuectl.repository.sql.pause import Pausing
    from queuectl.repository.sql.prune import Pruning
    from queuectl.repository.sql.recount import Recounting
    from queuectl.repository.sql.retries import Retrying
    from queuectl.repository.sql.settings import Settings
    from queuectl.repository.sql.telling import Telling
    from queuectl.repository.sql.workers import Workers
    from queuectl.repository.sqlite.claim import Claiming
    from queuectl.repository.sqlite.enqueue import Enqueueing
    from queuectl.repository.sqlite.keeping import Keeping
    from queuectl.repository.sqlite.watching import Watching

    class SqliteRepository(
        Acting,
        Actions,
        Claiming,
        Dying,
        Editing,
        Enqueueing,
        Explaining,
        Glancing,
        Keeping,
        Listing,
        Pausing,
        Pruning,
        Recounting,
        Retrying,
        Settings,
        Telling,
        Watching,
        Workers,
        Connection,
    ):
        """A `queuectl.repository.protocol.JobRepository` in one SQLite file."""

else:

    class SqliteRepository(Loaded, Connection, metaclass=Loading):
        """A `queuectl.repository.protocol.JobRepository` in one SQLite file."""

        DUTIES = DUTIES
