"""Making the file of a store: private, empty, and never through somebody else's link."""

from __future__ import annotations

import errno
import os
import stat

from queuectl import errors


def make_file(path: str, name: str, *, create: bool) -> bool:
    """Make an empty private file if there is none; say whether it was made.

    SQLite gives its -wal and -shm files the mode of the main file, so all three are private
    from the first moment, whatever the umask is.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except FileNotFoundError:
        if not create:
            raise errors.StoreUnreachable(
                f"there is no store {name!r}", hint="queuectl enqueue … makes it; or name another with --db"
            ) from None
    except OSError as error:
        raise _unreachable(name, error) from error
    else:
        if not stat.S_ISREG(found.st_mode):
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise errors.StoreUnreachable(f"store {name!r} is {kind}", hint="name a file with --db or QUEUECTL_DB")
        return False
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if os.path.islink(path):  # noqa: PTH114 - as above
            raise errors.StoreUnreachable(
                f"store {name!r} is a symbolic link to nothing", hint="name the file itself with --db"
            ) from None
        return False  # another first command was quicker
    except OSError as error:
        raise _unreachable(name, error) from error
    return True


def _unreachable(name: str, error: OSError) -> errors.StoreError:
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return errors.StoreUnreachable(
            f"cannot make store {name!r}: its directory does not exist",
            hint="make the directory, or name another file with --db",
        )
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return errors.StoreReadOnly(
            f"cannot make store {name!r}: {reason}", hint="choose a place where you may write with --db"
        )
    if error.errno == errno.ENOSPC:
        return errors.StoreFull(f"cannot make store {name!r}: {reason}", hint="free some space on the disk")
    return errors.StoreUnreachable(f"cannot make store {name!r}: {reason}", hint="name another file with --db")
