"""`queuectl dlq list`: the dead jobs, or the groups of those that died of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.dlq.choice import dead_jobs, group_ids
from queuectl.cli.list import show_jobs
from queuectl.cli.options import limit_option, queue_option, search_option, shared, tag_option
from queuectl.cli.session import Session, now
from queuectl.cli.words import Command
from queuectl.model import JobState
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from queuectl.model import Job
    from queuectl.repository.dead import DeadGroup, DeadGroups

#: The value of an option that is given without one.
_BARE = ""
#: From so many dead jobs on, a person learns that there are groups.
_MANY = 20


@click.command("list", cls=Command)
@click.option(
    "-g", "--group", is_flag=False, flag_value=_BARE, metavar="[GROUP]", shell_complete=group_ids,
    help="Show what they died of, largest first; or only the jobs of one group.",
)  # fmt: skip
@queue_option
@tag_option
@search_option
@limit_option
@shared
@click.pass_obj
def command(session: Session, /, *, group: str | None, limit: int, **filters: Any) -> None:
    """List the dead jobs with the reason why each gave up, and the last line that it printed.

    In a pipe the columns are those of `queuectl list`, and behind them that line; those of groups:
    group, jobs, share, newest job, when that one died, queues, and what they died of.

    \b
    Examples:
      queuectl dlq list
      queuectl dlq list --group
      queuectl dlq list --group 3fa2c1
    """
    if group == _BARE:
        _show_groups(session, dead_jobs(session, group=None, **filters), limit)
        return
    which = dead_jobs(session, group=group, **filters)
    _show_jobs(session, which, limit)
    if which == Filter(states=(JobState.DEAD,)) and output.is_terminal() and not session.json:
        number = session.repository.counts(now=now()).states[JobState.DEAD]
        if number > _MANY:
            session.hint(f"what the {number:,} died of, in groups: {session.call('dlq list --group')}")


def _show_jobs(session: Session, which: Filter, limit: int) -> None:
    from queuectl.cli.printed import log_of

    def last_line(job: Job) -> str:
        return log_of(session.repository, job.seq, job.runs).last_line()

    show_jobs(session, which, limit=limit, last_line=last_line)


def _show_groups(session: Session, which: Filter, limit: int) -> None:
    found = session.repository.dead_groups(which, limit=limit)
    if session.json:
        output.array(_as_object(group, found) for group in found.groups)
    elif output.is_terminal():
        _draw(session, found, filtered=which != Filter(states=(JobState.DEAD,)))
    else:
        from queuectl.duration import format_time

        for one in found.groups:
            died, queues = format_time(one.newest_at), ",".join(one.queues)
            output.line(one.id, one.jobs, _share(one, found), one.newest, died, queues, one.signature)
    if found.others:
        output.flush()
        noun = "group is" if found.others == 1 else "groups are"
        session.say(f"{found.others:,} smaller {noun} not shown; --limit 0 shows all")


def _as_object(group: DeadGroup, found: DeadGroups) -> dict[str, Any]:
    from queuectl.duration import format_time

    return {
        "group": group.id,
        "jobs": group.jobs,
        "share": _share(group, found),
        "newest": group.newest,
        "newest_died_at": format_time(group.newest_at),
        "queues": list(group.queues),
        "signature": group.signature,
    }


def _share(group: DeadGroup, found: DeadGroups) -> float:
    return round(group.jobs / found.jobs, 4)


def _draw(session: Session, found: DeadGroups, *, filtered: bool) -> None:
    if not found.groups:
        session.say("No such dead jobs." if filtered else "No dead jobs.")
        return
    from queuectl.cli.dlq.table import group_table

    output.render(group_table(found, width=output.console().width, at=now(), unicode=output.speaks_unicode()))
    output.flush()
    example = found.groups[0].id[: found.digits]
    session.hint(f"{session.call(f'dlq list --group {example}')} shows the jobs; retry instead of list puts them back")
