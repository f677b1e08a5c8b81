"""What every storage engine promises about what dead jobs died of: a part of `queuectl.repository.base`.

Dead jobs with the same signature make a group. A group has no row of its own: it is there as long as one of its jobs
is dead, and comes back with the same id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from queuectl import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from queuectl.repository.base import Filter

#: Hex digits of a group's id: two of a million groups share one with a chance of 0.2 %.
DIGITS = 12
#: Digits that people are shown if these tell all groups apart.
_SHORT = 6
#: Ids that the message about an ambiguous prefix names.
_NAMED = 3


class DeadGroup(NamedTuple):
    """The dead jobs that died of the same."""

    id: str  #: made of the signature, so always the same for it
    signature: str
    jobs: int  #: how many there are
    newest: str  #: id of the one that was enqueued last
    newest_at: int  #: when that one died
    queues: tuple[str, ...]  #: whose jobs they are, sorted


class DeadGroups(NamedTuple):
    """The largest groups, and what they are a part of."""

    groups: Sequence[DeadGroup]  #: the largest first
    others: int  #: groups that the limit left out
    jobs: int  #: dead jobs of all groups together
    digits: int  #: of an id, that tell all groups apart


class Dying(Protocol):
    """What the dead died of."""

    def dead_groups(self, which: Filter, *, limit: int = 0) -> DeadGroups:
        """Return the largest groups (0: all) of the dead jobs that the filter lets through.

        Without a filter, at a cost that does not grow with the number of dead jobs, only with that of groups.
        """

    def dead_of(self, signature: str) -> int:
        """Return how many jobs died of this, from what is counted anyway."""

    def dead_signature(self, reference: str) -> str:
        """Return the signature of the group with this id, or the only one whose id starts with it.

        Raises:
            GroupNotFound: there is none, or none of its jobs is dead any more.
            AmbiguousId: the prefix fits several.
        """


def group_id(signature: str) -> str:
    """Return the id of the group that died of this: the first digits of the signature's SHA-256."""
    from hashlib import sha256

    return sha256(signature.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def digits_for(ids: Iterable[str]) -> int:
    """Return how many digits tell these ids apart, 6 at the least."""
    known = list(ids)
    for digits in range(_SHORT, DIGITS):
        if len({one[:digits] for one in known}) == len(known):
            return digits
    return DIGITS


def chosen(reference: str, signatures: Iterable[str]) -> str:
    """Return the signature that a group's id, or a prefix of one, means; see `Dying.dead_signature`."""
    wanted = reference.strip().lower()
    found = {group_id(signature): signature for signature in signatures} if wanted else {}
    fitting = sorted(one for one in found if one.startswith(wanted))
    if not fitting:
        raise errors.GroupNotFound(
            f"there is no group {errors.quoted(reference)} of dead jobs", hint="queuectl dlq list --group shows them"
        )
    if len(fitting) > 1:
        some = ", ".join(fitting[:_NAMED]) + (", …" if len(fitting) > _NAMED else "")
        raise errors.AmbiguousId(f"{errors.quoted(reference)} fits several groups: {some}", hint="type more of the id")
    return found[fitting[0]]
