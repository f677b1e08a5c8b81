"""In which order jobs are listed: a part of `queuectl.repository.base`."""

from __future__ import annotations

from typing import NamedTuple

#: What jobs can be sorted by. A job of which that is not known comes last, whichever the direction.
KEYS = ("created", "updated", "finished", "started", "duration", "priority", "attempts", "state", "id", "queue")


class Order(NamedTuple):
    """By what jobs are sorted; those that are equal stand in the order of enqueueing."""

    key: str = "created"
    descending: bool = False


#: In the order of enqueueing.
ENQUEUED = Order()
