"""A PostgreSQL of the tests' own: nobody else sees it, it is fast rather than durable, and nothing is left of it.

All processes of one pytest run share one, which the first test that needs it starts. It is the child of a keeper,
`python tests/server.py ROOM PID`, which waits for the end of the run in whatever way that comes, KILL included.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

#: Where the processes of a run find the room of their server; the controller of xdist hands it down.
_ROOM = "QUEUECTL_TESTS_ROOM"
#: Seconds until a server that does not come up has failed.
_PATIENCE = 60.0

#: Nobody misses these data after a power cut. The others make visible what leans on a server's defaults.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "max_connections": "200",
    "listen_addresses": "",
    "timezone": "Asia/Kathmandu",
    "datestyle": "SQL, DMY",
    "log_min_messages": "warning",
}


class Unavailable(Exception):  # noqa: N818 - it says so itself
    """There is no server here, for this reason."""


def programs() -> Path | None:
    """Find the directory of the newest server's programs, which Debian does not put on PATH."""

    def version(path: Path) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", path.parts[-3])]

    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin/postgres") if path.with_name("initdb").exists()]
    if found:
        return max(found, key=version).parent
    if (on_path := shutil.which("postgres")) and shutil.which("initdb"):
        return Path(on_path).parent
    return None


def _somebody() -> str:
    """Name the user as whom the server runs; empty: as ourselves. It refuses root."""
    if os.geteuid() != 0:
        return ""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise Unavailable("it refuses to run as root, and there is neither a user postgres nor nobody")


class Server:
    """A cluster in a directory of its own, reached by a socket there.

    Args:
        room: an empty directory; its path has to be short, for the socket's sake.
        address: where it listens on the network as well; empty: nowhere.
    """

    def __init__(self, room: Path, address: str = "") -> None:
        self.room = room
        self.address = address
        #: What psycopg and libpq need to find it.
        self.conninfo = f"host={room} port=5432 user=tests dbname=postgres"
        self.socket = room / ".s.PGSQL.5432"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, schema: str, *, host: str = "", port: int = 5432, **parameters: str) -> str:
        """Return a location as users give it; by another host if something lies between."""
        known = {"host": host or str(self.room), "port": str(port), "schema": schema, **parameters}
        asked = "&".join(f"{name}={quote(value, safe='/')}" for name, value in known.items())
        return f"postgresql://tests@/postgres?{asked}"

    def make(self) -> None:
        """Make the cluster.

        Its words sort as people sort them, not as bytes: an order that nobody asked for by name shows.
        """
        if user := _somebody():
            shutil.chown(self.room, user)
        plain = ["--no-sync", "--auth=trust", "--username=tests", "--encoding=UTF8", "-D", str(self.room / "data")]
        human = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]  # since PostgreSQL 15
        if self._run("initdb", *plain, *human).returncode:
            done = self._run("initdb", *plain, "--locale=C")
            if done.returncode:
                raise Unavailable(f"initdb: {done.stderr.strip()}")
        if self.address:
            with (self.room / "data" / "pg_hba.conf").open("a", encoding="ascii") as rules:
                rules.write("host all all samenet trust\n")

    def start(self) -> None:
        """Start it and wait until it answers."""
        wanted = _SETTINGS | {"listen_addresses": self.address}
        settings = [word for name, value in wanted.items() for word in ("-c", f"{name}={value}")]
        # It ends with us even if we are killed.
        words = self._words("postgres", "--pdeathsig=QUIT")
        with (self.room / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*words, "-D", str(self.room / "data"), "-k", str(self.room), *settings],
                cwd=self.room,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ends = time.monotonic() + _PATIENCE
        while self._run("pg_isready", "-q", "-h", str(self.room), "-U", "tests").returncode:
            if self._process.poll() is not None or time.monotonic() > ends:
                said = (self.room / "log").read_text(encoding="utf-8", errors="replace").strip()
                raise Unavailable(f"it does not start: {said[-500:]}")
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: with INT in order but at once, with QUIT as a crash would."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE)
            self._process = None

    def _words(self, program: str, *options: str) -> list[str]:
        """Return the beginning of a command line, as the server's user."""
        if (found := programs()) is None:
            raise Unavailable("no server is installed (Debian: apt-get install postgresql)")
        if user := _somebody():
            options = (f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups", *options)
        return [*(["setpriv", *options] if options else []), str(found / program)]

    def _run(self, program: str, *args: str) -> subprocess.CompletedProcess[str]:
        command = [*self._words(program), *args]
        return subprocess.run(command, cwd=self.room, capture_output=True, text=True, errors="replace", check=False)


# -- one for all processes of a run ---------------------------------------------------


def make_room() -> Path:
    """Make the place where the processes of this run will look for their server; called once."""
    room = Path(tempfile.mkdtemp(prefix="queuectl-tests-", dir="/tmp"))  # a socket's path has to be short
    room.chmod(0o755)
    os.environ[_ROOM] = f"{os.getpid()}:{room}"
    return room


def leave_room(room: Path) -> None:
    """End the server of this run, if there is one, and wait until nothing is left of it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        keeper = os.pidfd_open(int((room / "keeper").read_text(encoding="ascii")))
        signal.pidfd_send_signal(keeper, signal.SIGTERM)
        select.select([keeper], [], [], _PATIENCE)
        os.close(keeper)
    shutil.rmtree(room, ignore_errors=True)


def shared() -> Server:
    """Return the server of this run; the first to call starts it.

    Raises:
        Unavailable: there is none to be had.
    """
    pid, _, path = os.environ[_ROOM].partition(":")
    room = Path(path)
    with (room / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (room / "keeper").exists():
            _start_keeper(room, pid)
    if reason := (room / "outcome").read_text(encoding="utf-8"):
        raise Unavailable(reason)
    return Server(room / "server")


def _start_keeper(room: Path, pid: str) -> None:
    with (room / "keeper.out").open("wb") as out:
        keeper = subprocess.Popen(
            [sys.executable, __file__, str(room), pid],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is the run's; the keeper outlives it by a moment
        )
    (room / "keeper").write_text(str(keeper.pid), encoding="ascii")
    while not (room / "outcome").exists():
        if keeper.poll() is not None:
            reason = (room / "keeper.out").read_text(encoding="utf-8", errors="replace").strip()
            (room / "outcome").write_text(f"the server's keeper has ended: {reason[-500:]}", encoding="utf-8")
        time.sleep(0.02)
    keeper.returncode = 0  # it is not ours to wait for: it stays until the run ends


def _keep(room: Path, pid: int) -> None:
    """Keep a server up until this process ends or somebody sends TERM; then remove the room."""
    run = os.pidfd_open(pid)
    told, tell = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(tell, b"x"))
    server = Server(room / "server")
    server.room.mkdir(mode=0o755)
    reason = ""
    try:
        server.make()
        server.start()
    except Unavailable as error:
        reason = str(error)
    # Renamed when it is whole: its being there is the news.
    (room / "outcome.new").write_text(reason, encoding="utf-8")
    (room / "outcome.new").rename(room / "outcome")
    select.select([run, told], [], [])
    server.stop()
    shutil.rmtree(room, ignore_errors=True)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), int(sys.argv[2]))
