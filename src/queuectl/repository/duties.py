"""How an engine gets its methods: one class, put together from one file a duty, each loaded when it is first needed.

A command needs one duty or two of more than a dozen, and to load them all would make every command a tenth slower.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The files of `queuectl.repository.sql`, which serve every engine, each with the methods that it has.
SHARED: dict[str, tuple[str, ...]] = {
    "sql.act": ("cancel", "retry"),
    "sql.actions": ("note", "actions"),
    "sql.dead": ("dead_groups", "dead_of", "dead_signature"),
    "sql.edit": ("edit",),
    "sql.explain": ("circumstances",),
    "sql.glancing": ("queue_counts", "deadliest", "recent_ends", "pulse"),
    "sql.listing": ("get", "list", "history", "runs", "counts", "complete_ids", "queues"),
    "sql.pause": ("pause", "resume", "paused"),
    "sql.prune": ("prune", "remove", "leftovers", "swept", "is_past"),
    "sql.recount": ("steps",),
    "sql.retries": ("upcoming_retries",),
    "sql.settings": ("settings", "set_setting", "unset_setting"),
    "sql.telling": ("cursor", "events", "last_events"),
    "sql.workers": (
        "join", "renew", "requests", "ask_to_stop", "leave", "workers", "leases_of", "rescue", "records",
    ),
}  # fmt: skip


class Loading(type):
    """Makes a class whose methods come from the duties, when they are first asked for."""

    DUTIES: Mapping[str, Sequence[str]]  #: the files, by their names in `queuectl.repository`, each with its methods

    def __getattr__(cls, name: str) -> Any:
        """Load the duty that a method belongs to, and take its methods over for good."""
        home = next((duty for duty, methods in cls.DUTIES.items() if name in methods), None)
        if home is None:
            raise AttributeError(f"{cls.__name__!r} has no attribute {name!r}")
        duty = import_module(f"queuectl.repository.{home}")
        own = (one for one in vars(duty).values() if isinstance(one, type) and one.__module__ == duty.__name__)
        (part,) = (one for one in own if issubclass(one, Store))
        for method, value in vars(part).items():
            if method not in vars(cls) and not method.startswith("__"):
                setattr(cls, method, cls.adapted(method, value))
        return getattr(cls, name)

    def adapted(cls, name: str, value: Any) -> Any:  # noqa: ARG002 - an engine may go by the name
        """Return a part of a duty as the engine takes it over."""
        return value


class Loaded:
    """What an instance needs for it: a method that is not there yet is looked for in its class."""

    def __getattr__(self, name: str) -> Any:
        """Have the method loaded; what is there already is found without this."""
        getattr(type(self), name)
        return object.__getattribute__(self, name)
