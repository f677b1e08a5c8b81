"""What follows from the end of a run: pure decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.model import Cancel, Outcome, Return
from queuectl.worker.record import CUT_OFF
from queuectl.worker.task import timed_out

if TYPE_CHECKING:
    from queuectl.model import Execution, Verdict
    from queuectl.repository.base import Lease
    from queuectl.retry import RetryPolicy

#: Attempts given back because they never started, after which one counts as failed: what
#: keeps its worker from starting it must not go round for ever.
RETURNS = 3
#: Why a run was stopped through no fault of its own, by the cause.
_STOPS = {"stop": "its worker was stopped", "cut": CUT_OFF}


def explain(lease: Lease, execution: Execution, *, cause: str, passing: bool) -> Execution:
    """Return how the run ended, given why it was being stopped.

    `cause` is empty or that of a `Stop`; `passing` means that the command could not start,
    and that this is not the job's fault.
    """
    if cause == "timeout":
        return timed_out(execution, lease.job.timeout or 0.0)
    if cause == "cancel" and execution.outcome is not Outcome.RETURNED:
        return execution._replace(outcome=Outcome.CANCELLED, error="cancelled")
    codes = lease.job.policy.success_codes
    # A command that the stop has killed has not succeeded, whatever code its user calls a success.
    if cause in _STOPS and not (execution.outcome is Outcome.EXITED and execution.is_success(codes)):
        return execution._replace(outcome=Outcome.RETURNED, error=_STOPS[cause])
    if passing:
        return execution._replace(outcome=Outcome.RETURNED)
    return _by_its_codes(execution, codes) if codes else execution


def _by_its_codes(execution: Execution, codes: tuple[int, ...]) -> Execution:
    """Return a run with a reason if it failed, and only then: its job says which exit codes mean success."""
    if execution.is_success(codes):
        return execution._replace(error=None)
    return execution._replace(error=execution.error or f"exit code {execution.exit_code}")


def decide(  # noqa: PLR0913 - a decision has this many facts
    lease: Lease,
    execution: Execution,
    policy: RetryPolicy,
    *,
    adopted: bool,
    luck: float,
    retry_after: float | None = None,
) -> Verdict:
    """Return what follows from an explained run.

    `adopted` means that whoever saw the end had not started it; if nobody had, the attempt is
    returned. `luck` is evenly drawn from 0.0 to 1.0, for the jitter. `retry_after` are the seconds
    that the command said to wait.
    """
    if execution.outcome is Outcome.CANCELLED:
        return Cancel(execution.error or "cancelled")
    if execution.outcome is Outcome.NEVER_STARTED and adopted and lease.returned < RETURNS:
        return Return()
    return policy.judge(lease.job.attempts, execution, now=execution.finished_at, luck=luck, retry_after=retry_after)
