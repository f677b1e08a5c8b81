"""What every Python peer does with a job: run it as a shell command, and nothing else."""

from __future__ import annotations

import subprocess


def run(command: str) -> None:
    """Run a command; a failure is an exception, so that the queue counts it as one."""
    subprocess.run(["sh", "-c", command], check=True)  # the same `sh` as everybody's
