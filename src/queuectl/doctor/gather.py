"""Gathering the facts: all that `queuectl doctor` reads. It makes, changes and signals nothing."""

from __future__ import annotations

import os
import socket
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.config import is_server, parse_location, redact_url, state_directory
from queuectl.doctor.facts import Facts, Machine, Place, Stray
from queuectl.doctor.machine import mount_of
from queuectl.repository import engine_of, examine_store
from queuectl.worker.presence import boot_id, start_ticks
from queuectl.worker.process import processes_of
from queuectl.worker.record import Record
from queuectl.worker.wakeup import is_present, present_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.repository.examination import Engine


def gather(url: str, *, now: int, thorough: bool) -> Facts:
    """Return what is known of the store that `url` names, of its machine and of its workers.

    Args:
        url: as the user gave it.
        now: the present, by the clock of this machine.
        thorough: whether to read everything, which takes a while.

    Raises:
        StoreError: there is no engine for it.
        InvalidInput: it names no store.
    """
    engine = engine_of(url)
    if engine.server is not None:  # all instants are its own
        now += engine.server.ahead
    location, file, data = _whereabouts(url, engine)
    found = processes_of(location)
    numbers = sorted(set(_logged(data / "logs"))) if thorough else []
    store, trouble = None, ("", "")
    try:
        store = examine_store(url, now=now, thorough=thorough, numbers=numbers)
    except errors.StoreError as error:
        trouble = (error.message, error.hint or "")
    if store is not None and store.unknown:  # of a job that was removed meanwhile the log has gone too
        logged = set(_logged(data / "logs"))
        store = store._replace(unknown=tuple(number for number in store.unknown if number in logged))
    # First the processes, then the leases: none that starts in between is taken for a stray. What has
    # ended in between is none either.
    strays = tuple(Stray(pid, run) for pid, run in found if start_ticks(pid) is not None)
    return Facts(now, _machine(engine, file, data, strays), store, trouble, thorough)


def _whereabouts(url: str, engine: Engine) -> tuple[str, Path | None, Path]:
    """Return the store's location as its jobs get it, its file unless it is on a server, and its data directory."""
    if not is_server(url):
        path = Path(parse_location(url).path).absolute()
        return str(path), path.resolve(), Path(f"{path}.d")
    if engine.server is None or not engine.server.directory:  # one that is not there
        return redact_url(url), None, Path(f"{state_directory()}/-")
    return engine.server.location, None, Path(engine.server.directory)


def _machine(engine: Engine, file: Path | None, data: Path, strays: tuple[Stray, ...]) -> Machine:
    lies_in = file.parent if file else next(path for path in data.parents if path.is_dir())
    kind, mount = _mount(lies_in.resolve())
    return Machine(
        python=f"Python {sys.version.split()[0]} at {sys.executable}",
        engine=engine,
        user=os.geteuid(),
        host=socket.gethostname(),
        boot_id=boot_id(),
        ticks=time.monotonic(),
        file_system=kind,
        mount=mount,
        free=_free(lies_in),
        store=_place(file) if file else None,
        directory=_place(lies_in) if file else None,
        data=_place(data),
        home=engine.server.home if engine.server else "",
        log_size=_size(Path(f"{file}-wal")) if file else 0,
        present=frozenset(name for name in present_names(str(data)) if is_present(str(data), name)),
        records=frozenset(_idle_records(data)),
        strays=strays,
    )


def _place(path: Path) -> Place:
    try:
        found = path.lstat()
    except OSError:
        return Place(str(path), "")
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(found.st_mode), "other")
    return Place(str(path), kind, found.st_uid, stat.S_IMODE(found.st_mode), os.access(path, os.W_OK))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _free(directory: Path) -> int | None:
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _mount(directory: Path) -> tuple[str, str]:
    try:
        text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ("", "")
    return mount_of(text, str(directory))


def _logged(logs: Path) -> Iterator[int]:
    """Yield the numbers of the jobs that have logs."""
    with suppress(OSError):
        for shelf in logs.iterdir():
            with suppress(OSError):
                for log in shelf.iterdir():
                    number = log.name.partition("-")[0]
                    if number.isascii() and number.isdigit():
                        yield int(number)


def _idle_records(data: Path) -> Iterator[str]:
    """Yield the names of run records that neither a worker nor a shim keeps."""
    with suppress(OSError):
        for path in (data / "runs").iterdir():
            if not is_present(str(data), path.name) and Record(path).keeper() is None:
                yield path.name
