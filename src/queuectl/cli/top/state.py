"""What the live screen is about at one moment, and what it becomes as time passes and the store changes; pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from queuectl.cli.cells import UNICODE, Glyphs
from queuectl.cli.output import safe
from queuectl.cli.top.facts import NOT_FOUND, NOTHING, Facts, Found, Wanted
from queuectl.cli.top.items import Item, Items, Pane, items
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl.model import Job

#: Milliseconds for which a message stands.
STANDS = 6_000


class Page(Enum):
    """What fills the screen."""

    PANES = "panes"
    DETAILS = "details"
    LOG = "log"
    HELP = "help"


class Verb(Enum):
    """What can be done to what is selected."""

    CANCEL = "cancel"
    RETRY = "retry"
    RETRY_GROUP = "retry group"
    PAUSE = "pause"
    RESUME = "resume"
    QUIT = "quit"


class Act(NamedTuple):
    """Something to be done outside, or asked about first."""

    verb: Verb
    target: str = ""  #: a job's id, a queue's name, or what a group of jobs died of
    state: JobState | None = None  #: in which the job has to be still
    jobs: int = 1

    @property
    def question(self) -> str:
        """What has to be answered with yes before it is done; empty: nothing."""
        name = safe(repr(self.target))
        if self.verb is Verb.CANCEL:
            runs = ", which is running" if self.state is JobState.PROCESSING else ""
            return f"Cancel job {name}{runs}?"
        if self.verb is Verb.RETRY:
            return f"Run job {name}, which is {self.state}, again?"
        if self.verb is Verb.RETRY_GROUP:
            return f"Retry {self.jobs:,} dead {'job' if self.jobs == 1 else 'jobs'} of {name}?"
        return ""


class Cursor(NamedTuple):
    """The selected row of a pane: by key, and if it is gone by its place."""

    key: str = ""
    place: int = 0


NO_ROWS: Items = {}
NO_WISHES: Mapping[Pane, int] = {}
NO_CURSORS: Mapping[Pane, Cursor] = {}


class State(NamedTuple):
    """All that a frame is drawn from."""

    store: str
    now: int
    facts: Facts = NOTHING
    found: Found = NOT_FOUND
    rows: Items = NO_ROWS
    wishes: Mapping[Pane, int] = NO_WISHES  #: the most rows that each pane ever had: it keeps its height
    focus: Pane = Pane.RUNNING
    cursors: Mapping[Pane, Cursor] = NO_CURSORS
    page: Page = Page.PANES
    scroll: int = 0  #: lines from the top of a page, or from the end of a log
    job_id: str | None = None  #: whose details are shown
    opened: str | None = None  #: what the jobs died of that are listed one by one
    filter: str = ""
    is_typing: bool = False  #: the filter
    is_wide: bool = False  #: there is room for the output of the selected job
    asking: Act | None = None  #: to be answered with y or n
    act: Act | None = None  #: to be done now
    message: str = ""
    is_bad: bool = False  #: the message
    said_at: int = 0
    glyphs: Glyphs = UNICODE

    def item(self) -> Item | None:
        """Return the selected row."""
        rows = self.rows.get(self.focus, ())
        key = self.cursors.get(self.focus, Cursor()).key
        return next((row for row in rows if key and row.key == key), None)

    def job(self) -> Job | None:
        """Return the job that keys are about, as it is now."""
        if self.page in {Page.DETAILS, Page.LOG}:
            return self.found.details.job if self.found.details else None
        item = self.item()
        return item.job if item else None


def with_facts(state: State, facts: Facts, now: int) -> State:
    """Take what was read."""
    if facts is not state.facts or not state.rows:
        state = filtered(state._replace(facts=facts))
    return at(state, now)


def with_found(state: State, found: Found) -> State:
    """Take what was looked up."""
    return filtered(state._replace(found=found))


def at(state: State, now: int) -> State:
    """Let time pass."""
    return state._replace(now=now, message=state.message if state.said_at > now - STANDS else "")


def wanted(state: State) -> Wanted:
    """Return what is to be looked up for this state."""
    job = state.job() if state.is_wide and state.page is Page.PANES else None
    return Wanted(job.id if job else state.job_id, state.opened)


def said(state: State, message: str, *, is_bad: bool = False) -> State:
    """Let a message stand on the bottom line for a while."""
    return state._replace(message=message, is_bad=is_bad, said_at=state.now)


def filtered(state: State) -> State:
    """Find the rows anew, and keep every cursor on one of them."""
    rows = items(state.facts, state.found.fallen, state.filter)
    wishes = {pane: max(state.wishes.get(pane, 0), len(found)) for pane, found in rows.items()}
    cursors = {pane: _kept(state.cursors.get(pane, Cursor()), rows, pane) for pane in Pane}
    if state.focus is not Pane.ENDED:  # new ones come in at the top: who does not look for an old one sees them
        cursors[Pane.ENDED] = _kept(Cursor(), rows, Pane.ENDED)
    return state._replace(rows=rows, wishes=wishes, cursors=cursors)


def _kept(cursor: Cursor, rows: Items, pane: Pane) -> Cursor:
    """Return where the cursor stands now: on its row, or on what has come into its place."""
    choices = [row.key for row in rows[pane] if row.key]
    if cursor.key in choices:
        return Cursor(cursor.key, choices.index(cursor.key))
    place = min(cursor.place, len(choices) - 1)
    return Cursor(choices[place], place) if choices else Cursor("", cursor.place)
