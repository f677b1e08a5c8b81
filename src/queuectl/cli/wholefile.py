"""A file that appears under its name as a whole, private to its owner, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.errors import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = {errno.ENOSPC, errno.EDQUOT}
#: Endings of the files that SQLite keeps beside a database.
_COMPANIONS = ("-journal", "-wal", "-shm")


@contextmanager
def appearing(path: str, *, store: str, force: bool) -> Iterator[str]:
    """Give the path of an empty private file, and let it take its name when the block has ended well.

    Who writes it sees to it that it is on the disk. Whatever goes wrong leaves nothing behind,
    and what stood under the name as it was.

    Args:
        path: of the file that is to be.
        store: location of the store, which it must not be.
        force: whether a file that is there is replaced.

    Raises:
        Conflict: there is a file, and `force` was not said.
        InvalidInput: it is the store.
        StoreFull: there is no room for it.
        OperationFailed: it cannot be written for another reason.
    """
    directory, name = os.path.split(os.path.abspath(path))
    _check(path, store, force=force)
    made = os.path.join(directory, f".{name[:200]}.{os.urandom(6).hex()}")
    try:
        os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        try:
            yield made
            _put(made, path, force=force)
        finally:
            for ending in ("", *_COMPANIONS):
                with suppress(OSError):
                    os.unlink(made + ending)
        _fsync(directory)
    except OSError as error:
        raise _failed(path, error) from error


def _check(path: str, store: str, *, force: bool) -> None:
    """Refuse what must not be written."""
    if not os.path.basename(path):
        raise errors.InvalidInput(f"{quoted(path)} is not the name of a file", "name a file, such as backup.db")
    if _is_part_of(path, store):
        raise errors.InvalidInput(f"{quoted(path)} is the store itself, or a part of it", "name another file")
    for ending in ("-wal", "-journal"):
        # SQLite would take what stands in it for the newest pages of the new file.
        if os.path.lexists(path + ending):
            raise errors.OperationFailed(
                f"{quoted(path)} is in use, or was not closed: {quoted(path + ending)} is there",
                "stop its workers; queuectl --db FILE status puts one in order that a crash left",
            )
    try:
        found = os.lstat(path)
    except OSError:  # not there; or it will be said when it is opened
        return
    if stat.S_ISLNK(found.st_mode):
        raise errors.OperationFailed(f"{quoted(path)} is a symbolic link", "name the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise errors.OperationFailed(f"{quoted(path)} is there and is no file", "name another one")
    if not force:
        raise _exists(path)


def _is_part_of(path: str, store: str) -> bool:
    """Say whether a name leads to the store, or to what belongs to it.

    Nothing is opened: closing the store's file would cost SQLite its locks.
    """
    with suppress(OSError):
        if os.path.samefile(path, store):
            return True
    names = {os.path.abspath(path), os.path.realpath(path)}
    for base in (store, os.path.realpath(store)):
        if names & {base, *(base + ending for ending in _COMPANIONS)}:
            return True
        if any(f"{name}/".startswith(f"{base}.d/") for name in names):
            return True
    return False


def _put(made: str, path: str, *, force: bool) -> None:
    """Give a file its name, at once and with all that it holds."""
    if force:
        os.replace(made, path)
        return
    try:
        os.link(made, path, follow_symlinks=False)  # unlike a rename it never replaces anything
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:  # a file system without hard links
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}:
            raise
        if os.path.lexists(path):
            raise _exists(path) from error
        os.rename(made, path)


def _fsync(directory: str) -> None:
    """See to it that the name is on the disk too."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some file systems do not offer it
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(path: str) -> errors.Conflict:
    return errors.Conflict(f"{quoted(path)} exists already", "--force replaces it, or name another file")


def _failed(path: str, error: OSError) -> errors.QueuectlError:
    if error.errno in _FULL:
        return errors.StoreFull(
            f"cannot write {quoted(path, limit=300)}: {error.strerror}", "free some space, or name another disk"
        )
    hint = "its directory must be there and be writable for you"
    return errors.OperationFailed(f"cannot write {quoted(path, limit=300)}: {error.strerror or error}", hint)
