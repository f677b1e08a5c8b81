"""What a user prefers on every store: the file `config.toml` in the user's configuration directory.

Preferences concern one user's convenience; what changes the work itself is a setting, and is
kept in the store. An option, then the environment, come before the file. Every command comes
here: where there is no file, a failed `open` is all that it costs.
"""

from __future__ import annotations

from queuectl.config import DEFAULT_DATABASE
from queuectl.errors import InvalidInput, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Commands at a time that a worker may have.
MOST_SLOTS = 1024

#: What counts where nothing is said.
DEFAULTS: dict[str, Any] = {
    "db": DEFAULT_DATABASE,
    "hints": True,
    "quiet": False,
    "list.limit": 50,
    "worker.concurrency": 1,
    "worker.grace": None,
}


class Preferences:
    """What a user's file says.

    Args:
        path: of the file.
        given: what stands in it, by key.
    """

    def __init__(self, path: str, given: Mapping[str, Any]) -> None:
        self.path = path
        self.given = given

    def value(self, key: str) -> Any:
        """Return what counts for a key."""
        return self.given.get(key, DEFAULTS[key])


def read_preferences(path: str) -> Preferences:
    """Return what the file says; one that is not there says nothing.

    Raises:
        InvalidInput: it cannot be read, is not TOML, or holds something that is no preference.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs a short command 5 % of its time
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return Preferences(path, {})
    except OSError as error:
        from os.path import exists

        if isinstance(error, PermissionError) and not exists(path):  # noqa: PTH110 - as above
            return Preferences(path, {})  # the home directory is another user's, as under sudo -u
        raise InvalidInput(
            f"cannot read {quoted(path, limit=200)}: {error.strerror}", "make it readable, or set XDG_CONFIG_HOME"
        ) from error
    from queuectl.preferences.file import parse

    return Preferences(path, parse(content, path))
