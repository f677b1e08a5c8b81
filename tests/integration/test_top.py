"""The live screen: what a frame shows at any size, what keys make of it, and what it reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from queuectl.cli.cells import ASCII, UNICODE
from queuectl.cli.session import Session
from queuectl.cli.top import command, keys, reading
from queuectl.cli.top.deeds import do
from queuectl.cli.top.facts import (
    MEMORY,
    SPAN,
    Beats,
    Details,
    Facts,
    Found,
    Wanted,
    bars,
    readable,
    success,
    throughput,
)  # fmt: skip
from queuectl.cli.top.frame import frame, settled, still
from queuectl.cli.top.items import Pane
from queuectl.cli.top.press import press
from queuectl.cli.top.reading import Reader
from queuectl.cli.top.rows import short
from queuectl.cli.top.state import STANDS, Act, Page, State, Verb, at, wanted, with_facts, with_found
from queuectl.errors import StoreGone
from queuectl.model import JobState, Transition
from queuectl.repository import open_repository
from queuectl.repository.base import Worker, WorkerIdentity
from queuectl.repository.glancing import Beat, Ended, Pulse, QueueCounts
from queuectl.worker.logs import log_path
from tests import views
from tests.views import NOW, counts, job

if TYPE_CHECKING:
    from queuectl.model import Job
    from tests.integration.conftest import CommandLine


def worker(name: str = "worker-1", *jobs: Job, slots: int = 4, **more: Any) -> Worker:
    """Return a worker that runs these jobs."""
    identity = WorkerIdentity(name, "host", "boot", "ns", 42, 1, slots, more.pop("queues", ()), name)
    plain = Worker(1, identity, NOW - 65_000, NOW, 1.0, 60.0, "", tuple(one.id for one in jobs))
    return plain._replace(**more)


def ended(number: int, one: Job, state: JobState = JobState.COMPLETED, **more: Any) -> Ended:
    """Return that a run of a job ended so."""
    plain = Ended(number, one._replace(state=state), state, NOW - 1_000, 1, 0.3, None, 0)
    return plain._replace(**more)


def facts(**more: Any) -> Facts:
    """Return what is known of a busy store, changed as the test needs it."""
    running = (job(1, started_at=NOW - 12_000, command="sleep 60"), job(2, started_at=NOW - 3_000, timeout=60.0))
    plain = Facts(
        at=NOW,
        counts=counts(ready=1_204, scheduled=3, retrying=1, processing=2, completed=9_331, dead=14),
        workers=(worker("worker-1", *running),),
        running=running,
        lines={1: "resized 40 of 129"},
        queues=(QueueCounts("default", 1_204, 3, 1, 2), QueueCounts("mail", ready=7)),
        retrying=(job(7, state=JobState.PENDING, attempts=2, error="exit code 75", next_run_at=NOW + 2_500),),
        dead=(("connection to <ip> refused", 12), ("exit code 1", 2)),
        ended=(ended(9, job(4)), ended(8, job(5), JobState.DEAD, reason="exit code 1", exit_code=1)),
        beats=(Beat(NOW // SPAN * SPAN - SPAN, 9, 1), Beat(NOW // SPAN * SPAN, 10, 0)),
    )
    return plain._replace(**more)


def state(**more: Any) -> State:
    """Return a screen of that store."""
    known = more.pop("facts", facts())
    return with_facts(State(**{"store": "/srv/queue.db", "now": NOW, **more}), known, NOW)


def plain(one: State, width: int = 80, height: int = 24) -> list[str]:
    return [line.plain for line in frame(one, width, height)]


def pressed(one: State, *names: str) -> State:
    for name in names:
        one = press(one, name)
    return one


# -- what a frame shows -------------------------------------------------------------------


def test_the_header_says_where_how_many_and_how_well() -> None:
    first, second, third = plain(state())[:3]
    assert re.fullmatch(r" queuectl top  /srv/queue\.db +1 worker  \d\d:\d\d:\d\d ", first)
    assert second.startswith(" 1,204 ready  3 scheduled  1 retrying  2 running  9,331 completed  14 dead")
    assert re.fullmatch(r" ▁+██ 20/min  95 % of 20 runs succeeded ", third)


def test_a_worker_stands_over_what_it_runs_with_the_last_line_of_its_output() -> None:
    lines = plain(state())
    place = next(index for index, line in enumerate(lines) if line.startswith(" worker-1"))
    assert re.fullmatch(r" worker-1  ■■□□ 2/4 +up 1m 05s ", lines[place])
    assert re.fullmatch(r"▸. job-0001     12s 1/3  sleep 60 +resized 40 of 129 *", lines[place + 1])
    assert re.match(r" . job-0002      3s 1/3  echo 2", lines[place + 2])


def test_a_stopping_worker_and_the_queues_of_one_are_named() -> None:
    some = (worker("a", queues=("mail", "sms")), worker("b", stopping="graceful"))
    text = "\n".join(plain(state(facts=facts(workers=some, running=()))))
    assert re.search(r"a  □□□□ 0/4  only mail, sms", text)
    assert re.search(r"b  □□□□ 0/4  stopping", text)


def test_what_runs_without_its_worker_is_shown_too() -> None:
    text = "\n".join(plain(state(facts=facts(workers=()))))
    assert "worker-1  is gone; another worker takes over what it ran" in text
    assert "job-0001" in text


def test_queues_have_columns_and_a_paused_one_says_since_when() -> None:
    known = facts(paused={"mail": NOW - 180_000, "closed": NOW - 5_000})
    text = plain(state(facts=known), 100)
    title = next(line for line in text if "Queues" in line)
    assert re.search(r"Queues ─+ ready later retry   run ┬─ Dead 14 ─", title)
    assert any(re.match(r" ‖ mail  paused 3m 00s +7     0     0     0", line) for line in text)
    assert any(re.match(r" ‖ closed  paused 5s +0     0     0     0", line) for line in text)
    assert any(re.match(r"   default +1204     3     1     2", line) for line in text)


def test_where_there_is_little_room_a_pause_is_a_word_or_a_sign_and_never_half_a_word() -> None:
    known = facts(paused={"mail": NOW - 180_000, "thumbnails": NOW - 5_000})
    text = plain(state(facts=known), width=80)
    assert any(re.match(r" ‖ mail  paused +7 ", line) for line in text)
    assert any(re.match(r" ‖ thumbnails +0 ", line) for line in text)


def test_all_queues_paused_stands_in_the_header() -> None:
    assert "all queues paused" in plain(state(facts=facts(paused={"": NOW})))[0]


def test_retries_say_when_and_the_dead_of_what() -> None:
    text = "\n".join(plain(state()))
    assert re.search(r"↻ job-0007      3s 2/3  exit code 75  echo 7 +\d\d:\d\d:\d\d", text)
    assert re.search(r"12  connection to <ip> ref", text)


def test_ends_say_what_became_of_each_run() -> None:
    ends = (
        ended(9, job(1)),
        ended(8, job(2), JobState.FAILED, reason="exit code 75"),
        ended(7, job(3), JobState.DEAD, reason="killed by SIGKILL"),
        ended(6, job(4), JobState.CANCELLED, reason="cancelled by ada@here", seconds=None),
    )
    text = "\n".join(plain(state(facts=facts(ended=ends)), 80, 40))
    assert re.search(r" ✓ job-0001    0\.3s 1/3  echo 1 +\d\d:\d\d:\d\d", text)
    assert re.search(r" ✗ job-0002    0\.3s 1/3  exit code 75 → retry  echo 2", text)
    assert re.search(r" ☠ job-0003    0\.3s 1/3  killed by SIGKILL → dead  echo 3", text)
    assert re.search(r" ✗ job-0004         1/3  cancelled by ada@here  echo 4", text)


def test_a_wide_screen_has_two_columns_and_shows_what_the_selected_job_prints() -> None:
    one = settled(state(), 200, 50)
    assert wanted(one) == Wanted("job-0001", None)
    one = with_found(one, Found(Details(job(1), (), ("first", "second"))))
    text = plain(one, 200, 50)
    assert len(text) == 50
    assert re.match(r"▸ Running 2 of 4 ─+┬─ Queues ─+ ready later retry   run $", text[2])
    output = next(index for index, line in enumerate(text) if "├─ Output of job-0001 ─" in line)
    assert text[output + 1].split("│")[1].strip() == "first"


def test_an_empty_store_says_what_to_do() -> None:
    text = "\n".join(plain(state(facts=Facts(NOW, counts()))))
    assert "no worker is running: queuectl worker start" in text
    assert "queuectl enqueue 'COMMAND'" in text
    assert "no worker " in text.splitlines()[0]


def test_a_low_screen_shows_the_pane_that_has_the_focus() -> None:
    one = state()
    assert any("Running" in line for line in plain(one, 80, 6))
    for _ in range(4):
        one = press(one, keys.TAB)
    text = "\n".join(plain(one, 80, 6))
    assert "▸ Ended" in text
    assert "Running" not in text


@pytest.mark.parametrize("width", [30, 50, 80])
def test_of_a_long_path_the_end_is_shown(width: int) -> None:
    first = plain(state(store="/home/ada/" + "漢字/" * 20 + "queue.db"), width)[0]
    assert re.match(r" queuectl top  …[^ ]*queue\.db ", first) if width > 30 else cell_len(first) <= width


def test_where_there_is_no_unicode_all_is_ascii() -> None:
    one = state(glyphs=ASCII)
    found = Found(Details(job(1), (Transition(NOW, None, JobState.PENDING, 0, None, "enqueued", None),), ("x",)))
    for width in (60, 80, 200):
        assert all(line.isascii() for line in plain(one, width, 50))
        for page in Page:
            assert all(line.isascii() for line in plain(one._replace(page=page, found=found), width, 10))


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (99_999, "99999"), (100_000, "100k"), (1_234_567, "1.2M"), (45_600_000, "46M"), (2 * 10**9, "2.0G")],
)
def test_a_number_takes_five_cells(number: int, text: str) -> None:
    assert short(number) == text


# -- frames of anything -------------------------------------------------------------------

_numbers = st.integers(0, 10**7)
_instants = st.integers(NOW - 10**9, NOW + 10**9)
_states = st.sampled_from(JobState)
_codes = st.none() | st.integers(0, 255)
_attempts = st.integers(0, 99)
_maybe = st.none() | views.texts
_lines = views.texts.map(readable)
_steps = st.builds(Transition, _instants, st.none(), _states, _attempts, _maybe, _maybe, _codes)
_details = st.builds(Details, views.jobs, st.lists(_steps, max_size=4), st.lists(_lines, max_size=30))
_seconds = st.none() | st.floats(0, 1e7)
_ended = st.builds(Ended, _numbers, views.jobs, _states, _instants, _attempts, _seconds, _maybe, _codes)
_workers = st.builds(
    lambda name, jobs, slots, queues, how: worker(name, *jobs, slots=slots, queues=tuple(queues), stopping=how),
    views.texts,
    st.lists(views.jobs, max_size=3),
    st.integers(0, 90),
    st.lists(views.texts, max_size=2),
    st.sampled_from(["", "now"]),
)
_facts = st.builds(
    Facts,
    at=_instants,
    counts=views.views.map(lambda view: view.counts),
    workers=st.lists(_workers, max_size=3),
    running=st.lists(views.jobs, max_size=6),
    lines=st.dictionaries(st.integers(1, 100), _lines, max_size=6),
    queues=st.lists(st.builds(QueueCounts, views.texts, _numbers, _numbers, _numbers, _numbers), max_size=5),
    paused=st.dictionaries(views.texts, _instants, max_size=3),
    retrying=st.lists(views.jobs, max_size=9),
    dead=st.lists(st.tuples(views.texts, _numbers), max_size=9),
    ended=st.lists(_ended, max_size=30),
    beats=st.lists(st.builds(Beat, _instants, st.integers(0, 999), st.integers(0, 999)), max_size=9),
    since=st.integers(0, NOW),
)
_found = st.builds(Found, st.none() | _details, st.lists(views.jobs, max_size=4))
_keys = st.lists(st.sampled_from([*keys.NAMES, *"jkgGlcrpyn/?x漢"]), max_size=12)


_screens = st.tuples(st.integers(1, 220), st.integers(1, 60))


@given(st.builds(State, store=views.texts, now=st.just(NOW), glyphs=st.sampled_from([UNICODE, ASCII])),
       st.tuples(_facts, _facts), _found, _keys, _screens)  # fmt: skip
def test_every_frame_fits_its_screen_and_holds_no_control_characters(
    one: State, known: tuple[Facts, Facts], found: Found, presses: list[str], size: tuple[int, int]
) -> None:
    width, height = size
    one = with_found(with_facts(one, known[0], NOW), found)
    for key in ["", *presses]:
        one = settled(press(one, key), width, height)
    one = settled(with_facts(one, known[1], NOW + 500), width, height)
    lines = frame(one, width, height)
    assert len(lines) == height
    for line in lines:
        assert line.cell_len <= width
        assert line.plain.isprintable()
    for line in still(one, width):
        assert line.cell_len <= width
        assert line.plain.isprintable()


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (120, 30), (76, 24), (60, 20), (40, 12), (20, 5), (10, 3)])
def test_a_full_store_fits_common_screens(size: tuple[int, int]) -> None:
    many = [job(seq, id="漢字" * 9, command="🚀 " * 99, started_at=NOW) for seq in range(1, 99)]
    known = facts(
        workers=(worker("w" * 99, *many, slots=98),),
        running=many,
        lines=dict.fromkeys(range(99), "文書を読む" * 40),
        queues=[QueueCounts(f"queue-{number}" * 9, 10**9, 10**9, 10**9, 10**9) for number in range(30)],
        retrying=many,
        ended=[ended(one.seq, one, JobState.DEAD, reason="因" * 99) for one in many],
        dead=[("因" * 99, 10**9)] * 30,
    )
    for page in Page:
        lines = frame(state(facts=known)._replace(page=page), *size)
        assert len(lines) == size[1]
        assert all(line.cell_len <= size[0] for line in lines)


def test_text_of_jobs_is_never_interpreted() -> None:
    evil = job(1, command="[red]x[/red] :fire: \x1b[2J", started_at=NOW)
    text = "\n".join(plain(state(facts=facts(running=(evil,), lines={}, workers=(worker("w", evil),))), 120, 40))
    assert r"[red]x[/red] :fire: \x1b[2J" in text


# -- readable output ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("\x1b[32mgreen\x1b[0m", "green"),
        ("10 %\r20 %\r30 %", "30 %"),
        ("done\r", "done"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\tb", "a       b"),
        ("\x1b(Bplain", "plain"),
    ],
)
def test_of_a_line_that_is_left_which_a_terminal_would_show(line: str, seen: str) -> None:
    assert readable(line) == seen


# -- numbers of the last minutes ----------------------------------------------------------


def test_beats_add_up_and_are_forgotten_after_ten_minutes() -> None:
    beats = Beats()
    beats.add(Pulse(10, None, [Beat(0, 1, 0)]))
    beats.add(Pulse(12, None, [Beat(0, 1, 1), Beat(SPAN, 3, 0)]))
    assert beats.all() == [Beat(0, 2, 1), Beat(SPAN, 3, 0)]
    assert beats.last == 12
    for number in range(2, 1_000):
        beats.add(Pulse(12 + number, None, [Beat(number * SPAN, 1, 0)]))
    assert len(beats.all()) <= MEMORY // SPAN + 1


def test_the_throughput_is_that_of_the_last_minute_or_made_of_what_is_known() -> None:
    present = NOW // SPAN * SPAN
    known = facts(beats=[Beat(present - 11 * SPAN, 5, 0), Beat(present - 12 * SPAN, 99, 0), Beat(present, 1, 0)])
    assert throughput(known, present) == 6
    assert throughput(known._replace(since=present - 30_000), present) == 12
    assert success([Beat(present - MEMORY, 7, 7), Beat(present, 3, 1)], present) == (3, 4)
    assert bars(known.beats, present, 3) == [0, 0, 1]


# -- keys ---------------------------------------------------------------------------------


def selected(one: State) -> str:
    item = one.item()
    return item.key if item else ""


def test_arrows_move_between_jobs_and_pass_over_headings() -> None:
    one = state()
    assert selected(one) == "job 1"
    assert selected(pressed(one, keys.DOWN)) == "job 2"
    assert selected(pressed(one, "j", "j", "j")) == "job 2"
    assert selected(pressed(one, "G", keys.UP)) == "job 1"


def test_tab_visits_every_pane_and_comes_back() -> None:
    one, seen = state(), []
    for _ in Pane:
        seen.append(one.focus)
        one = press(one, keys.TAB)
    assert seen == list(Pane)
    assert one.focus is Pane.RUNNING
    assert press(one, keys.BACK_TAB).focus is Pane.ENDED


def test_the_cursor_stays_on_its_job_and_then_in_its_place() -> None:
    one = pressed(state(), "j")
    three = (job(0, id="first", started_at=NOW), *facts().running)
    moved = with_facts(one, facts(running=three, workers=(worker("w", *three),)), NOW)
    assert selected(moved) == "job 2"
    gone = (*three[:2], job(9, started_at=NOW))
    assert selected(with_facts(moved, facts(running=gone, workers=(worker("w", *gone),)), NOW)) == "job 9"


def test_what_has_just_ended_is_seen_unless_somebody_looks_for_an_old_one() -> None:
    newer = facts(ended=(ended(10, job(6)), *facts().ended))
    one = with_facts(state(), newer, NOW)
    assert one.cursors[Pane.ENDED].key == "end 10"
    looking = pressed(state(), keys.BACK_TAB)
    assert with_facts(looking, newer, NOW).cursors[Pane.ENDED].key == "end 9"


def test_cancelling_asks_and_names_the_job() -> None:
    asking = pressed(state(), "c")
    assert asking.act is None
    assert plain(asking)[-1].startswith(" Cancel job 'job-0001', which is running?")
    assert plain(asking)[-1].endswith("[y/N] ")
    assert pressed(asking, "y").act == Act(Verb.CANCEL, "job-0001", JobState.PROCESSING)
    for other in ("n", keys.ENTER, keys.ESCAPE, "q", "c"):
        answered = pressed(asking, other)
        assert answered.act is None
        assert "nothing was changed" in plain(answered)[-1]


def test_a_question_is_about_the_job_it_named_whatever_happens_meanwhile() -> None:
    asking = pressed(state(), "c")
    others = (job(8, started_at=NOW),)
    moved = with_facts(asking, facts(running=others, workers=(worker("w", *others),)), NOW + 1_000)
    act = pressed(moved, "y").act
    assert act is not None
    assert act.target == "job-0001"


def test_only_what_has_ended_can_be_retried_and_only_what_has_not_cancelled() -> None:
    assert "only ended jobs" in plain(pressed(state(), "r"))[-1]
    one = pressed(state(), keys.BACK_TAB)
    assert pressed(one, "r", "y").act == Act(Verb.RETRY, "job-0004", JobState.COMPLETED)
    assert "nothing to cancel" in plain(pressed(one, "c"))[-1]
    assert pressed(one, "j", "r", "y").act == Act(Verb.RETRY, "job-0005", JobState.DEAD)


def test_a_group_of_the_dead_is_retried_as_a_whole_and_opened_job_by_job() -> None:
    one = pressed(state(), keys.TAB, keys.TAB)
    asking = pressed(one, "r")
    assert "Retry 12 dead jobs of 'connection to <ip> refused'?" in plain(asking)[-1]
    assert pressed(asking, "y").act == Act(Verb.RETRY_GROUP, "connection to <ip> refused", JobState.DEAD, 12)
    opened = pressed(one, keys.ENTER)
    assert wanted(opened) == Wanted(None, "connection to <ip> refused")
    fallen = job(31, state=JobState.DEAD, signature="connection to <ip> refused", finished_at=NOW - 5_000)
    shown = with_found(opened, Found(None, (fallen,)))
    assert "job-0031" in "\n".join(plain(shown))
    assert selected(pressed(shown, "j")) == "job 31"
    assert "job-0031" not in "\n".join(plain(pressed(shown, keys.ENTER)))


def test_p_pauses_the_queue_of_what_is_selected_and_lets_a_paused_one_go_on() -> None:
    assert pressed(state(), "p").act == Act(Verb.PAUSE, "default")
    one = pressed(state(facts=facts(paused={"mail": NOW})), keys.TAB)
    assert pressed(one, "p").act == Act(Verb.RESUME, "mail")
    assert pressed(one, "j", "p").act == Act(Verb.PAUSE, "default")
    assert "resume --all" in plain(pressed(state(facts=facts(paused={"": NOW})), "p"))[-1]
    assert "select a queue" in plain(pressed(one, keys.TAB, "p"))[-1]


def test_a_filter_leaves_only_what_contains_it_and_escape_drops_it() -> None:
    typing = pressed(state(), "/", *"connexion")
    assert " /connexion_" in plain(typing)[-1]
    one = pressed(typing, keys.CLEAR, *"REFUSEDx", keys.BACKSPACE, keys.ENTER)
    assert one.focus is Pane.DEAD  # where something was found
    text = "\n".join(plain(one))
    assert "connection to <ip>" in text
    assert "job-0001" not in text
    assert " /REFUSED " in plain(one)[-1]
    assert "job-0001" in "\n".join(plain(pressed(one, keys.ESCAPE)))
    assert pressed(typing, keys.ESCAPE).filter == ""
    assert pressed(typing, "q").act is None  # it is a letter of the filter


def test_q_quits_from_every_page() -> None:
    for way in ((), (keys.ENTER,), ("l",), ("?",)):
        assert pressed(state(), *way, "q").act == Act(Verb.QUIT)


def test_details_show_the_job_its_history_and_the_end_of_its_output() -> None:
    one = pressed(state(), keys.ENTER)
    assert wanted(one).job_id == "job-0001"
    assert "sleep 60" in "\n".join(plain(one))  # what is known at once
    history = (
        Transition(NOW - 60_000, None, JobState.PENDING, 0, None, "enqueued", None),
        Transition(NOW - 12_000, JobState.PENDING, JobState.PROCESSING, 1, "worker-1", "claimed", None),
    )
    shown = with_found(one, Found(Details(facts().running[0], history, tuple(f"line {n}" for n in range(300)))))
    text = plain(shown)
    assert re.search(r"─ Job job-0001 ─", text[3])
    assert re.search(r"state +→ processing  for 12s", text[4])
    assert any(re.search(r"→ processing +attempt 1 by worker-1", line) for line in text)
    assert text[-2].strip() == "line 299"
    assert "[y/N]" in plain(pressed(shown, "c"))[-1]
    assert pressed(shown, keys.ESCAPE).page is Page.PANES


def test_a_log_is_followed_at_its_end_and_can_be_read_backwards() -> None:
    output = tuple(f"line {number}" for number in range(300))
    one = with_found(pressed(state(), "l"), Found(Details(job(1), (), output)))
    assert plain(one)[-2].strip() == "line 299"
    back = settled(pressed(one, keys.UP, keys.UP), 80, 24)
    assert plain(back)[-2].strip() == "line 297"
    first = settled(pressed(one, "g"), 80, 24)
    assert plain(first)[4].strip() == "line 0"
    assert plain(settled(pressed(first, keys.DOWN), 80, 24))[4].strip() == "line 1"
    assert plain(settled(pressed(first, "G"), 80, 24))[-2].strip() == "line 299"


def test_a_job_that_was_removed_says_so() -> None:
    one = with_found(pressed(state(), keys.ENTER), Found())
    assert "this job is not there any more" in "\n".join(plain(one))
    assert "select a job first" in plain(pressed(one, "c"))[-1]


def test_the_help_lists_the_keys_and_does_nothing_else() -> None:
    one = pressed(state(), "?")
    assert "cancel the job; asks" in "\n".join(plain(one))
    assert pressed(one, "c").asking is None
    assert pressed(one, "?").page is Page.PANES


def test_a_message_stands_for_a_while() -> None:
    one = pressed(state(), "c", "n")
    assert at(one, NOW + STANDS - 1).message
    assert not at(one, NOW + STANDS).message


def test_the_panes_keep_their_place_while_jobs_come_and_go() -> None:
    one = state()
    before = [index for index, line in enumerate(plain(one)) if "─" in line]
    one = with_facts(one, facts(running=(), workers=(worker(),), retrying=(), dead=()), NOW + 1_000)
    assert [index for index, line in enumerate(plain(one)) if "─" in line] == before


# -- reading ------------------------------------------------------------------------------


def test_the_store_is_read_when_it_has_changed(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "now", lambda: NOW)  # it is always the same second
    monkeypatch.setattr(reading, "_REST", 0)
    monkeypatch.setattr(reading, "_STALE", 10**9)
    run("enqueue", "true")
    repository = open_repository(str(run.database))
    try:
        reader = Reader(repository)
        first = reader.read()
        assert first.counts.ready == 1
        assert reader.read() is first
        run("enqueue", "true")
        assert reader.read().counts.ready == 2
    finally:
        repository.close()


def test_a_store_that_was_replaced_ends_the_screen(run: CommandLine) -> None:
    run("enqueue", "true")
    repository = open_repository(str(run.database))
    try:
        reader = Reader(repository)
        run.database.unlink()
        with pytest.raises(StoreGone, match="deleted or replaced"):
            reader.read()
    finally:
        repository.close()


def test_details_hold_the_history_and_the_readable_end_of_the_log(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "true")
    run.settle("completed")
    one = run.job("a")
    repository = open_repository(str(run.database))
    try:
        path = log_path(repository.directory, one.seq, one.runs)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"first\n\x1b[31m10 %\r20 %\x1b[0m\n")
        found = Reader(repository).find(Wanted("a", None))
        assert found.details is not None
        assert [step.state for step in found.details.history] == ["pending", "processing", "completed"]
        assert found.details.output == ("first", "20 %")
        assert Reader(repository).find(Wanted("nobody", "nothing")) == Found(None, [])
    finally:
        repository.close()


# -- deeds --------------------------------------------------------------------------------


@pytest.fixture
def session(run: CommandLine) -> Session:
    one = Session()
    one.db = str(run.database)
    return one


def test_deeds_are_done_in_the_name_of_whoever_sits_there(run: CommandLine, session: Session) -> None:
    run("enqueue", "--id", "a", "true")
    assert do(session, Act(Verb.CANCEL, "a", JobState.PENDING)) == ("cancelled job 'a'", False)
    assert run.job("a").state == "cancelled"
    assert f"cancelled by {session.by}" in run("show", "a")
    assert do(session, Act(Verb.RETRY, "a", JobState.CANCELLED)) == ("job 'a' is ready to run again", False)
    assert f"retried by {session.by}" in run("show", "a")
    words, is_bad = do(session, Act(Verb.RETRY, "a", JobState.CANCELLED))
    assert is_bad
    assert "is pending" in words
    assert do(session, Act(Verb.CANCEL, "nobody"))[1]
    session.close()


def test_a_running_job_is_stopped_by_its_worker(run: CommandLine, session: Session) -> None:
    run("enqueue", "--id", "a", "true")
    run.settle("processing")
    assert do(session, Act(Verb.CANCEL, "a", JobState.PROCESSING)) == ("stopping job 'a'", False)
    session.close()


def test_all_that_died_of_the_same_are_retried_together(run: CommandLine, session: Session) -> None:
    run("enqueue", "true")
    run("enqueue", "true")
    run.settle("dead")
    (signature,) = {one.signature or "" for one in run.jobs()}
    words = do(session, Act(Verb.RETRY_GROUP, signature, JobState.DEAD, 2))
    assert words == ("2 jobs are ready to run again", False)
    assert {one.state for one in run.jobs()} == {"pending"}
    session.close()


def test_a_queue_is_paused_and_goes_on(run: CommandLine, session: Session) -> None:
    run("enqueue", "true")
    assert do(session, Act(Verb.PAUSE, "default")) == ("queue 'default' is paused", False)
    assert [one.queue for one in session.repository.paused()] == ["default"]
    assert do(session, Act(Verb.RESUME, "default")) == ("queue 'default' goes on", False)
    assert not session.repository.paused()
    session.close()


# -- the command --------------------------------------------------------------------------


def test_without_a_terminal_it_names_what_works_without_one(run: CommandLine) -> None:
    assert run("top", code=2) == ""
    message, hint = run.said.splitlines()[-2:]
    assert "needs a terminal" in message
    assert "status --watch" in hint
    assert "status --json" in hint
    assert "top --once" in hint


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_can_only_print_lines_is_refused(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    run.on_terminal()
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(command, "_has_keyboard", lambda: True)
    assert run("top", code=2) == ""
    assert "cannot show a screen" in run.said


def test_once_prints_a_frame_as_lines(run: CommandLine) -> None:
    run("enqueue", "--id", "bad", "false")
    run.settle("dead")
    run("enqueue", "--id", "later", "--delay", "2h", "true")
    text = run("top", "--once")
    assert re.match(r" queuectl top  .*queue\.db +no worker  \d\d:\d\d:\d\d\n", text)
    assert " 0 ready  1 scheduled  0 retrying  0 running  0 completed  1 dead" in text
    assert re.search(r"─ Dead 1 ─", text)
    assert re.search(r" ☠ bad .* exit code 1 → dead  false", text)
    assert "\x1b" not in text
    assert max(map(cell_len, text.splitlines())) <= 80
    assert "q quit" not in text


def test_once_on_a_narrow_terminal_is_narrow(run: CommandLine) -> None:
    run("enqueue", "true")
    run.on_terminal(width=40)
    assert max(map(cell_len, run("top", "--once").splitlines())) <= 40


def test_json_is_one_document(run: CommandLine) -> None:
    run("enqueue", "--id", "bad", "-Q", "mail", "false")
    run.settle("dead")
    run("enqueue", "--id", "next", "true")
    shown = run.json("top")
    assert shown["jobs"]["dead"] == 1
    assert shown["pending"] == {"ready": 1, "scheduled": 0, "retrying": 0}
    assert shown["queues"] == [
        {"name": "default", "ready": 1, "scheduled": 0, "retrying": 0, "processing": 0, "paused_since": None}
    ]
    assert [one["jobs"] for one in shown["dead"]] == [1]
    assert [(one["id"], one["state"], one["reason"]) for one in shown["ended"]] == [("bad", "dead", "exit code 1")]
    assert shown["workers"] == []
    numbers = ["at", "db", "jobs", "pending", "runs_per_minute", "success_rate"]
    assert list(shown) == [*numbers, "workers", "queues", "retries", "dead", "ended"]
