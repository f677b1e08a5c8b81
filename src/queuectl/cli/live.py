"""The worker's live display: takes note of events, and draws what they came to four times a second."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Protocol

from queuectl.cli import rows
from queuectl.cli.cells import ASCII, UNICODE, line
from queuectl.cli.frame import Frame, allot, draw
from queuectl.cli.meter import Meter, Progress, seat
from queuectl.duration import format_duration
from queuectl.repository.base import Counts
from queuectl.worker.events import EventKind, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from queuectl.worker.events import Event, Running
    from queuectl.worker.options import WorkerOptions

#: Seconds between two frames.
INTERVAL = 0.25
#: Milliseconds until the screen is taken: what ends sooner leaves its results without a flash.
PATIENCE = 300
#: Milliseconds for which a warning stands in the header.
WARNED = 20_000
#: Results that stay on the terminal at the end.
LAST = 10
#: Cells that the ids get at least and at most.
_ID = 8, 14

_ENDS = frozenset({EventKind.JOB_COMPLETED, EventKind.JOB_RETRYING, EventKind.JOB_DEAD, EventKind.JOB_CANCELLED})
_NO_RESULTS = frozenset(
    {EventKind.JOB_STARTED, EventKind.WORKER_STARTED, EventKind.WORKER_STOPPING, EventKind.WORKER_STOPPED}
)


class Screen(Protocol):
    """Where frames are drawn: a `queuectl.cli.terminal.Terminal`, or what stands in for one."""

    @property
    def is_open(self) -> bool:
        """Whether a frame was drawn."""

    @property
    def shows_unicode(self) -> bool:
        """Whether there are signs beyond ASCII."""

    def size(self) -> tuple[int, int]:
        """Return columns and lines as they are now."""

    def is_ready(self) -> bool:
        """Say whether a frame could be shown now."""

    def draw(self, lines: Sequence[Text]) -> None:
        """Show a frame."""

    def close(self, lines: Sequence[Text]) -> None:
        """Show no more frames, and leave some lines."""


class LiveDisplay:
    """Shows a worker at work.

    Args:
        screen: where frames are drawn.
        options: the worker's.
    """

    def __init__(self, screen: Screen, options: WorkerOptions) -> None:
        self.interval: float | None = INTERVAL
        self._screen = screen
        self._glyphs = UNICODE if screen.shows_unicode else ASCII
        self._grace, self._once = options.grace, options.once
        # Two memories: a flood of successes must not wash away the few failures.
        self._recent: deque[Event] = deque(maxlen=200)
        self._notable: deque[Event] = deque(maxlen=100)
        self._seen: Counter[EventKind] = Counter()
        self._first = self._last = self._stopping_at = 0
        self._view: View | None = None
        self._rows: list[Running | None] = []
        self._heights = allot(0, 0, 0)
        self._id_width = _ID[0]
        self._retries = 0
        self._meter = Meter()
        self._progress = Progress()
        self._done = (0, 0)
        self._drawn: tuple[object, ...] = ()

    def event(self, event: Event) -> None:
        """Take note of one thing that happened; this is all that a job costs."""
        kind = event.kind
        self._seen[kind] += 1
        self._last = event.at
        self._first = self._first or event.at
        if kind is EventKind.JOB_COMPLETED:
            self._recent.append(event)
        elif kind is EventKind.WORKER_STOPPING:
            self._stopping_at = event.at
        elif kind not in _NO_RESULTS:
            self._recent.append(event)
            self._notable.append(event)

    def tick(self, view: View) -> None:
        """Draw a frame, if there is anything new and the terminal has taken the last one."""
        size = self._screen.size()
        self._take(view, size[1])
        if view.at - self._first < PATIENCE and not self._screen.is_open:
            return
        # With nothing to run only the clock moves, once a second.
        state = (view.at // 1000, view.counts, view.stopping, size, self._last)
        if not self._screen.is_ready() or (state == self._drawn and not view.running and self._screen.is_open):
            return
        self._drawn = state
        self._screen.draw(draw(self._frame(view, self._heights.results), *size))

    def close(self) -> None:
        """Give the terminal back with the last state of things and a summary on it; idempotent."""
        self._screen.close(self._farewell())
        self._first = 0

    def _take(self, view: View, height: int) -> None:
        """Bring what lasts from frame to frame up to date."""
        self._view = view
        self._meter.read(view.at // 1000, sum(self._seen[kind] for kind in _ENDS))
        self._done = self._progress.read(view.counts)
        self._retries = max(self._retries, len(view.retrying))
        self._heights = allot(height, view.slots, self._retries)
        # The last visible row may have to say how many more there are.
        visible = self._heights.running - (len(view.running) > self._heights.running)
        self._rows = seat(self._rows, view, max(0, visible))
        jobs = [running.job for running in view.running] + list(view.retrying)
        self._id_width = max([self._id_width, *(min(len(job.id), _ID[1]) for job in jobs)])

    def _frame(self, view: View, results: int) -> Frame:
        warning = next((event for event in reversed(self._notable) if event.kind is EventKind.WARNING), None)
        return Frame(
            view=view,
            rows=tuple(self._rows),
            results=self._results(results),
            rates=self._meter.seconds(),
            rate=self._meter.rate(),
            progress=self._done,
            warning=warning.message if warning and view.at - warning.at < WARNED else "",
            stopping=self._stopping(view),
            id_width=self._id_width,
            retries=self._retries,
            glyphs=self._glyphs,
        )

    def _results(self, number: int) -> tuple[Event, ...]:
        """Return the last results, newest first; a third of them are kept for what did not just succeed."""
        newest = list(self._recent)[::-1][:number]
        seen = {id(event) for event in newest}
        missing = [event for event in list(self._notable)[::-1][: number // 3] if id(event) not in seen]
        return (*newest[: number - len(missing)], *missing)

    def _stopping(self, view: View) -> str:
        """Say what a stopping worker waits for, and what another Ctrl-C does."""
        jobs = f"{len(view.running)} running job{'' if len(view.running) == 1 else 's'}"
        if view.stopping == "now":
            return f"Stopping {jobs} now {self._glyphs.dot} Ctrl-C: kill at once"
        wait = ""
        if self._grace is not None:
            left = self._stopping_at / 1000 + self._grace - view.at / 1000
            wait = f" up to {format_duration(round(max(0, left)))}"
        return f"Stopping: waiting{wait} for {jobs} {self._glyphs.dot} Ctrl-C: stop now"

    def _farewell(self) -> list[Text]:
        """Return what stays on the terminal: the results, and a summary."""
        width, height = self._screen.size()
        if not self._first:
            return []
        view = self._view or _nothing(self._first)  # it may have ended before the first tick
        number = min(LAST, max(1, height - 5))
        frame = self._frame(view._replace(at=max(self._last, view.at)), number)
        results = list(rows.result_rows(frame, width, number))[::-1]
        return [*results, self._summary(width)]

    def _summary(self, width: int) -> Text:
        numbers = (
            (EventKind.JOB_COMPLETED, "completed", "green"),
            (EventKind.JOB_RETRYING, "failed and to be retried", "yellow"),
            (EventKind.JOB_DEAD, "dead", "bold red"),
            (EventKind.JOB_CANCELLED, "cancelled", "magenta"),
            (EventKind.JOB_RETURNED, "given back", "yellow"),
        )
        parts: list[tuple[str, str]] = []
        for kind, words, style in numbers:
            if self._seen[kind]:
                parts += [(", " if parts else "", ""), (f"{self._seen[kind]:,} {words}", style)]
        span = format_duration((self._last - self._first) / 1000)
        begin = [(" Worker stopped", "bold"), (f" after {span}: ", "")]
        nothing = "no job was ready" if self._once else "it ran no job"
        return line(width, [*begin, *(parts or [(nothing, "dim")])], (), self._glyphs)


def _nothing(at: int) -> View:
    """Return what a worker that has not begun is like."""
    return View("", "", 0, at, at, (), (), Counts({}, 0, 0, 0, None), 0, 0, 0, "")
