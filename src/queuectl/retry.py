"""When a failed job runs again, and when it is given up: pure decisions, no clock, no dice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from queuectl.duration import MAX_DURATION, MAX_INSTANT
from queuectl.model import Bury, Cancel, Complete, Outcome, Retry, Return

if TYPE_CHECKING:
    from queuectl.config import Settings
    from queuectl.model import Execution, Job, Verdict


class RetryPolicy(NamedTuple):
    """How often a job is tried, and how long it waits in between."""

    max_retries: int = 3  #: failed attempts after which the job is dead; 0 and 1 both mean one
    base: float = 3.0  #: of the exponential back-off
    cap: float = 86_400.0  #: the longest wait, in seconds
    jitter: float = 0.0  #: the share of a wait that luck may take away, 0.0 to 1.0

    def delay(self, attempts: int, *, luck: float = 0.0) -> float:
        """Return the seconds to wait after so many attempts: `min(cap, base ** attempts)`.

        Jitter takes `jitter * luck` of it, with `luck` drawn evenly from 0.0 to 1.0: with a
        jitter of 1.0 this is the "full jitter", with 0.5 the "equal jitter" of Marc Brooker's
        "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). So the wait never
        exceeds the one without jitter. Defined for any attempts and base from 0 on.
        """
        try:
            wait = float(self.base) ** attempts
        except OverflowError:
            wait = math.inf
        return min(wait, self.cap, MAX_DURATION) * (1.0 - self.jitter * luck)

    def judge(self, attempts: int, execution: Execution, *, now: int, luck: float = 0.0) -> Verdict:
        """Decide what follows from a run, its attempt counted in `attempts` already."""
        if execution.succeeded:
            return Complete()
        if execution.outcome is Outcome.RETURNED:
            return Return()
        reason = execution.error or execution.outcome.value
        if execution.outcome is Outcome.CANCELLED:
            return Cancel(reason)
        if attempts >= max(1, self.max_retries):
            return Bury(reason)
        wait = round(self.delay(attempts, luck=luck) * 1000)
        return Retry(min(now + wait, MAX_INSTANT), reason)


def policy_for(job: Job, settings: Settings) -> RetryPolicy:
    """Return the policy of a job: what it asked for comes before the settings."""
    base = settings.backoff_base if job.backoff_base is None else job.backoff_base
    return RetryPolicy(job.max_retries, base, settings.backoff_max, settings.backoff_jitter)
