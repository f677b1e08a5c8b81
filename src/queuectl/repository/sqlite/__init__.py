"""The SQLite engine: one class, put together from one file a duty, each loaded when it is first needed.

A command needs one duty or two of more than a dozen, and to load them all would make every command a tenth slower.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from queuectl.repository.sqlite.connection import Connection

#: The files of the engine, each with the methods that it has.
DUTIES = {
    "act": ("cancel", "retry"),
    "actions": ("note", "actions"),
    "claim": ("turn", "outlook", "upcoming_retries"),
    "dead": ("dead_groups", "dead_of", "dead_signature"),
    "edit": ("edit",),
    "enqueue": ("enqueue",),
    "explain": ("circumstances",),
    "glancing": ("queue_counts", "deadliest", "recent_ends", "pulse"),
    "keeping": ("export", "import_", "backup"),
    "listing": ("get", "list", "history", "runs", "counts", "complete_ids", "queues"),
    "pause": ("pause", "resume", "paused"),
    "prune": ("prune", "remove", "leftovers", "swept", "is_past"),
    "recount": ("steps",),
    "settings": ("settings", "set_setting", "unset_setting"),
    "telling": ("cursor", "events", "last_events"),
    "watching": ("version", "outcomes"),
    "workers": (
        "join", "renew", "requests", "ask_to_stop", "leave", "workers", "leases_of", "rescue", "records",
    ),
}  # fmt: skip
_HOMES = {method: duty for duty, methods in DUTIES.items() for method in methods}

if TYPE_CHECKING:
    from queuectl.repository.sqlite.act import Acting
    from queuectl.repository.sqlite.actions import Actions
    from queuectl.repository.sqlite.claim import Claiming
    from queuectl.repository.sqlite.dead import Dying
    from queuectl.repository.sqlite.edit import Editing
    from queuectl.repository.sqlite.enqueue import Enqueueing
    from queuectl.repository.sqlite.explain import Explaining
    from queuectl.repository.sqlite.glancing import Glancing
    from queuectl.repository.sqlite.keeping import Keeping
    from queuectl.repository.sqlite.listing import Listing
    from queuectl.repository.sqlite.pause import Pausing
    from queuectl.repository.sqlite.prune import Pruning
    from queuectl.repository.sqlite.recount import Recounting
    from queuectl.repository.sqlite.settings import Settings
    from queuectl.repository.sqlite.telling import Telling
    from queuectl.repository.sqlite.watching import Watching
    from queuectl.repository.sqlite.workers import Workers

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
        Settings,
        Telling,
        Watching,
        Workers,
    ):
        """A `queuectl.repository.protocol.JobRepository` in one SQLite file."""

else:

    class _Loading(type):
        """Makes a class whose methods come from the duties, when they are first asked for."""

        def __getattr__(cls, name: str) -> Any:
            """Load the duty that a method belongs to, and take its methods over for good."""
            if name not in _HOMES:
                raise AttributeError(f"{cls.__name__!r} has no attribute {name!r}")
            duty = import_module(f"{__name__}.{_HOMES[name]}")
            (part,) = (one for one in vars(duty).values() if isinstance(one, type) and one.__base__ is Connection)
            for own, value in vars(part).items():
                if own not in vars(cls) and not own.startswith("__"):
                    setattr(cls, own, value)
            return getattr(cls, name)

    class SqliteRepository(Connection, metaclass=_Loading):
        """A `queuectl.repository.protocol.JobRepository` in one SQLite file."""

        def __getattr__(self, name: str) -> Any:
            """Have the method loaded; what is there already is found without this."""
            getattr(type(self), name)
            return object.__getattribute__(self, name)
