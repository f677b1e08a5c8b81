"""What the live screen is about at one moment, and what a key makes of it; pure.

A key that wants something done outside only says what: `State.act`. Whoever runs the screen does it and says in
`State.message` what came of it.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from queuectl.cli.cells import UNICODE, Glyphs
from queuectl.cli.output import safe
from queuectl.cli.top import keys
from queuectl.cli.top.facts import NOT_FOUND, NOTHING, Details, Facts, Found, Wanted
from queuectl.cli.top.items import Item, Items, Pane, items
from queuectl.model import FINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from queuectl.model import Job

#: Milliseconds for which a message stands.
STANDS = 6_000
#: Rows that a page key moves.
_PAGE = 10


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
        state = _filtered(state._replace(facts=facts))
    return at(state, now)


def with_found(state: State, found: Found) -> State:
    """Take what was looked up."""
    return _filtered(state._replace(found=found))


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


def press(state: State, key: str) -> State:
    """Return what a key makes of it."""
    if state.asking:
        done = state.asking if key in {"y", "Y"} else None
        answered = state._replace(asking=None, act=done)
        return answered if done else said(answered, "nothing was changed")
    if state.is_typing:
        return _typed(state, key)
    state = state._replace(message="")
    table = _ON_PAGE if state.page is not Page.PANES else _ON_PANES
    action = table.get(key) or _EVERYWHERE.get(key)
    return action(state) if action else state


# -- the filter ---------------------------------------------------------------------------


def _typed(state: State, key: str) -> State:
    if key in {keys.ENTER, keys.ESCAPE}:
        state = state._replace(is_typing=False, filter=state.filter if key == keys.ENTER else "")
    elif key == keys.BACKSPACE:
        state = state._replace(filter=state.filter[:-1])
    elif key == keys.CLEAR:
        state = state._replace(filter="")
    elif key not in keys.NAMES:
        state = state._replace(filter=state.filter + key)
    return _filtered(state)


def _filtered(state: State) -> State:
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


# -- moving -------------------------------------------------------------------------------


def _move(rows: int) -> Callable[[State], State]:
    def move(state: State) -> State:
        choices = [row.key for row in state.rows.get(state.focus, ()) if row.key]
        if not choices:
            return state
        place = max(0, min(len(choices) - 1, state.cursors[state.focus].place + rows))
        return state._replace(cursors={**state.cursors, state.focus: Cursor(choices[place], place)})

    return move


def _turn(panes: int) -> Callable[[State], State]:
    def turn(state: State) -> State:
        order = list(Pane)
        return state._replace(focus=order[(order.index(state.focus) + panes) % len(order)])

    return turn


def _scroll(lines: int) -> Callable[[State], State]:
    def scroll(state: State) -> State:
        # A log is read from its end: up means further back.
        return state._replace(scroll=max(0, state.scroll + (-lines if state.page is Page.LOG else lines)))

    return scroll


# -- pages --------------------------------------------------------------------------------


def _open(page: Page) -> Callable[[State], State]:
    def show(state: State) -> State:
        if page is Page.HELP:
            return state._replace(page=page, scroll=0)
        job, item = state.job(), state.item()
        if item and item.signature and page is Page.DETAILS:
            opened = None if state.opened == item.signature else item.signature
            return _filtered(state._replace(opened=opened, found=state.found._replace(fallen=())))
        if job is None:
            return said(state, "select a job first", is_bad=True)
        details = state.found.details
        known = details if details and details.job.id == job.id else Details(job)
        return state._replace(page=page, scroll=0, job_id=job.id, found=state.found._replace(details=known))

    return show


def _close(state: State) -> State:
    if state.page is Page.PANES:
        return _filtered(state._replace(filter=""))
    return state._replace(page=Page.PANES, scroll=0, job_id=None)


# -- acting -------------------------------------------------------------------------------


def _cancel(state: State) -> State:
    job = state.job()
    if job is None:
        return said(state, "select a job first", is_bad=True)
    if job.state in {JobState.COMPLETED, JobState.CANCELLED}:
        return said(state, f"job {safe(repr(job.id))} is {job.state}; there is nothing to cancel", is_bad=True)
    return state._replace(asking=Act(Verb.CANCEL, job.id, job.state))


def _retry(state: State) -> State:
    item, job = state.item(), state.job()
    if job is None and item and item.signature:
        return state._replace(asking=Act(Verb.RETRY_GROUP, item.signature, JobState.DEAD, item.jobs))
    if job is None:
        return said(state, "select a job that has ended", is_bad=True)
    if job.state not in FINAL:
        return said(state, f"job {safe(repr(job.id))} is {job.state}; only ended jobs are retried", is_bad=True)
    return state._replace(asking=Act(Verb.RETRY, job.id, job.state))


def _pause(state: State) -> State:
    item, job = state.item(), state.job()
    queue = job.queue if job else item.queue_name if item else None
    if queue is None:
        return said(state, "select a queue, or a job of it", is_bad=True)
    verb = Verb.RESUME if queue in state.facts.paused else Verb.PAUSE
    return state._replace(act=Act(verb, queue))


def _quit(state: State) -> State:
    return state._replace(act=Act(Verb.QUIT))


def _ask_filter(state: State) -> State:
    return state._replace(is_typing=True)


_FAR = 10**9
_EVERYWHERE: dict[str, Callable[[State], State]] = {
    "q": _quit, "c": _cancel, "r": _retry, "p": _pause, "?": _open(Page.HELP), "l": _open(Page.LOG),
    keys.ESCAPE: _close,
}  # fmt: skip
_ON_PANES: dict[str, Callable[[State], State]] = {
    keys.UP: _move(-1), "k": _move(-1), keys.DOWN: _move(1), "j": _move(1),
    keys.PAGE_UP: _move(-_PAGE), keys.PAGE_DOWN: _move(_PAGE), keys.HOME: _move(-_FAR), keys.END: _move(_FAR),
    "g": _move(-_FAR), "G": _move(_FAR), keys.TAB: _turn(1), keys.BACK_TAB: _turn(-1), keys.RIGHT: _turn(1),
    keys.LEFT: _turn(-1), keys.ENTER: _open(Page.DETAILS), "/": _ask_filter,
}  # fmt: skip
_ON_PAGE: dict[str, Callable[[State], State]] = {
    keys.UP: _scroll(-1), "k": _scroll(-1), keys.DOWN: _scroll(1), "j": _scroll(1),
    keys.PAGE_UP: _scroll(-_PAGE), keys.PAGE_DOWN: _scroll(_PAGE), keys.HOME: _scroll(-_FAR), "g": _scroll(-_FAR),
    keys.END: _scroll(_FAR), "G": _scroll(_FAR), keys.ENTER: _close, keys.LEFT: _close, "?": _close,
}  # fmt: skip
