"""When a failed job runs again, and when it is given up: pure decisions, no clock, no dice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from queuectl.duration import MAX_DURATION, MAX_INSTANT, format_duration
from queuectl.model import NO_POLICY, SIGNAL_BASE, Bury, Cancel, Complete, Outcome, Policy, Retry, Return, signal_name

if TYPE_CHECKING:
    from queuectl.config import Settings
    from queuectl.model import Execution, Job, Verdict

#: The exit code of a command that asks to be tried again later: EX_TEMPFAIL of sysexits.h.
TEMPFAIL = 75
#: Endings of which the command knows nothing: `retry_on` does not speak of them.
_UNSEEN = frozenset({Outcome.LOST, Outcome.NEVER_STARTED})


class RetryPolicy(NamedTuple):
    """How often a job is tried, and how long it waits in between."""

    max_retries: int = 3  #: failed attempts after which the job is dead; 0 and 1 both mean one
    base: float = 3.0  #: of the exponential back-off
    cap: float = 86_400.0  #: the longest wait, in seconds
    jitter: float = 0.0  #: the share of a wait that luck may take away, 0.0 to 1.0
    asked: Policy = NO_POLICY  #: which endings are treated in another way
    retry_until: int | None = None  #: no retry starts later

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

    def judge(
        self, attempts: int, execution: Execution, *, now: int, luck: float = 0.0, retry_after: float | None = None
    ) -> Verdict:
        """Decide what follows from a run, its attempt counted in `attempts` already.

        `retry_after` are the seconds that the command itself said to wait; they count instead of the back-off.
        """
        if execution.is_success(self.asked.success_codes):
            return Complete()
        if execution.outcome is Outcome.RETURNED:
            return Return()
        reason = execution.error or execution.outcome.value
        if execution.outcome is Outcome.CANCELLED:
            return Cancel(reason)
        if self.asked is not NO_POLICY and (why := self._gives_up(execution)):
            return Bury(f"{reason}; not tried again: {why}")
        if attempts >= max(1, self.max_retries):
            return Bury(reason)
        return self._retry(attempts, reason, now=now, luck=luck, retry_after=retry_after)

    def _gives_up(self, execution: Execution) -> str:
        """Say why the job is not to be tried again after such an end; empty if it is."""
        words = endings_of(execution)
        named = next((word for word in self.asked.give_up_on if word in words), None)
        if named is not None:
            return f"give_up_on names {named}"
        retry_on = self.asked.retry_on
        if retry_on and execution.outcome not in _UNSEEN and not words.intersection(retry_on):
            return f"retry_on names only {', '.join(retry_on)}"
        return ""

    def _retry(self, attempts: int, reason: str, *, now: int, luck: float, retry_after: float | None) -> Verdict:
        wait = self.delay(attempts, luck=luck)
        if retry_after is not None:
            wait = min(retry_after, MAX_DURATION)
            reason = f"{reason}; it asked to wait {format_duration(wait)}"
        due = min(now + round(wait * 1000), MAX_INSTANT)
        if self.retry_until is not None and due > self.retry_until:
            return Bury(f"{reason}; not tried again: {self._too_late(due - now)}")
        return Retry(due, reason)

    def _too_late(self, wait: int) -> str:
        limit = "" if self.asked.retry_for is None else f" {format_duration(self.asked.retry_for)}"
        return f"a retry in {format_duration(wait / 1000)} would start after retry_for{limit}"


def endings_of(execution: Execution) -> frozenset[str]:
    """Return the words by which a policy may name how a run ended.

    A signal and the code 128 + N that a shell makes of it go by both names: whether a shell stands between us and
    the command is not for its user to know. Of a run that was stopped for its time the code says nothing.
    """
    if execution.outcome is Outcome.TIMED_OUT:
        return frozenset({"timeout"})
    if execution.outcome is Outcome.LOST:
        return frozenset({"lost"})
    if execution.outcome is Outcome.NEVER_STARTED or execution.exit_code is None:
        return frozenset()
    return frozenset({str(execution.exit_code), signal_name(execution.exit_code - SIGNAL_BASE)})


def policy_for(job: Job, settings: Settings) -> RetryPolicy:
    """Return the policy of a job: what it asked for comes before the settings."""
    base = settings.backoff_base if job.backoff_base is None else job.backoff_base
    policy = RetryPolicy(job.max_retries, base, settings.backoff_max, settings.backoff_jitter)
    if job.policy is NO_POLICY:
        return policy
    asked = job.policy
    cap = policy.cap if asked.backoff_max is None else asked.backoff_max
    jitter = policy.jitter if asked.backoff_jitter is None else asked.backoff_jitter
    return policy._replace(cap=cap, jitter=jitter, asked=asked, retry_until=job.retry_until)
