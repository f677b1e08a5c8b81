"""Checks of what lies under a store: Python, SQLite, the file system, rights, space. Pure."""

from __future__ import annotations

import re
import stat
from shlex import quote
from typing import TYPE_CHECKING

from queuectl.doctor.facts import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.doctor.facts import Facts, Place

#: Locks and shared memory do not work between machines there.
_NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs", "fuse.gcsfuse",
    "fuse.glusterfs", "fuse.goofys", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs", "gfs2", "glusterfs", "gpfs",
    "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs",
})  # fmt: skip
_MEMORY = frozenset({"tmpfs", "ramfs", "ramdisk"})

#: SQLite's WAL-reset bug: the first version with it, and for each line of versions the first without.
_BUG_SINCE = (3, 7, 0)
_BUG_FIXED = {(3, 44): 6, (3, 50): 7}
_BUG_GONE = (3, 51, 3)

_MEBIBYTE = 2**20
#: Free bytes below which it is a problem, and below which it is a warning.
_NO_SPACE, _LITTLE_SPACE = 64 * _MEBIBYTE, 1024 * _MEBIBYTE
#: Bytes of write-ahead log that are more than a checkpoint leaves.
_LARGE_LOG = 256 * _MEBIBYTE


def has_reset_bug(version: tuple[int, ...]) -> bool:
    """Say whether this SQLite can damage a database in WAL mode; see https://www.sqlite.org/wal.html."""
    if not _BUG_SINCE <= version < _BUG_GONE:
        return False
    fixed = _BUG_FIXED.get((version[0], version[1]))
    return fixed is None or version[2] < fixed


def mount_of(mountinfo: str, path: str) -> tuple[str, str]:
    """Return type and mount point of the file system that holds a path, from `/proc/self/mountinfo`.

    Args:
        mountinfo: its text; see proc_pid_mountinfo(5).
        path: a real one, absolute.

    Returns:
        Two empty texts if nothing fits.
    """
    found = ("", "")
    for line in mountinfo.splitlines():
        before, _, behind = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4 and behind:  # noqa: PLR2004 - the fifth field
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
            holds = path == point or path.startswith(point.rstrip("/") + "/")
            if holds and len(point) >= len(found[1]):  # the last one mounted lies on top
                found = (behind.split(" ")[0], point)
    return found


def checks(facts: Facts) -> Iterator[Finding]:
    """Judge what lies under the store."""
    yield Finding("python", "ok", facts.machine.python)
    yield _engine(facts)
    yield _file_system(facts)
    yield from _rights(facts)
    yield _space(facts)
    if facts.store is not None and facts.machine.store is not None:
        yield _log(facts.machine.log_size, facts.machine.store)


def _engine(facts: Facts) -> Finding:
    name, version, _, oldest = facts.machine.engine
    text = f"{name} {'.'.join(map(str, version))}"
    if version < oldest:
        least = ".".join(map(str, oldest))
        return Finding(
            name.lower(), "problem", f"{text} is too old for queuectl", f"upgrade the server to {least} or later"
        )
    if name != "SQLite" or not has_reset_bug(version):
        return Finding(name.lower(), "ok", text)
    what = f"{text} has the WAL-reset bug, which may, very rarely, damage a store that several processes write"
    return Finding(
        name.lower(), "warning", what, "use a Python with SQLite 3.51.3, 3.50.7, 3.44.6 or later; make backups"
    )


def _file_system(facts: Facts) -> Finding:
    kind, mount = facts.machine.file_system, facts.machine.mount
    where = f"{kind} at {mount}"
    if facts.machine.store is None:
        return _file_system_of_data(kind, where)
    if kind in _NETWORK:
        what = f"the store lies on a network file system ({where}), whose locks do not keep writers apart"
        return Finding("file-system", "problem", what, "move the store to a disk of this machine, and its workers too")
    if kind in _MEMORY:
        what = f"the store lies in memory ({where}), and is gone after a reboot"
        return Finding("file-system", "warning", what, "move the store to a disk")
    return Finding("file-system", "ok", where if kind else "unknown")


def _file_system_of_data(kind: str, where: str) -> Finding:
    """Judge what holds only logs, run records and pipes."""
    if kind in _NETWORK:
        what = f"this machine's data lie on a network file system ({where}): locks and pipes may not work there"
        return Finding("file-system", "problem", what, "set XDG_STATE_HOME to a directory on a disk of this machine")
    if kind in _MEMORY:
        what = f"this machine's data lie in memory ({where}): logs are gone after a reboot"
        return Finding("file-system", "warning", what, "set XDG_STATE_HOME to a directory on a disk")
    return Finding("file-system", "ok", where if kind else "unknown")


def _rights(facts: Facts) -> Iterator[Finding]:
    places = [(facts.machine.store, "600"), (facts.machine.directory, ""), (facts.machine.data, "700")]
    found = [finding for place, private in places if place for finding in _rights_of(place, facts, private)]
    whose = "this machine's data" if facts.machine.store is None else "the store"
    yield from found or [Finding("rights", "ok", f"only you and root may write {whose}")]


def _rights_of(place: Place, facts: Facts, private: str) -> Iterator[Finding]:
    """Judge who may write a place; `private` is the mode that keeps it to oneself, if it should be so."""
    path = quote(place.path)
    if place is facts.machine.data and place.kind == "link":
        yield Finding("rights", "problem", f"{path} is a symbolic link: workers refuse it", f"rm {path}")
    if place.kind not in {"file", "directory"}:
        return
    if place.owner not in {facts.machine.user, 0}:
        what = f"{path} belongs to another user ({place.owner}), who chooses what its workers run: they refuse it"
        yield Finding("rights", "problem", what, f"sudo chown {facts.machine.user} {path}")
    is_shared = place.mode & (stat.S_IWGRP | stat.S_IWOTH)
    if is_shared and not (place.kind == "directory" and place.mode & stat.S_ISVTX):
        what = f"{path} may be written by other users, who so choose what its workers run: they refuse it"
        yield Finding("rights", "problem", what, f"chmod {private or 'go-w'} {path}")
    elif private and place.mode & 0o077:
        what = f"{path} may be read by other users, with the commands and environments of all jobs"
        yield Finding("rights", "warning", what, f"chmod {private} {path}")
    if not place.writable:
        yield Finding("rights", "problem", f"{path} cannot be written by you", f"chmod u+w {path}")


def _space(facts: Facts) -> Finding:
    free = facts.machine.free
    if free is None:
        return Finding("space", "ok", "unknown")
    text = f"{free / _MEBIBYTE:,.0f} MiB are free"
    level = "problem" if free < _NO_SPACE else "warning" if free < _LITTLE_SPACE else "ok"
    if level == "ok":
        return Finding("space", level, text)
    whose = "logs and run records" if facts.machine.store is None else "the store and its logs"
    return Finding("space", level, f"only {text} for {whose}", "queuectl prune, or free some space")


def _log(size: int, store: Place) -> Finding:
    text = f"the write-ahead log has {size / _MEBIBYTE:,.1f} MiB"
    if size < _LARGE_LOG:
        return Finding("log", "ok", text)
    what = f"{text}: somebody has been reading for long, or the last writer was killed"
    return Finding("log", "warning", what, f"sqlite3 {quote(store.path)} 'PRAGMA wal_checkpoint(TRUNCATE)'")
