"""Settings that everybody who uses the store shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.repository.sql.actions import note
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

_SET = "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class Settings(Store):
    """The part of the repository that keeps settings, as canonical text."""

    def settings(self) -> Mapping[str, str]:
        """Return what was set, by key."""
        with self._reading() as db:
            return dict(db.execute("SELECT key, value FROM settings ORDER BY key"))

    def set_setting(self, key: str, value: str, *, now: int = 0, by: str = "") -> None:
        """Set one key."""
        with self._writing() as db:
            db.execute(_SET, (key, value))
            note(db, "config set", f"{key} {value}", now=now, by=by)

    def unset_setting(self, key: str, *, now: int = 0, by: str = "") -> bool:
        """Return the key to its default; say whether it was set."""
        with self._writing() as db:
            was_set = db.execute("DELETE FROM settings WHERE key = ?", (key,)).rowcount > 0
            if was_set:
                note(db, "config unset", key, now=now, by=by)
        return was_set
