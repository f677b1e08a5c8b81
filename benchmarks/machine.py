"""The facts about a machine without which no figure means anything; never its name or its paths."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import digits, room, spread
from queuectl import __version__

FSYNCS = 200


def facts() -> dict[str, str]:
    """Describe the machine, the disk and what runs on it."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{_memory() / 2**20:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "disk": f"{file_system(Path(tempfile.gettempdir()))}; 4 KiB written and fsynced: {digits(fsync_micros())} µs",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "queuectl": __version__,
    }


def processor() -> str:
    """Name the processor as the kernel does."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory() -> int:
    """Return the memory of the machine in KiB."""
    found = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) if found else 0


def file_system(path: Path) -> str:
    """Name the kind of file system that holds a directory."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    mounts = {Path(fields[1]): fields[2] for fields in map(str.split, lines)}
    path = path.resolve()
    return next(mounts[parent] for parent in (path, *path.parents) if parent in mounts)


def fsync_micros() -> float:
    """Measure what one appended and fsynced page costs, in the median."""
    with room() as where, (where / "page").open("wb", buffering=0) as file:
        times = []
        for _ in range(FSYNCS):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return spread(times).median * 1e6
