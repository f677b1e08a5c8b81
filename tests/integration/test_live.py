"""The live display: what a frame shows at any size, and what it does to a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import re
import struct
import termios
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from queuectl.cli.cells import ASCII, UNICODE, curve, cut, padded
from queuectl.cli.frame import Frame, allot, draw
from queuectl.cli.live import LiveDisplay
from queuectl.cli.meter import Meter, Progress, seat
from queuectl.cli.terminal import Terminal
from queuectl.worker.events import EventKind, Running
from queuectl.worker.options import WorkerOptions
from tests import views
from tests.views import NOW, completed, counts, failed, job, running, said, view

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.text import Text

    from queuectl.worker.events import Event, View


class Paper:
    """A screen that only remembers what was drawn."""

    def __init__(self, width: int = 80, height: int = 24, *, shows_unicode: bool = True) -> None:
        self.width, self.height, self.shows_unicode = width, height, shows_unicode
        self.frames: list[list[str]] = []
        self.left: list[str] = []

    @property
    def is_open(self) -> bool:
        return bool(self.frames)

    def size(self) -> tuple[int, int]:
        return self.width, self.height

    def is_ready(self) -> bool:
        return True

    def draw(self, lines: Sequence[Text]) -> None:
        self.frames.append([line.plain for line in lines])

    def close(self, lines: Sequence[Text]) -> None:
        self.left += [line.plain for line in lines]

    def text(self) -> str:
        """Return the last frame."""
        return "\n".join(self.frames[-1])


def display(paper: Paper, **options: object) -> LiveDisplay:
    """Return a display whose worker has been there for a while."""
    live = LiveDisplay(paper, WorkerOptions(**options))  # type: ignore[arg-type]
    live.event(said(EventKind.WORKER_STARTED, at=NOW - 65_000))
    return live


# -- frames -------------------------------------------------------------------------------


def plain(frame: Frame, width: int = 80, height: int = 24) -> list[str]:
    return [line.plain for line in draw(frame, width, height)]


def test_a_frame_shows_who_works_on_what_and_for_how_long() -> None:
    assert re.fullmatch(r" queuectl worker-1  queue\.db +up 1m 05s ", plain(Frame(view(), ()))[0])


def test_a_running_job_is_shown_with_its_attempt_and_how_long_it_has_been_running() -> None:
    rows = running(job(7, attempts=2, command="sleep 60"), seconds=12)
    (line,) = (line for line in plain(Frame(view(running=rows), rows)) if "job-0007" in line)
    assert re.fullmatch(r" . job-0007     12s  2/3  sleep 60", line)


def test_a_running_job_shows_how_much_of_its_timeout_is_used() -> None:
    rows = running(job(7, timeout=60), seconds=30)
    (line,) = (line for line in plain(Frame(view(running=rows), rows)) if "job-0007" in line)
    assert line.endswith("━━━━━───── 1m 00s ")


def test_an_adopted_job_says_so() -> None:
    rows = (Running(job(7), NOW, adopted=True),)
    assert any("⇄ adopted" in line for line in plain(Frame(view(running=rows), rows)))


def test_what_is_paused_stands_above_the_numbers_of_the_queue() -> None:
    assert any("Queue ─" in line for line in plain(Frame(view(), ())))
    assert any("Queue, paused: mail, web ─" in line for line in plain(Frame(view(paused=("mail", "web")), ())))
    assert any("Queue, all paused ─" in line for line in plain(Frame(view(paused=("", "web")), ())))


def test_a_retry_is_shown_with_its_countdown() -> None:
    waiting = (job(7, attempts=2, error="exit code 1", next_run_at=NOW + 2_500),)
    (line,) = (line for line in plain(Frame(view(retrying=waiting), (), retries=1)) if "job-0007" in line)
    assert re.match(r" ↻ job-0007      3s  2/3  exit code 1  echo 7 +\d\d:\d\d:\d\d $", line)


def test_a_retry_that_waits_for_a_slot_is_due() -> None:
    waiting = (job(7, next_run_at=NOW - 1),)
    assert any(" ↻ job-0007     due" in line for line in plain(Frame(view(retrying=waiting), (), retries=1)))


def test_results_say_what_became_of_each_run() -> None:
    results = (
        completed(job(1)),
        failed(job(2), again_at=NOW + 3_000),
        failed(job(3), error="killed by SIGKILL"),
        said(EventKind.WARNING, "the store is busy"),
    )
    text = "\n".join(plain(Frame(view(), (), results=results)))
    assert re.search(r"✓ job-0001    0\.3s  echo 1", text)
    assert re.search(r"✗ job-0002    0\.3s  exit code 1  → retry at \d\d:\d\d:\d\d in 3s", text)
    assert re.search(r"☠ job-0003    0\.3s  killed by SIGKILL  → dead", text)
    assert re.search(r"! the store is busy", text)


def test_of_many_slots_the_first_are_shown_and_how_many_more_there_are() -> None:
    rows = running(*(job(seq) for seq in range(1, 65)))
    lines = plain(Frame(view(slots=64, running=rows), rows))
    shown = sum("job-00" in line for line in lines)
    assert len(lines) == 24
    assert shown >= 5
    assert f"   + {64 - shown} more" in lines


def test_a_narrow_terminal_shows_whole_numbers_or_none() -> None:
    many = counts(ready=1_234_567, retrying=22, processing=4, completed=7_654_321, dead=12)
    for width in range(20, 100):
        (line,) = (line for line in plain(Frame(view(counts=many), ()), width, 10) if "ready" in line)
        assert re.fullmatch(r"( |  )?([\d,]+ [a-z]+(  )?)+", line), line


def test_an_empty_queue_says_how_to_fill_it() -> None:
    assert any("queuectl enqueue" in line for line in plain(Frame(view(), ())))


def test_where_there_is_no_unicode_all_is_ascii() -> None:
    rows = running(job(1, timeout=3, command="x" * 500))
    results = (completed(job(2)), failed(job(3)), failed(job(4), again_at=NOW + 9_000))
    frame = Frame(view(running=rows), rows, results=results, rates=(1, 2, 3), retries=2, glyphs=ASCII)
    assert all(line.isascii() for line in plain(frame))


@given(
    frame=st.builds(
        Frame,
        view=views.views,
        rows=st.lists(st.none() | st.builds(Running, views.jobs, st.just(NOW), st.booleans()), max_size=90).map(tuple),
        results=st.lists(views.events, max_size=60).map(tuple),
        rates=st.lists(st.integers(0, 3_000), min_size=60, max_size=60).map(tuple),
        rate=st.just(0.0) | st.floats(0.1, 5_000),
        progress=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(lambda pair: (min(pair), max(pair))),
        warning=st.just("") | views.texts,
        stopping=views.texts,
        id_width=st.integers(8, 14),
        retries=st.integers(0, 5),
        glyphs=st.sampled_from([UNICODE, ASCII]),
    ),
    width=st.integers(1, 200),
    height=st.integers(1, 80),
)
def test_every_frame_fits_its_screen_and_holds_no_control_characters(frame: Frame, width: int, height: int) -> None:
    lines = draw(frame, width, height)
    assert len(lines) == height
    for line in lines:
        assert line.cell_len <= width
        assert line.plain.isprintable()


@given(height=st.integers(1, 200), slots=st.integers(1, 200), retries=st.integers(0, 9))
def test_the_heights_of_all_sections_add_up_to_the_screen(height: int, slots: int, retries: int) -> None:
    heights = allot(height, slots, retries)
    rows = heights.running + heights.queue + heights.retries + heights.results
    titles = (3 + bool(heights.retries) + 1) * heights.titles
    assert min(heights[:4]) >= 0
    assert 1 + rows + titles + heights.footer == height


@given(text=st.text(), width=st.integers(0, 40))
@example(text="☠\ufe0f" * 20, width=7)
@example(text="👩\u200d🚀🇩🇪" * 9, width=8)
def test_a_cut_text_fits_and_a_padded_one_fills(text: str, width: int) -> None:
    assert cell_len(cut(text, width, "…")) <= width
    assert cell_len(padded(text, width, "…")) == width


def test_a_curve_shows_nothing_as_nothing_and_little_as_something() -> None:
    assert curve((0, 1, 500, 1_000), UNICODE) == " ▁▄█"


# -- what lasts from frame to frame -------------------------------------------------------


@given(st.lists(st.sets(st.integers(1, 12), max_size=6), max_size=12), st.integers(1, 4))
def test_a_job_keeps_its_row_unless_it_moves_into_sight(turns: list[set[int]], visible: int) -> None:
    rows: list[Running | None] = []
    for seqs in turns:
        before = {row.job.seq: index for index, row in enumerate(rows) if row}
        rows = seat(rows, view(slots=6, running=running(*map(job, sorted(seqs)))), visible)
        seated = [row.job.seq for row in rows if row]
        assert sorted(seated) == sorted(seqs)
        assert len(rows) == 6
        for index, row in enumerate(rows):
            if row and before.get(row.job.seq, visible) < visible:
                assert before[row.job.seq] == index
        if len(seqs) >= visible:
            assert all(rows[:visible])


def test_the_rate_is_that_of_the_last_full_seconds() -> None:
    meter = Meter()
    total = 0
    for second in range(100, 130):
        meter.read(second, total)
        total += 7
        meter.read(second, total)
    assert meter.rate() == 7
    assert meter.seconds()[-30:] == (7,) * 30


def test_the_rate_survives_a_clock_that_is_set_back() -> None:
    meter = Meter()
    for second, total in ((1_000, 0), (1_010, 50), (400, 60), (401, 70)):
        meter.read(second, total)
        assert meter.rate() >= 0
    assert sum(meter.seconds()) == 70


def test_progress_counts_from_when_there_was_last_nothing_to_do() -> None:
    progress = Progress()
    assert progress.read(counts(ready=10, completed=500)) == (0, 10)
    assert progress.read(counts(ready=3, processing=1, completed=505, dead=1)) == (6, 10)
    assert progress.read(counts(completed=509, dead=1)) == (10, 10)
    assert progress.read(counts(ready=2, completed=509, dead=1)) == (0, 2)


# -- the display --------------------------------------------------------------------------


def test_what_ends_at_once_leaves_its_results_and_takes_no_screen() -> None:
    paper = Paper()
    live = LiveDisplay(paper, WorkerOptions(once=True))
    live.event(said(EventKind.WORKER_STARTED))
    live.event(completed(job(1), at=NOW + 20))
    live.tick(view(at=NOW + 20, started_at=NOW))
    live.event(said(EventKind.WORKER_STOPPED, at=NOW + 21))
    live.close()
    assert paper.frames == []
    assert "✓ job-0001" in paper.left[0]
    assert paper.left[1] == " Worker stopped after 21ms: 1 completed"


def test_a_worker_that_found_nothing_says_so() -> None:
    paper = Paper()
    live = LiveDisplay(paper, WorkerOptions(once=True))
    live.event(said(EventKind.WORKER_STARTED))
    live.close()
    assert paper.left == [" Worker stopped after 0s: no job was ready"]


def test_a_display_whose_worker_never_started_leaves_nothing() -> None:
    paper = Paper()
    LiveDisplay(paper, WorkerOptions()).close()
    assert paper.left == []


def test_an_idle_worker_is_drawn_once_a_second() -> None:
    paper = Paper()
    live = display(paper)
    for quarter in range(8):
        live.tick(view(at=NOW // 1000 * 1000 + quarter * 250))
    assert len(paper.frames) == 2


def test_a_flood_of_successes_does_not_wash_a_failure_away() -> None:
    paper = Paper()
    live = display(paper)
    live.event(failed(job(9_999)))
    for seq in range(3_000):
        live.event(completed(job(seq)))
    live.tick(view())
    assert "☠ job-9999" in paper.text()
    assert "✓ job-2999" in paper.text()


def test_a_warning_stands_in_the_header_for_a_while() -> None:
    paper = Paper()
    live = display(paper)
    live.event(said(EventKind.WARNING, "the store is busy"))
    live.tick(view())
    assert "the store is busy" in paper.frames[-1][0]
    live.tick(view(at=NOW + 60_000))
    assert "worker-1" in paper.frames[-1][0]


@pytest.mark.parametrize(
    ("grace", "stopping", "words"),
    [
        (None, "graceful", "Stopping: waiting for 1 running job · Ctrl-C: stop now"),
        (30.0, "graceful", "Stopping: waiting up to 28s for 1 running job · Ctrl-C: stop now"),
        (None, "now", "Stopping 1 running job now · Ctrl-C: kill at once"),
    ],
)
def test_the_footer_says_what_a_stop_waits_for(grace: float | None, stopping: str, words: str) -> None:
    paper = Paper()
    live = display(paper, grace=grace)
    live.event(said(EventKind.WORKER_STOPPING, at=NOW - 2_000))
    live.tick(view(stopping=stopping, running=running(job(1))))
    assert paper.frames[-1][-1] == f" {words}"


def test_sections_keep_their_place_while_jobs_come_and_go() -> None:
    paper = Paper()
    live = display(paper)
    waiting = (job(8, next_run_at=NOW + 9_000),)
    live.tick(view(retrying=waiting))
    live.tick(view(at=NOW + 1_000, running=running(job(1), job(2))))
    live.event(completed(job(1)))
    live.tick(view(at=NOW + 2_000, retrying=waiting, running=running(job(2), job(3))))
    titles = [[index for index, line in enumerate(frame) if line.startswith("─")] for frame in paper.frames]
    assert titles[0] == titles[1] == titles[2]


@given(happened=st.lists(views.events, max_size=30), seen=st.lists(views.views, max_size=3), width=st.integers(1, 120))
def test_whatever_happens_the_display_goes_on(happened: list[Event], seen: list[View], width: int) -> None:
    paper = Paper(width, 24)
    live = display(paper)
    for event in happened:
        live.event(event)
    for one in seen:
        live.tick(one)
    live.close()
    for line in [line for frame in paper.frames for line in frame] + paper.left:
        assert cell_len(line) <= width
        assert line.isprintable()


# -- a terminal ---------------------------------------------------------------------------


class Screen:
    """Both ends of a terminal, 40 columns and 12 lines."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 40, 0, 0))
        os.set_blocking(self._master, False)
        self.stream = os.fdopen(slave, "w", encoding="utf-8")

    def read(self) -> str:
        """Return what has been written since."""
        found = b""
        try:
            while piece := os.read(self._master, 65_536):
                found += piece
        except BlockingIOError:
            pass
        return found.decode()

    def close(self) -> None:
        self.stream.close()
        os.close(self._master)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen()
    yield screen
    screen.close()


#: Everything that a frame may send besides text: colours, lines, and the three of `terminal`.
_SENT = re.compile(
    r"\x1b\[[0-9;]*m|\x1b\[H|\x1b\[\?2026[hl]|\x1b\[\?25[hl]|\x1b\[\?1049[hl]|\x1b\[\?7[hl]|\x1b\[2J|\r\n"
)


def test_a_terminal_is_taken_drawn_on_and_given_back(screen: Screen) -> None:
    terminal = Terminal(screen.stream)
    assert terminal.size() == (40, 12)
    assert terminal.is_ready()
    terminal.draw(draw(Frame(view(), ()), *terminal.size()))
    taken = screen.read()
    assert taken.startswith("\x1b[?1049h\x1b[H\x1b[?25l\x1b[?7l\x1b[?2026h\x1b[H")
    assert taken.endswith("\x1b[H\x1b[?2026l")
    terminal.close()
    assert screen.read() == "\x1b[?7h\x1b[2J\x1b[?25h\x1b[?1049l"


@given(st.data())
def test_no_text_reaches_a_terminal_as_a_command(data: st.DataObject) -> None:
    one = data.draw(views.views)
    results = tuple(data.draw(st.lists(views.events, max_size=5)))
    screen = Screen()
    try:
        terminal = Terminal(screen.stream)
        terminal.draw(draw(Frame(one, one.running, results=results), *terminal.size()))
        terminal.close()
        assert _SENT.sub("", screen.read()).isprintable()
    finally:
        screen.close()


def test_a_terminal_that_takes_nothing_costs_frames_and_no_time(screen: Screen) -> None:
    terminal = Terminal(screen.stream)
    lines = draw(Frame(view(), ()), 40, 12)
    drawn = 0
    while terminal.is_ready():  # nobody reads: it would block for ever if it ever did
        terminal.draw(lines)
        drawn += 1
    assert drawn > 5
    screen.read()
    while not terminal.is_ready():
        screen.read()
    terminal.draw(lines)
    assert screen.read().endswith("\x1b[H\x1b[?2026l")


def test_a_terminal_that_is_gone_disturbs_nobody() -> None:
    screen = Screen()
    terminal = Terminal(screen.stream)
    terminal.draw(draw(Frame(view(), ()), 40, 12))
    os.close(screen._master)
    terminal.draw(draw(Frame(view(), ()), 40, 12))
    assert not terminal.is_ready()
    terminal.close()
    screen.stream.close()


def test_a_frame_is_text_and_never_markup() -> None:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    rows = running(job(1, command="[red]x[/red] :fire: [/foo]"))
    for line in draw(Frame(view(running=rows), rows), 80, 24):
        console.print(line)
    assert "[red]x[/red] :fire: [/foo]" in console.file.getvalue()  # type: ignore[attr-defined]
