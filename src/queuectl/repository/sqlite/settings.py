"""Settings that everybody who uses the store shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.repository.sqlite.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping


class Settings(Connection):
    """The part of the repository that keeps settings, as canonical text."""

    def settings(self) -> Mapping[str, str]:
        """Return what was set, by key."""
        with self._reading() as db:
            return dict(db.execute("SELECT key, value FROM settings ORDER BY key"))

    def set_setting(self, key: str, value: str) -> None:
        """Set one key."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))

    def unset_setting(self, key: str) -> bool:
        """Return the key to its default; say whether it was set."""
        with self._writing() as db:
            return db.execute("DELETE FROM settings WHERE key = ?", (key,)).rowcount > 0
