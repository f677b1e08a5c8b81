"""What one call of the program works with: what its options say, and the store, opened when first used.

Click runs a group's callback before it parses the subcommand; were the store opened there,
`list --help` would create one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl import clock
from queuectl.cli import output
from queuectl.config import database_url, is_server, redact_url, user_file

if TYPE_CHECKING:
    from queuectl.errors import InvalidInput
    from queuectl.preferences import Preferences
    from queuectl.repository.protocol import JobRepository


def now() -> int:
    """Return the present in milliseconds since the epoch, by the store's clock once the store is open."""
    return clock.now()


class Session:
    """The options that every command shares, and the store that they name."""

    def __init__(self) -> None:
        self.db: str | None = None  #: as `--db` gave it
        self.json = False
        self.debug = False
        self.is_among_dead = False  #: whether the command is one of the Dead Letter Queue
        self._quiet: bool | None = None
        self._hints: bool | None = None
        self._preferences: Preferences | None = None
        self._repository: JobRepository | None = None

    @property
    def preferences(self) -> Preferences:
        """What the user prefers where no option says otherwise, read when first asked for."""
        if self._preferences is None:
            from queuectl.preferences import read_preferences

            self._preferences = read_preferences(user_file())
        return self._preferences

    def forgive_preferences(self) -> InvalidInput | None:
        """Go on by the defaults if the user's file makes no sense, and return what is wrong with it."""
        from queuectl.errors import InvalidInput
        from queuectl.preferences import Preferences

        try:
            _ = self.preferences
        except InvalidInput as error:
            self._preferences = Preferences(user_file(), {})
            return error
        return None

    @property
    def quiet(self) -> bool:
        """Whether to print data and errors only."""
        return bool(self.preferences.value("quiet")) if self._quiet is None else self._quiet

    @quiet.setter
    def quiet(self, quiet: bool) -> None:
        self._quiet = quiet

    @property
    def hints(self) -> bool:
        """Whether to say what to do next."""
        return bool(self.preferences.value("hints")) if self._hints is None else self._hints

    @hints.setter
    def hints(self, hints: bool) -> None:
        self._hints = hints

    @property
    def url(self) -> str:
        """Where the store is.

        Whoever works on a store comes here first: so preferences that make no sense are found
        before anything is done, even if they say nothing about the store.
        """
        return database_url(self.db, self.preferences.value("db"))

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
        # The environment may call the user by bytes that are no text; that must not keep anybody from acting.
        return f"{user}@{uname().nodename}".encode(errors="replace").decode()

    @property
    def repository(self) -> JobRepository:
        """The store, opened; made if it is not there, which is said on stderr."""
        if self._repository is None:
            from queuectl.repository import open_repository

            self._repository = open_repository(self.url)
            if self.db and redact_url(self.db) != self.db:
                self.hint("ps shows the password in --db to everybody on this machine; ~/.pgpass keeps it to yourself")
            if self._repository.created:
                self.say(f"Created {self._repository.url}")
        return self._repository

    def now(self) -> int:
        """Return the present by the store's clock, for those who have not opened the store yet.

        A server has to be asked for it; a file need not be there, nor be made.
        """
        if is_server(self.url):
            _ = self.repository
        return now()

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
