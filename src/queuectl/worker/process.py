"""The commands: starting them through the shim, and taking over those that live already."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import marshal
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from queuectl import clock
from queuectl.config import environment, is_server
from queuectl.model import Execution, Outcome
from queuectl.worker import shim
from queuectl.worker.presence import start_ticks
from queuectl.worker.record import execution_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

#: Signals to send, by what they are for.
TERM, KILL = int(signal.SIGTERM), int(signal.SIGKILL)

#: Runs the program that comes in through a descriptor; see `queuectl.worker.shim`.
_LOADER = "import os, sys; exec(compile(os.fdopen(int(sys.argv.pop(1))).read(), 'job-shim', 'exec'))"
#: Read with everything else: after an upgrade the file may be that of a shim to whom another worker speaks.
_PROGRAM = Path(shim.__file__).read_bytes()

#: The machine is short of something; it is not the job's fault.
_PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


#: Variables that may hold the password of a server; what commands need of them is put in for each.
_KEYS = {"PGPASSWORD", "QUEUECTL_DB"}


class Start(NamedTuple):
    """What the shim needs to know to start a command."""

    slot: int
    run: str
    command: str
    cwd: str
    environment: dict[str, str]
    log: str | Path
    cap: int  #: bytes of output to keep

    def message(self) -> tuple[object, ...]:
        """Return it as the shim reads it: bytes, as the system calls take them."""
        variables = {_bytes(name): _bytes(value) for name, value in self.environment.items()}
        fields = _bytes(self.command), _bytes(self.cwd), variables, os.fsencode(self.log)
        return ("run", self.slot, self.run, *fields, self.cap)


def _environment(store: str) -> dict[str, str]:
    """Return what the shim and its commands get of our environment: not the key to a server that we have opened."""
    hidden = _KEYS if is_server(store) else ()
    return {name: value for name, value in environment().items() if name not in hidden}


def _bytes(text: str) -> bytes:
    """Return text as commands get it: UTF-8, whatever the worker's locale is."""
    return text.encode("utf-8", "surrogateescape")


class News(NamedTuple):
    """What the shim says of a run: it has started, or how it ended."""

    run: str
    execution: Execution | None
    passing: bool = False  #: it could not start for a reason that has nothing to do with the job


class Shim:
    """The worker's end of its shim.

    Args:
        record: path of the run record.
        store: location of the store.
    """

    def __init__(self, record: Path, store: str) -> None:
        here, there = socket.socketpair()
        with there, os.fdopen(os.memfd_create("job-shim"), "w+b") as program, _locked(record) as kept:
            program.write(_PROGRAM)
            program.seek(0)
            descriptors = [program.fileno(), there.fileno(), kept.fileno()]
            for descriptor in descriptors:
                os.set_inheritable(descriptor, True)  # noqa: FBT003
            nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            # The real path: a shim needs no virtual environment, and `ps` no long line. The last
            # word is for `ps` alone.
            python = os.path.realpath(sys.executable)
            try:
                self.pid = os.posix_spawn(
                    python,
                    [python, "-ISE", "-c", _LOADER, *map(str, descriptors), str(record)],
                    _environment(store),
                    file_actions=[(os.POSIX_SPAWN_DUP2, nothing, number) for number in (0, 1, 2)],
                    setsid=True,
                )
            except OSError:
                here.close()
                raise
            finally:
                os.close(nothing)
        here.settimeout(0.0)
        self._socket = here
        self._unsent = bytearray()
        self._unread = b""

    def fileno(self) -> int:
        """Return what becomes readable when there is news."""
        return self._socket.fileno()

    def send(self, messages: Iterable[tuple[object, ...]]) -> None:
        """Tell the shim what to do. A shim that is gone is noticed by `news`."""
        data = bytearray()
        for message in messages:
            packed = marshal.dumps(message)  # type: ignore[arg-type]
            data += len(packed).to_bytes(shim.HEAD, "little") + packed
        self._unsent += data
        self.flush()

    def flush(self) -> bool:
        """Send what waits to be sent; say whether some is left. A shim that does not listen keeps nobody waiting."""
        with contextlib.suppress(OSError):
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        return bool(self._unsent)

    def news(self) -> list[News] | None:
        """Return what has happened since the last call, or None if the shim is gone."""
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            return None
        data = self._unread + data
        found: list[News] = []
        while len(data) >= shim.HEAD and len(data) >= shim.HEAD + (size := int.from_bytes(data[: shim.HEAD], "little")):
            found += map(_news, marshal.loads(data[shim.HEAD : shim.HEAD + size]))  # noqa: S302 - from our own child
            data = data[shim.HEAD + size :]
        self._unread = data
        return found

    def close(self) -> None:
        """Let the shim go: it sees its last commands end, then ends too."""
        self._socket.close()


def _locked(record: Path) -> BinaryIO:
    """Open a run record under the lock that passes to the shim together with the descriptor.

    Were the shim to take it, its commands could be sent and their worker dead before there is a
    lock: who looks then would believe that nobody will start them any more.
    """
    file = os.fdopen(os.open(record, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+b")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _news(event: tuple[object, ...]) -> News:
    now = clock.now()
    match event:
        case ("started", int(), str(run)):
            return News(run, None)
        case ("ended", int(), str(run), int(status), int(started_at), int(ended_at), float(seconds), bool(is_cut)):
            return News(run, execution_of(status, started_at, ended_at, seconds, is_cut=is_cut))
        case ("failed", int(), str(run), str(what), int(number)):
            error = Execution(Outcome.NEVER_STARTED, None, _cannot_start(what, number), None, now, None)
            return News(run, error, what == "log" or (what == "spawn" and number in _PASSING))
        case ("dropped", int(), str(run)):
            return News(run, Execution(Outcome.RETURNED, None, "not started in time", None, now, None))
    raise AssertionError(event)


def _cannot_start(what: str, number: int) -> str:
    reason = os.strerror(number)
    if what == "cwd":
        return f"cannot enter the job's directory: {reason}"
    if what == "log":
        return f"cannot write the job's log: {reason}"
    return f"cannot start: {reason}"


def identified(pid: int, born: tuple[float, float]) -> bool:
    """Say whether a live process, no zombie, has this pid and was born in this span.

    Args:
        pid: a number that another process may have by now.
        born: two readings of the clock since the boot, in seconds, around its start.
    """
    ticks = start_ticks(pid)
    if ticks is None:
        return False
    second = os.sysconf("SC_CLK_TCK")
    return born[0] * second - 1 <= ticks <= born[1] * second + 1


def signal_group(pid: int, number: int) -> None:
    """Signal the process group that a command leads; gone is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def watch(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends, None if it has."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def reap(pid: int) -> int | None:
    """Return the wait status of a child of ours that has ended, its group cleaned up."""
    try:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        signal_group(pid, KILL)
        return os.waitpid(pid, os.WNOHANG)[1]
    except ChildProcessError:
        return None


def ended_child() -> int | None:
    """Return the pid of a child that has ended and waits to be reaped, if there is one."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def bury(pid: int) -> None:
    """Reap a child whose status nobody wants."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def become_subreaper() -> None:
    """Ask to become the parent of the commands should the shim die; see prctl(2).

    Where that is not to be had, those commands count as lost when they end.
    """
    set_child_subreaper = 36
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def find_stray(run: str, store: str) -> int | None:
    """Return the pid of a live command of this run by its environment, if there is one."""
    wanted = {f"QUEUECTL_RUN={run}".encode(), b"QUEUECTL_DB=" + os.fsencode(store)}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry.name)
            if os.getsid(pid) == pid and wanted <= set((entry / "environ").read_bytes().split(b"\0")):
                return pid
    return None


def processes_of(store: str) -> list[tuple[int, str]]:
    """Return pid and run of every live process that a run of this store started, as far as we may see.

    Of each run the process that leads its session, if that is there.
    """
    wanted = b"QUEUECTL_DB=" + os.fsencode(store)
    found: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry.name)
            variables = (entry / "environ").read_bytes().split(b"\0")
            runs = [variable for variable in variables if variable.startswith(b"QUEUECTL_RUN=")]
            if runs and wanted in variables and start_ticks(pid) is not None:
                run = runs[0].partition(b"=")[2].decode("ascii", "replace")
                if run not in found or os.getsid(pid) == pid:
                    found[run] = pid
    return [(pid, run) for run, pid in found.items()]
