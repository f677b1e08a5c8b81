"""Which data directory of which machine this is.

Pipes, locks and process numbers mean something only among those who share a kernel and a directory. A directory may
be shared by several machines, and a disk may be copied with the directory on it: so the machine and its name count too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from queuectl import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

#: See machine-id(5).
_MACHINE = Path("/etc/machine-id")


#: The home of those who have no data directory and only look, enqueue or act: no worker has it.
NOWHERE = "?"


def home_of(directory: Path) -> str:
    """Return what tells this data directory on this machine from every other one; made with it.

    Raises:
        StoreUnreachable: the directory cannot be made.
    """
    mark = directory / "home"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            made = directory / f".home-{os.urandom(6).hex()}"
            made.touch(mode=0o600)
            made.write_text(os.urandom(8).hex(), encoding="ascii")
            try:
                os.link(made, mark)  # whole, or not at all
            finally:
                made.unlink()
        return _digest([mark.read_text(encoding="ascii"), _machine(), os.uname().nodename])
    except OSError as error:
        raise errors.StoreUnreachable(
            f"cannot make the data directory {str(directory)!r}: {error.strerror}",
            "it is in $XDG_STATE_HOME, or ~/.local/state, which must be writable for you",
        ) from error


def known_home(directory: str) -> str:
    """Return the same of a data directory that is there; empty if it is not."""
    try:
        return _digest([Path(directory, "home").read_text(encoding="ascii"), _machine(), os.uname().nodename])
    except OSError:
        return ""


def _machine() -> str:
    with contextlib.suppress(OSError):
        return _MACHINE.read_text(encoding="ascii").strip()
    return ""


def _digest(words: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
