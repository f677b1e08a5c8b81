"""What a key makes of the live screen; pure.

A key that wants something done outside only says what: `State.act`. Whoever runs the screen does it and says in
`State.message` what came of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.cli.output import safe
from queuectl.cli.top import keys
from queuectl.cli.top.facts import ALL, Details
from queuectl.cli.top.items import Pane
from queuectl.cli.top.state import Act, Cursor, Page, State, Verb, filtered, said
from queuectl.model import FINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Callable

#: Rows that a page key moves, and those that take it to the end.
_PAGE, _FAR = 10, 10**9


def press(state: State, key: str) -> State:
    """Return what a key makes of it."""
    if state.asking:
        done = state.asking if key in {"y", "Y"} else None
        answered = state._replace(asking=None, act=done)
        return answered if done else said(answered, "nothing was changed")
    if state.is_typing:
        return _typed(state, key)
    state = state._replace(message="")
    table = _ON_PANES if state.page is Page.PANES else _ON_PAGE
    action = table.get(key) or (_IN_HELP if state.page is Page.HELP else _EVERYWHERE).get(key)
    return action(state) if action else state


# -- the filter ---------------------------------------------------------------------------


def _typed(state: State, key: str) -> State:
    if key == keys.ENTER:
        return _at_hits(state._replace(is_typing=False))
    if key == keys.ESCAPE:
        state = state._replace(is_typing=False, filter="")
    elif key == keys.BACKSPACE:
        state = state._replace(filter=state.filter[:-1])
    elif key == keys.CLEAR:
        state = state._replace(filter="")
    elif key not in keys.NAMES:
        state = state._replace(filter=state.filter + key)
    return filtered(state)


def _at_hits(state: State) -> State:
    """Go to the first pane in which something was found, if there is nothing in this one."""
    found = [pane for pane in Pane if any(row.key for row in state.rows[pane])]
    return state._replace(focus=found[0]) if found and state.focus not in found else state


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
            return filtered(state._replace(opened=opened, found=state.found._replace(fallen=())))
        if job is None:
            return said(state, "select a job first", is_bad=True)
        details = state.found.details
        known = details if details and details.job.id == job.id else Details(job)
        return state._replace(page=page, scroll=0, job_id=job.id, found=state.found._replace(details=known))

    return show


def _close(state: State) -> State:
    if state.page is Page.PANES:
        return filtered(state._replace(filter=""))
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
    if ALL in state.facts.paused:
        return said(state, "all queues are paused: queuectl resume --all lets them go on", is_bad=True)
    verb = Verb.RESUME if queue in state.facts.paused else Verb.PAUSE
    return state._replace(act=Act(verb, queue))


def _quit(state: State) -> State:
    return state._replace(act=Act(Verb.QUIT))


def _ask_filter(state: State) -> State:
    return state._replace(is_typing=True)


_EVERYWHERE: dict[str, Callable[[State], State]] = {
    "q": _quit, "c": _cancel, "r": _retry, "p": _pause, "?": _open(Page.HELP), "l": _open(Page.LOG),
    keys.ESCAPE: _close,
}  # fmt: skip
#: On the help nothing is selected.
_IN_HELP: dict[str, Callable[[State], State]] = {"q": _quit, keys.ESCAPE: _close}
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
