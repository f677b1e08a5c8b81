"""The shim: a small process beside the worker that starts the commands and sees them end.

It is the parent of every command, so that a command's exit code does not get lost with the
worker: the shim writes it into the run record, and the next worker reads it there. (containerd
has a process of this name for this purpose.) When its worker is gone it starts nothing more,
sees its last command end, and goes too.

It runs as a program of its own under `python -ISE`, fed through a descriptor: it imports
nothing but a few modules of the standard library, nothing from this package, and its command
line names neither the package nor the program, so that `pkill -f queuectl` leaves it to do its
work. `queuectl.worker.process` starts it and speaks with it.

It may hold more runs than may go on at a time: the next one starts the moment that one ends,
without a word from the worker in between.

Messages are values of `marshal` behind a length of four bytes: both ends are the same
interpreter. To the shim: `("most", number)` of runs at a time; `("run", slot, run, command, cwd,
environment, log, cap)`; `("signal", slot, run, number)`, which drops a run that waits; and `("drop",
slot, run)`, which lets one go on that does not. From it: lists of `("started", slot, run)`, `("ended",
slot, run, status, started_at, ended_at, seconds, cut)`, `("failed", slot, run, what, errno)` and
`("dropped", slot, run)`.

The run record is a file of lines of equal length, rewritten in place by one `write` each: the
first one is about the shim, the second says how long the leases hold, the others are about the
runs, one a slot. A slot is used again only after what it held has been settled.

The second line is the workers', and blank on a store of one machine. Where there are several it is
a moment by the clock since the boot, which whoever holds the leases moves on. If nobody has, all
that still runs then is killed: another machine is about to start it.
"""

from __future__ import annotations

import fcntl
import marshal
import math
import os
import select
import signal
import sys
import time
from contextlib import suppress

#: Length of a line of the run record in bytes, with its newline. A power of two: no line lies in
#: two pages, so none is ever seen half written.
LINE = 256
VERSION = 2
#: Lines before those of the runs, and the first word of the second one.
HEADS = 2
HOLDS = "holds"
#: Length in bytes of what stands before a message: its length.
HEAD = 4
#: Seconds between two looks at the size of the logs of commands that run long.
LOOK = 0.5
#: Seconds that news may wait for more while enough runs are at hand: the worker's answer to a
#: word of ours is a transaction, and one transaction for ten runs costs hardly more than for one.
LINGER = 0.005

_DEFAULT_AGAIN = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
MARK = b"\n[... %d bytes left out ...]\n"


def line(*fields: object) -> bytes:
    """Return one line of the run record."""
    return " ".join(map(str, fields)).encode().ljust(LINE - 1) + b"\n"


class Run:
    """A command that runs."""

    __slots__ = ("after", "before", "began", "cap", "cut", "log", "path", "pid", "run", "slot", "started_at")

    def __init__(self, slot: int, run: str, log: int, path: bytes, cap: int) -> None:
        self.slot = slot
        self.run = run
        self.log = log
        self.path = path
        self.cap = cap
        self.pid = 0
        self.cut = False
        self.started_at = time.time_ns() // 1_000_000
        self.began = time.monotonic()
        self.before = self.after = time.clock_gettime(time.CLOCK_BOOTTIME)

    def record(self, *end: object) -> bytes:
        """Return the line that says so; `end` is status, instant, seconds, and `cut` if its lease was about to end."""
        born = f"{self.before:.3f} {self.after:.3f}"
        return line(self.run, os.getpid(), self.pid, born, self.started_at, f"{self.began:.4f}", *end)


class Shim:
    """The process as a whole."""

    def __init__(self, worker: int, record: int) -> None:
        self.worker = worker
        self.attached = True
        self.record = record  # under a lock that is there for as long as we are
        self.null = os.open(os.devnull, os.O_RDONLY)
        self.environment = dict(os.environb)
        self.most = 0
        self.waiting: dict[tuple[int, str], tuple[bytes, bytes, dict[bytes, bytes], bytes, int]] = {}
        self.running: dict[int, Run] = {}
        self.ended: list[tuple[int, bytes]] = []
        self.unread = b""
        self.unsent = b""
        self.look_at = 0.0
        self.over_at = 0.0  # when nothing may run any more, unless the record says something else by then
        self.report_at = 0.0
        self.events: list[tuple[object, ...]] = []
        self.introduce()

    def introduce(self) -> None:
        """Write the record's first line: who keeps it, and whether more may be started."""
        os.pwrite(self.record, line("runs", VERSION, os.getpid(), "attached" if self.attached else "detached"), 0)

    def main(self) -> None:
        """Start and reap until the worker and the last command are gone."""
        children, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(children, select.POLLIN)
        while self.attached or self.running:
            if self.attached:
                poll.register(self.worker, select.POLLIN | (select.POLLOUT if self.unsent else 0))
            for descriptor, event in poll.poll(self.patience() * 1000 if self.running else None):
                if descriptor == children:
                    os.read(children, 512)
                    self.reap()
                elif event & ~select.POLLOUT:
                    self.listen()
                    if not self.attached:
                        poll.unregister(self.worker)
            if (self.running or self.waiting) and self.is_over():
                self.cut()
            self.start_next()
            if not self.lingers():
                self.report()
            self.tidy()
            if time.monotonic() >= self.look_at:
                self.look_at_logs()

    def patience(self) -> float:
        """Return the seconds until there is something to do though nothing has happened."""
        if self.events:
            return LINGER
        return max(LINGER, min(LOOK, self.over_at - time.clock_gettime(time.CLOCK_BOOTTIME)))

    def is_over(self) -> bool:
        """Say whether the leases are about to end by which all this runs."""
        if time.clock_gettime(time.CLOCK_BOOTTIME) < self.over_at:
            return False
        words = os.pread(self.record, LINE, LINE).split()
        self.over_at = float(words[1]) if words[:1] == [HOLDS.encode()] else math.inf
        return time.clock_gettime(time.CLOCK_BOOTTIME) >= self.over_at

    def cut(self) -> None:
        """Kill what runs and drop what waits: it may be about to run elsewhere."""
        for slot, name in list(self.waiting):
            self.stop(slot, name)
        for run in self.running.values():
            run.cut = True
            kill_group(run.pid, signal.SIGKILL)

    def listen(self) -> None:
        """Read what the worker wants, and do it."""
        try:
            data = os.read(self.worker, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.attached = False
            self.waiting.clear()
            self.introduce()
            return
        data = self.unread + data
        while len(data) >= HEAD and len(data) >= HEAD + (size := int.from_bytes(data[:HEAD], "little")):
            message = marshal.loads(data[HEAD : HEAD + size])  # noqa: S302 - from the parent that started us
            data = data[HEAD + size :]
            match message:
                case "run", slot, run, *what:
                    self.waiting[slot, run] = tuple(what)
                case "most", number:
                    self.most = number
                case _:
                    self.start_next()  # what has a slot does not wait
                    self.stop(*message[1:])
        self.unread = data

    def start_next(self) -> None:
        """Start what waits, in its order, as far as it may."""
        while self.waiting and len(self.running) < self.most and not self.is_over():
            slot, run = key = next(iter(self.waiting))
            self.start(slot, run, *self.waiting.pop(key))

    def start(  # noqa: PLR0913, PLR0917 - the fields of a message
        self,
        slot: int,
        name: str,
        command: bytes,
        cwd: bytes,
        environment: dict[bytes, bytes],
        path: bytes,
        cap: int,
    ) -> None:
        """Start a command in its own session, its output going to its log."""
        what = "log"
        log = -1
        try:
            log = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            run = Run(slot, name, log, path, cap)
            # Written before the command is there: without this line it certainly never ran.
            os.pwrite(self.record, run.record(), LINE * (slot + HEADS))
            what = "cwd"
            os.chdir(cwd)
            what = "spawn"
            run.pid = self.spawn(log, command, environment)
        except OSError as error:
            if log >= 0:
                os.close(log)
            self.note(slot, line("-"))
            self.events.append(("failed", slot, name, what, error.errno))
            return
        run.after = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.note(slot, run.record())
        self.running[run.pid] = run
        self.events.append(("started", slot, name))

    def note(self, slot: int, text: bytes) -> None:
        """Write a line of the record; if that fails the worker, if it lives, is told all the same."""
        with suppress(OSError):
            os.pwrite(self.record, text, LINE * (slot + HEADS))

    def spawn(self, log: int, command: bytes, environment: dict[bytes, bytes]) -> int:
        """Start `/bin/sh -c command`; posix_spawn uses vfork, whose cost does not grow with us."""
        return os.posix_spawn(
            b"/bin/sh",
            [b"sh", b"-c", command],
            self.environment | environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, self.null, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=_DEFAULT_AGAIN,
        )

    def stop(self, slot: int, name: str, number: int = 0) -> None:
        """Drop what waits; signal a command's whole group, if its leader has not been reaped yet."""
        if self.waiting.pop((slot, name), None):
            self.events.append(("dropped", slot, name))
        for run in self.running.values():
            if run.slot == slot and run.run == name:
                kill_group(run.pid, number)

    def reap(self) -> None:
        """See who has ended, and clean up after them."""
        while self.running:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            # While the leader is a zombie nobody else can get its number: only now is it
            # certain that this kills what the command left behind, and nothing else.
            kill_group(found.si_pid, signal.SIGKILL)
            _, status = os.waitpid(found.si_pid, 0)
            run = self.running.pop(found.si_pid, None)
            if run is not None:
                self.end(run, status)

    def end(self, run: Run, status: int) -> None:
        """Record how a command ended, before anybody is told."""
        ended_at, seconds = time.time_ns() // 1_000_000, time.monotonic() - run.began
        self.note(run.slot, run.record(status, ended_at, f"{seconds:.4f}", *(["cut"] if run.cut else [])))
        self.events.append(("ended", run.slot, run.run, status, run.started_at, ended_at, seconds, run.cut))
        size = os.fstat(run.log).st_size
        if size > run.cap:
            shorten(run.log, run.cap, size)
        self.ended.append((run.log, run.path if not size else b""))

    def tidy(self) -> None:
        """Close and remove what is not needed any more; nobody waits for it."""
        for log, path in self.ended:
            os.close(log)
            if path:  # it is empty, and no file says the same
                with suppress(OSError):
                    os.unlink(path)  # noqa: PTH108 - a path in bytes
        self.ended.clear()

    def look_at_logs(self) -> None:
        """Give back the middle of logs that have grown too long."""
        self.look_at = time.monotonic() + LOOK
        for run in self.running.values():
            size = os.fstat(run.log).st_size
            if size > run.cap:
                punch(run.log, run.cap, size)

    def lingers(self) -> bool:
        """Say whether what has happened can wait for more to happen: no slot becomes idle by it."""
        return bool(self.running) and len(self.waiting) > self.most and time.monotonic() < self.report_at

    def report(self) -> None:
        """Tell the worker what happened, as far as it listens.

        Never wait for it: it may be stopped, or be waiting for us to read. The record has everything.
        """
        if self.events:
            message = marshal.dumps(self.events)
            self.events = []
            self.report_at = time.monotonic() + LINGER
            self.unsent += len(message).to_bytes(HEAD, "little") + message
        with suppress(OSError):
            while self.attached and self.unsent:
                self.unsent = self.unsent[os.write(self.worker, self.unsent) :]


def kill_group(pid: int, number: int) -> None:
    """Signal a group; gone is gone."""
    with suppress(OSError):
        os.killpg(pid, number)


def shorten(log: int, cap: int, size: int) -> None:
    """Keep the head and the tail of a log, half of `cap` bytes each, with a mark between."""
    head = cap // 2
    tail = cap - head
    try:
        mark = MARK % (size - cap)
        end = os.pread(log, tail, size - tail)
        flags = fcntl.fcntl(log, fcntl.F_GETFL)
        # On Linux pwrite to a descriptor with O_APPEND appends, whatever the offset.
        fcntl.fcntl(log, fcntl.F_SETFL, flags & ~os.O_APPEND)
        os.pwrite(log, mark + end, head)
        os.ftruncate(log, head + len(mark) + len(end))
        fcntl.fcntl(log, fcntl.F_SETFL, flags)
    except OSError:  # then it stays as long as it is
        pass


def punch(log: int, cap: int, size: int) -> None:
    """Free the blocks between head and tail; the file keeps its length. See fallocate(2)."""
    head = cap // 2
    length = size - cap
    try:
        import ctypes  # only a command that prints this much pays for it

        keep_size, punch_hole = 1, 2
        libc = ctypes.CDLL(None, use_errno=True)
        libc.fallocate(log, keep_size | punch_hole, ctypes.c_int64(head), ctypes.c_int64(length))
    except (ImportError, OSError, AttributeError):  # then it is shortened when the command ends
        pass


def main() -> None:
    """Run as the program that `queuectl.worker.process` starts."""
    worker, record = int(sys.argv[1]), int(sys.argv[2])
    for descriptor in (worker, record):
        os.set_inheritable(descriptor, False)  # noqa: FBT003
    os.set_blocking(worker, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    Shim(worker, record).main()


if __name__ == "__main__":
    main()
