"""The PostgreSQL engine: a store in a schema of a database, for workers on any number of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.repository.duties import SHARED, Loaded, Loading
from queuectl.repository.postgres.connection import Connection
from queuectl.repository.postgres.persistence import persistent, ringing

#: Where every method is. Those of `OWN` take the place of shared ones.
OWN = {
    "postgres.claim": ("turn", "outlook"),
    "postgres.enqueue": ("enqueue",),
    "postgres.keeping": ("export", "import_", "backup"),
    "postgres.leftovers": ("leftovers", "swept"),
    "postgres.outputs": ("output",),
    "postgres.watching": ("version", "outcomes"),
    "postgres.workers": ("join", "renew", "leave"),
}
_TAKEN = {method for methods in OWN.values() for method in methods}
DUTIES = {
    **{duty: tuple(method for method in methods if method not in _TAKEN) for duty, methods in SHARED.items()},
    **OWN,
}

#: What cannot be called again once it has begun: it has read what it was given, or told a part of what it tells.
_ONCE = {"enqueue", "import_", "export", "steps"}

#: What is of interest to workers that sleep: work, or a wish.
_RINGING = {"ask_to_stop", "cancel", "edit", "enqueue", "import_", "join", "pause", "resume", "retry"}

if TYPE_CHECKING:
    from queuectl.repository.postgres.claim import Claiming
    from queuectl.repository.postgres.enqueue import Enqueueing
    from queuectl.repository.postgres.keeping import Keeping
    from queuectl.repository.postgres.leftovers import Leaving
    from queuectl.repository.postgres.outputs import Outputs
    from queuectl.repository.postgres.watching import Watching
    from queuectl.repository.postgres.workers import Joining
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

    class PostgresRepository(
        Claiming,
        Enqueueing,
        Keeping,
        Leaving,
        Outputs,
        Watching,
        Joining,
        Acting,
        Actions,
        Dying,
        Editing,
        Explaining,
        Glancing,
        Listing,
        Pausing,
        Pruning,
        Recounting,
        Retrying,
        Settings,
        Telling,
        Workers,
        Connection,
    ):
        """A `queuectl.repository.protocol.JobRepository` on a PostgreSQL server."""

else:

    class _Persisting(Loading):
        """Lets methods be called again when the server could not do them at once."""

        def adapted(cls, name: str, value: Any) -> Any:  # noqa: N805 - it is a metaclass
            """Return a part of a duty as this engine takes it over."""
            if name in _RINGING:
                value = ringing(value)
            return value if name.startswith("_") or name in _ONCE else persistent(value)

    class PostgresRepository(Loaded, Connection, metaclass=_Persisting):
        """A `queuectl.repository.protocol.JobRepository` on a PostgreSQL server."""

        DUTIES = DUTIES
