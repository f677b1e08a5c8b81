"""What every storage engine promises to those who wait for news: a part of `queuectl.repository.base`."""

from __future__ import annotations

from typing import Protocol


class Watching(Protocol):
    """Noticing that something has changed."""

    def version(self) -> int:
        """Return a number that is another one after every commit of others; cheap, to be asked often."""
