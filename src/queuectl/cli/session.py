"""What one call of the program works with: what its options say, and the store, opened when first used.

Click runs a group's callback before it parses the subcommand; were the store opened there,
`list --help` would create one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from queuectl.cli import output
from queuectl.config import database_url, redact_url

if TYPE_CHECKING:
    from queuectl.repository.base import JobRepository


def now() -> int:
    """Return the present in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Session:
    """The options that every command shares, and the store that they name."""

    def __init__(self) -> None:
        self.db: str | None = None  #: as `--db` gave it
        self.json = False
        self.quiet = False
        self.debug = False
        self.hints = True  #: whether to say what to do next
        self._repository: JobRepository | None = None

    @property
    def url(self) -> str:
        """Where the store is."""
        return database_url(self.db)

    @property
    def store(self) -> str:
        """Where the store is, for people: a file with its whole path, a server without its password."""
        from os.path import abspath

        url = self.url
        try:
            return redact_url(url) if "://" in url else abspath(url)
        except FileNotFoundError:  # the directory that we are in was removed
            return url

    @property
    def by(self) -> str:
        """Who is at work, `user@host`: stands in the history of whatever a person does."""
        from getpass import getuser
        from os import getuid, uname

        try:
            user = getuser()
        except (KeyError, OSError):  # a container's user without a name
            user = str(getuid())
        return f"{user}@{uname().nodename}"

    @property
    def repository(self) -> JobRepository:
        """The store, opened; made if it is not there, which is said on stderr."""
        if self._repository is None:
            from queuectl.repository import open_repository

            self._repository = open_repository(self.url)
            if self._repository.created:
                self.say(f"Created {self._repository.url}")
        return self._repository

    @property
    def is_open(self) -> bool:
        """Whether the store has been opened: then the command line was understood."""
        return self._repository is not None

    def close(self) -> None:
        """Let go of the store. Idempotent."""
        if self._repository is not None:
            self._repository.close()
            self._repository = None

    def say(self, text: str) -> None:
        """Write one line to stderr, unless the user wants it quiet."""
        if not self.quiet:
            output.message(text)

    def hint(self, text: str) -> None:
        """Say what to do next, unless the user wants it quiet."""
        if self.hints and not self.quiet:
            output.hint(text)

    def call(self, words: str) -> str:
        """Return the command line that a person types for these words and the same store."""
        if self.db is None:
            return f"queuectl {words}"
        from shlex import quote

        return f"queuectl --db {quote(redact_url(self.db))} {words}"

    def hint_at_missing_worker(self, workers: int) -> None:
        """Say how to start a worker if there is none."""
        if not workers:
            self.hint(f"no worker is running; start one with: {self.call('worker start')}")
