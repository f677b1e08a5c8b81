"""Writers take turns in the order in which they came, but nobody waits for ever for somebody else."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from queuectl.model import JobSpec
from queuectl.repository.sqlite import SqliteRepository
from queuectl.repository.sqlite.turnstile import Turnstile

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_800_000_000_000


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    """Hold the lock as a process would that was stopped in the middle of its turn."""
    (tmp_path / "queue.db.d").mkdir()
    held = os.open(tmp_path / "queue.db.d" / "writers", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    yield held
    os.close(held)


def test_who_comes_second_waits_until_the_first_is_through(tmp_path: Path, lock: int) -> None:
    first_is_through = threading.Event()

    def let_through(*_: object) -> None:
        first_is_through.set()
        fcntl.flock(lock, fcntl.LOCK_UN)

    before = signal.signal(signal.SIGUSR1, let_through)
    turnstile = Turnstile(str(tmp_path / "queue.db.d" / "writers"))
    turnstile.patience = 60.0
    main = threading.main_thread().ident
    assert main is not None
    sender = threading.Thread(target=_when_waiting, args=(lambda: signal.pthread_kill(main, signal.SIGUSR1),))
    sender.start()
    with turnstile:
        assert first_is_through.is_set()
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    sender.join()
    turnstile.close()
    signal.signal(signal.SIGUSR1, before)


def _when_waiting(act: object) -> None:
    """Do something once this process waits for the lock, as the kernel lists it."""
    waits = f"-> FLOCK  ADVISORY  WRITE {os.getpid()} "
    while waits not in Path("/proc/locks").read_text(encoding="ascii"):
        pass
    assert callable(act)
    act()


@pytest.mark.usefixtures("lock")
def test_patience_ends_and_leaves_no_alarm_behind(tmp_path: Path) -> None:
    turnstile = Turnstile(str(tmp_path / "queue.db.d" / "writers"))
    turnstile.patience = 0.01
    before = signal.getsignal(signal.SIGALRM), signal.setitimer(signal.ITIMER_REAL, 0.0)
    with turnstile:
        assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)) == (before[0], (0.0, 0.0))
    signal.setitimer(signal.ITIMER_REAL, *before[1])
    turnstile.close()
    other = os.open(tmp_path / "queue.db.d" / "writers", os.O_RDWR)
    with pytest.raises(BlockingIOError):  # what was not ours was not given back
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)


@pytest.mark.usefixtures("lock")
def test_a_job_is_stored_though_somebody_was_stopped_in_the_middle_of_a_turn(tmp_path: Path) -> None:
    repository = SqliteRepository(tmp_path / "queue.db")
    repository.patience = 0.01
    repository.enqueue([JobSpec("true", id="a")], now=NOW)
    assert repository.get("a").id == "a"
    repository.close()


@pytest.mark.usefixtures("lock")
def test_a_thread_which_no_alarm_could_wake_does_not_wait_at_all(tmp_path: Path) -> None:
    passed = threading.Event()

    def pass_through() -> None:
        turnstile = Turnstile(str(tmp_path / "queue.db.d" / "writers"))
        turnstile.patience = 60.0
        with turnstile:
            passed.set()
        turnstile.close()

    thread = threading.Thread(target=pass_through)
    thread.start()
    thread.join()
    assert passed.is_set()


def test_without_a_data_directory_there_is_no_queue_and_nothing_is_made(tmp_path: Path) -> None:
    repository = SqliteRepository(tmp_path / "queue.db")
    repository.enqueue([JobSpec("true")], now=NOW)
    repository.close()
    assert not (tmp_path / "queue.db.d").exists()
