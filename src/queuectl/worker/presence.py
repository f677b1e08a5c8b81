"""Who is alive: a worker is there for as long as it holds its named pipe open.

The kernel closes the pipe with the process, however it ends; a pid that was used again, a
zombie or a file left over from before a reboot does not look alive. Through the same pipe a
worker is woken (`queuectl.worker.wakeup`).
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.repository.base import WorkerIdentity

if TYPE_CHECKING:
    from queuectl.worker.options import WorkerOptions


class Presence:
    """This worker's named pipe, held open until `close`.

    Args:
        directory: the store's data directory; made if it is not there.
    """

    def __init__(self, directory: Path) -> None:
        make_directory(directory)
        workers = directory / "workers"
        make_directory(workers)
        make_directory(directory / "runs")
        make_directory(directory / "logs")
        self.name = os.urandom(6).hex()
        self.path = workers / self.name
        made = workers / f".{self.name}"
        os.mkfifo(made, 0o600)
        # For reading and writing: with a writer of our own the pipe never comes to its end.
        self.descriptor = os.open(made, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        # Under its name it appears only now that it is held: nobody finds it dead.
        made.rename(self.path)

    def drain(self) -> None:
        """Forget the calls that have come so far."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 65536)

    def close(self) -> None:
        """Stop being there."""
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


def make_directory(path: Path) -> None:
    """Make a private directory, or see that what is there is a directory of ours.

    Raises:
        OperationFailed: it is a link, no directory, or belongs to somebody else.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise errors.OperationFailed(
            f"cannot make directory {str(path)!r}: {error.strerror}",
            hint="the store's directory must be writable for you",
        ) from error
    if path.is_symlink() or found.st_uid not in {os.geteuid(), 0}:
        raise errors.StoreUntrusted(
            f"directory {str(path)!r} is a link or belongs to another user",
            hint="remove it; it is made anew when needed",
        )


def identify(options: WorkerOptions, presence: str, home: str) -> WorkerIdentity:
    """Say which process this is, so that no other can ever be taken for it."""
    host = socket.gethostname()
    return WorkerIdentity(
        name=options.name or f"{host}-{os.getpid()}",
        host=host,
        boot_id=boot_id(),
        pid_namespace=str(Path("/proc/self/ns/pid").readlink()),
        pid=os.getpid(),
        start_ticks=start_ticks(os.getpid()) or 0,
        slots=options.slots,
        queues=options.queues,
        presence=presence,
        home=home,
    )


def boot_id() -> str:
    """Return the identity of the machine's current boot; see random(4)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_ticks(pid: int) -> int | None:
    """Return when a live process started, in clock ticks since the boot; None if it is gone.

    A zombie is gone. The fields are those of proc_pid_stat(5).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything, spaces and parentheses included.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])
