"""What a job is, what may become of it, and how one of its runs ended: plain values.

Nothing here acts. Instants are int milliseconds since the Unix epoch (UTC), durations are
float seconds.
"""

# Without `from __future__ import annotations`: evaluated annotations make these classes in
# a third of the time that forward references take, and every command pays it.

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple

from queuectl.duration import format_duration


class JobState(StrEnum):
    """How far a job has come."""

    PENDING = "pending"  #: waits: ready now, or not before `next_run_at`
    PROCESSING = "processing"  #: claimed by a worker, its command is running
    COMPLETED = "completed"  #: its command succeeded
    FAILED = "failed"  #: an attempt failed; passed through on the way to pending or dead
    DEAD = "dead"  #: gave up: in the Dead Letter Queue until a person acts
    CANCELLED = "cancelled"  #: a person stopped it


#: The states with `finished_at`: only a person's command leads out of them.
FINAL = frozenset({JobState.COMPLETED, JobState.DEAD, JobState.CANCELLED})

#: Every step that a job may take, as (from, to).
TRANSITIONS = frozenset(
    {
        (JobState.PENDING, JobState.PROCESSING),  # claimed
        (JobState.PROCESSING, JobState.COMPLETED),
        (JobState.PROCESSING, JobState.FAILED),
        (JobState.FAILED, JobState.PENDING),  # a retry is left
        (JobState.FAILED, JobState.DEAD),
        (JobState.PROCESSING, JobState.PENDING),  # the attempt was given back
        (JobState.DEAD, JobState.PENDING),  # retried by a person, as the next two
        (JobState.COMPLETED, JobState.PENDING),
        (JobState.CANCELLED, JobState.PENDING),
        (JobState.PENDING, JobState.CANCELLED),
        (JobState.PROCESSING, JobState.CANCELLED),
        (JobState.DEAD, JobState.CANCELLED),
    }
)

#: What a shell adds to the number of the signal that killed a command.
SIGNAL_BASE = 128

#: The exit codes of success, unless a job names others.
_ZERO = (0,)

#: The environment of a job that adds nothing to its worker's. Never to be changed.
NO_ENV: Mapping[str, str] = {}


class Policy(NamedTuple):
    """What one job asks for beyond the store's settings; an empty field asks for nothing.

    An ending is an exit code as text (`"75"`), the name of a signal (`"SIGKILL"`), `"timeout"` or `"lost"`.
    """

    success_codes: tuple[int, ...] = ()  #: exit codes that count as success instead of 0
    retry_on: tuple[str, ...] = ()  #: the only endings after which it is tried again
    give_up_on: tuple[str, ...] = ()  #: endings after which it is dead at once
    backoff_max: float | None = None  #: the longest wait before a retry, in seconds
    backoff_jitter: float | None = None  #: the share of a wait that chance may take away, 0.0 to 1.0
    retry_for: float | None = None  #: no retry starts later than this many seconds after the first attempt


NO_POLICY = Policy()


class JobSpec(NamedTuple):
    """What a user asks for. None: made up, or taken from the settings."""

    command: str  #: one line or more for `/bin/sh -c`
    id: str | None = None
    max_retries: int | None = None
    backoff_base: float | None = None
    priority: int = 0  #: higher first
    run_at: int | None = None  #: not before this instant; a delay is resolved into it
    timeout: float | None = None
    queue: str = "default"
    cwd: str | None = None
    env: Mapping[str, str] = NO_ENV
    tags: tuple[str, ...] = ()
    unique_key: str | None = None
    policy: Policy = NO_POLICY


class Job(NamedTuple):
    """A stored job."""

    seq: int  #: the order of enqueueing
    id: str
    command: str
    state: JobState
    queue: str
    priority: int
    attempts: int  #: runs of the command so far, the present one included
    max_retries: int
    backoff_base: float | None  #: None: the setting when an attempt fails
    created_at: int
    updated_at: int
    next_run_at: int | None
    started_at: int | None  #: of the last run, as is what follows
    finished_at: int | None
    duration_seconds: float | None
    exit_code: int | None  #: as a shell reports it: 128 + N after signal N
    error: str | None
    worker: str | None
    cwd: str | None
    env: Mapping[str, str]
    tags: tuple[str, ...]
    timeout: float | None
    unique_key: str | None
    runs: int = 0  #: how often it was claimed in its whole life; names the log of its last run
    policy: Policy = NO_POLICY
    retry_until: int | None = None  #: no retry starts later; set by the first claim if the policy has `retry_for`
    signature: str | None = None  #: of a dead job: what it died of, numbers and paths folded


class Transition(NamedTuple):
    """One step of a job's history; never rewritten."""

    at: int
    from_state: JobState | None  #: None: the job was enqueued
    state: JobState
    attempt: int
    worker: str | None
    reason: str | None
    exit_code: int | None
    since: int | None = None  #: of a claim: when the job became ready; of an end: when its command started


class Outcome(StrEnum):
    """In which way a run ended."""

    EXITED = "exited"  #: by itself, with an exit code
    SIGNALLED = "signalled"  #: killed by a signal that queuectl did not send
    TIMED_OUT = "timed_out"  #: stopped because it ran too long; failed whatever its code
    LOST = "lost"  #: worker and command are both gone, nobody saw the end
    NEVER_STARTED = "never_started"  #: the spawn failed, by a fault of the job
    RETURNED = "returned"  #: the attempt is given back: a hard stop, or never ran
    CANCELLED = "cancelled"  #: stopped because a person said so


class Execution(NamedTuple):
    """How one run of a command ended."""

    outcome: Outcome
    exit_code: int | None  #: as a shell reports it: 128 + N after signal N
    error: str | None  #: the reason in one line; None after success
    started_at: int | None
    finished_at: int
    duration_seconds: float | None

    def is_success(self, codes: tuple[int, ...] = ()) -> bool:
        """Say whether the command ended with one of these codes (none named: 0).

        A command that a signal killed has the code 128 + N, which it can only have by being named.
        """
        if self.outcome is Outcome.SIGNALLED:
            return self.exit_code in codes
        return self.outcome is Outcome.EXITED and self.exit_code in (codes or _ZERO)


# What follows from a run. `state` is where the job goes; it also keeps verdicts of
# different kinds unequal, which tuples with equal fields would not be.


class Complete(NamedTuple):
    """The job is done."""

    state: Literal[JobState.COMPLETED] = JobState.COMPLETED


class Retry(NamedTuple):
    """The attempt failed, another follows."""

    next_run_at: int
    reason: str
    state: Literal[JobState.PENDING] = JobState.PENDING


class Bury(NamedTuple):
    """The attempt failed and was the last: into the Dead Letter Queue."""

    reason: str
    signature: str = ""  #: what it died of, numbers and paths folded; empty: the reason as it is
    state: Literal[JobState.DEAD] = JobState.DEAD


class Return(NamedTuple):
    """The attempt does not count: one less, pending, ready."""

    state: Literal[JobState.PENDING] = JobState.PENDING


class Cancel(NamedTuple):
    """A person stopped the job."""

    reason: str
    state: Literal[JobState.CANCELLED] = JobState.CANCELLED


Verdict = Complete | Retry | Bury | Return | Cancel


def path_of(verdict: Verdict) -> tuple[JobState, ...]:
    """Return the states that a processing job passes through, the last one included."""
    if isinstance(verdict, (Retry, Bury)):
        return (JobState.FAILED, verdict.state)
    return (verdict.state,)


def execution_of_wait_status(
    status: int,
    *,
    started_at: int | None,
    finished_at: int,
    duration_seconds: float | None,
    timed_out_after: float | None = None,
) -> Execution:
    """Return how a run ended whose process left this status of `os.wait`.

    `timed_out_after` are the seconds it was allowed if it was stopped for running longer.
    """
    from os import waitstatus_to_exitcode

    return execution_of_exit_code(
        waitstatus_to_exitcode(status),
        started_at=started_at,
        finished_at=finished_at,
        duration_seconds=duration_seconds,
        timed_out_after=timed_out_after,
    )


def execution_of_exit_code(
    code: int,
    *,
    started_at: int | None,
    finished_at: int,
    duration_seconds: float | None,
    timed_out_after: float | None = None,
) -> Execution:
    """Return how a run ended with this code: N after `exit N`, -N after signal N.

    A code that a shell recorded goes in as it is: it cannot tell `exit 137` from the death
    of its child by KILL, so the error then names both. `timed_out_after` as above.
    """
    outcome, error = Outcome.EXITED, _error_of_exit_code(code)
    if code < 0:
        outcome, error = Outcome.SIGNALLED, f"killed by {signal_name(-code)}"
    if timed_out_after is not None:
        outcome, error = Outcome.TIMED_OUT, f"timed out after {format_duration(timed_out_after)}"
    exit_code = SIGNAL_BASE - code if code < 0 else code
    return Execution(outcome, exit_code, error, started_at, finished_at, duration_seconds)


def _error_of_exit_code(code: int) -> str | None:
    if code <= SIGNAL_BASE:
        return f"exit code {code}" if code else None
    name = signal_name(code - SIGNAL_BASE)
    return f"exit code {code} ({name})" if name.startswith("SIG") else f"exit code {code}"


def signal_name(number: int) -> str:
    """Return the name of a signal, such as `SIGKILL`, or `signal 99` for a number that has none."""
    from signal import Signals

    try:
        return Signals(number).name
    except ValueError:  # a real-time signal between the first and the last
        return f"signal {number}"
