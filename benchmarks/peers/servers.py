"""Private servers for the peers that need one: nobody else sees them, and nothing is left of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import background, room, until

if TYPE_CHECKING:
    from collections.abc import Iterator

_DURABLE = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]


def redis_version() -> str:
    """Return the version of the Redis server, empty if there is none."""
    if shutil.which("redis-server") is None:
        return ""
    words = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout.split()
    return next((word.removeprefix("v=") for word in words if word.startswith("v=")), "found")


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Keep up a Redis that fsyncs every command; yield its socket."""
    with room() as where:
        socket = where / "redis.sock"
        words = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--dir", str(where), *_DURABLE]
        with background(words, where):
            until(socket.exists)
            yield str(socket)


def postgres_programs() -> Path | None:
    """Find the directory of the newest PostgreSQL server, whose programs are not on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).parent if on_path else None


def postgres_version() -> str:
    """Return the version of the PostgreSQL server, empty if there is none."""
    programs = postgres_programs()
    if programs is None:
        return ""
    answer = subprocess.run([str(programs / "postgres"), "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[2]


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """Keep up a PostgreSQL as it ships (fsync on); yield how to connect to it."""
    programs = postgres_programs()
    assert programs is not None
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="bench-") as path:
        home = Path(path)
        if user:
            shutil.chown(home, user)
        data = home / "data"
        initdb = [str(programs / "initdb"), "--auth=trust", "--username=bench", "--encoding=UTF8", "-D", str(data)]
        subprocess.run(
            initdb, cwd=home, check=True, stdout=subprocess.DEVNULL, user=user, extra_groups=[] if user else None
        )
        words = [str(programs / "postgres"), "-D", str(data), "-k", str(home), "-c", "listen_addresses="]
        with background(words, home, user=user) as server:
            ready = [str(programs / "pg_isready"), "-q", "-h", str(home), "-U", "bench"]
            until(lambda: subprocess.run(ready, check=False).returncode == 0, every=0.1)
            yield f"host={home} user=bench dbname=postgres"
            server.send_signal(2)  # end now, without waiting for connections
