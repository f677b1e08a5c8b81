"""What runs have printed: from the log if that is on this machine, else what the store keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.worker.logs import Kept, Log, log_path

if TYPE_CHECKING:
    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository


def log_of(repository: JobRepository, seq: int, run: int) -> Log:
    """Return what there is to read of a run, which are numbered from 1; nothing printed reads as an empty log.

    The store keeps nothing of a run that goes on: of one on another host nothing can be read yet.
    """
    path = log_path(repository.directory, seq, run)
    if not repository.kept_output or path.exists():
        return Log(path)
    kept = repository.output(seq, run)
    return Log(path) if kept is None else Kept(kept)


def is_cut(repository: JobRepository, log: Log) -> bool:
    """Say whether this is only the end of what was printed, the rest being on another host."""
    return isinstance(log, Kept) and len(log.read()) >= repository.kept_output


def host_of(repository: JobRepository, job: Job, run: int) -> str:
    """Say for people where a run is, or was: on a host, if its worker is still known."""
    workers = [step.worker for step in repository.history(job) if step.state == "processing"]
    name = workers[run - 1] if 0 < run <= len(workers) else job.worker
    hosts = [one.identity.host for one in repository.workers() if one.identity.name == name]
    return f"host {hosts[-1]}" if hosts else f"the host of worker {name!r}"


def host_elsewhere(repository: JobRepository, job: Job) -> str:
    """Return the host on which a job runs now, if its log is not on this one; else nothing."""
    if not repository.home or job.state != "processing":
        return ""
    found = repository.circumstances(job.id, now=0)
    holder = next((one.identity for one in found.workers if one.id == found.holder), None)
    return "" if holder is None or holder.home == repository.home else holder.host
