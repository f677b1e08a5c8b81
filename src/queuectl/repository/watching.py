"""What every storage engine promises to those who wait for jobs: a part of `queuectl.repository.base`.

Waiting is two questions. Whether anything has changed at all is asked often and costs next to
nothing; what became of the jobs is asked only then. Nothing is held between two questions, so
that whoever waits stands in nobody's way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from queuectl.model import Job


class Outcomes(NamedTuple):
    """What has become of jobs that are waited for."""

    ended: Sequence[Job]  #: those that are completed, dead or cancelled, in the order of enqueueing
    gone: Sequence[int]  #: numbers of those that were removed


class Watching(Protocol):
    """Seeing that something happens, without asking much."""

    def version(self) -> int:
        """Return a number that is another one after somebody else has committed a change.

        It means nothing in itself and is this repository's own. Changes by this repository, and on a server what
        happens in other stores, may or may not count: another number is a reason to look, no more. Ask for it before
        looking at what may have changed, never after.
        """

    def outcomes(self, numbers: Collection[int]) -> Outcomes:
        """Return those of the jobs with these numbers that have ended, and which are not there any more."""
