"""The worker's lines for pipes: their form, and what happens if nobody takes them."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from queuectl.cli import outlet
from queuectl.cli.lines import Lines, json_line, quote, text_line
from queuectl.model import Bury
from queuectl.worker.events import EventKind
from tests import views
from tests.views import NOW, completed, failed, job, said, view

if TYPE_CHECKING:
    from pathlib import Path

    from queuectl.worker.events import Event

WARNING = said(EventKind.WARNING, "the store is busy")


# -- their form ---------------------------------------------------------------------------

SOON = "2026-11-24T13:30:08.123Z"

FORMS = [
    (
        said(EventKind.WORKER_STARTED, "4 slots"),
        'worker_started worker=worker-1 message="4 slots"',
    ),
    (
        completed(job(7))._replace(kind=EventKind.JOB_STARTED, execution=None, verdict=None),
        'started job=job-0007 attempt=1/3 queue=default command="echo 7"',
    ),
    (
        completed(job(7)),
        "completed job=job-0007 attempt=1/3 exit=0 duration=0.300s",
    ),
    (
        failed(job(7), again_at=NOW + 3_000),
        f'retrying job=job-0007 attempt=1/3 exit=1 duration=0.300s error="exit code 1" next_run_at={SOON}',
    ),
    (
        failed(job(7, attempts=3)),
        'dead job=job-0007 attempt=3/3 exit=1 duration=0.300s error="exit code 1"',
    ),
    (  # more than the error says
        failed(job(7))._replace(kind=EventKind.JOB_DEAD, verdict=Bury("exit code 1; in vain")),
        'dead job=job-0007 attempt=1/3 exit=1 duration=0.300s error="exit code 1" reason="exit code 1; in vain"',
    ),
]


@pytest.mark.parametrize(("event", "words"), FORMS, ids=[event.kind for event, _ in FORMS])
def test_a_text_line_is_a_time_an_event_and_pairs(event: Event, words: str) -> None:
    assert text_line(event) == f"2026-11-24T13:30:05.123Z {words}\n"


def test_a_json_line_says_the_same_in_the_words_of_the_contract() -> None:
    assert json.loads(json_line(failed(job(7), again_at=NOW + 3_000))) == {
        "time": "2026-11-24T13:30:05.123Z",
        "event": "retrying",
        "worker": "worker-1",
        "job": "job-0007",
        "queue": "default",
        "attempt": 1,
        "max_retries": 3,
        "exit_code": 1,
        "duration_seconds": 0.3,
        "outcome": "exited",
        "error": "exit code 1",
        "state": "pending",
        "next_run_at": SOON,
    }


def test_a_result_that_was_refused_claims_no_state() -> None:
    event = completed(job(7))._replace(kind=EventKind.LEASE_LOST)
    assert "state" not in json.loads(json_line(event))


def test_a_long_command_is_cut_in_text_and_whole_in_json() -> None:
    event = completed(job(7, command="x" * 1_000_000))._replace(kind=EventKind.JOB_STARTED)
    assert len(text_line(event)) < 400
    assert json.loads(json_line(event))["command"] == "x" * 1_000_000


@given(views.events)
def test_a_line_is_one_line_without_control_characters(event: Event) -> None:
    for line in (text_line(event), json_line(event)):
        assert line.endswith("\n")
        assert line[:-1].isprintable()
    assert isinstance(json.loads(json_line(event)), dict)


@given(views.texts)
def test_a_value_can_be_told_from_the_next_one(text: str) -> None:
    value = quote(text)
    assert re.fullmatch(r'[^\s"=]+|"([^"\\]|\\.)*"', value)


def test_quiet_lines_are_only_of_what_a_person_should_look_at() -> None:
    stream = io.StringIO()
    lines = Lines(stream, quiet=True)
    for event in (completed(job(1)), failed(job(2), again_at=NOW), failed(job(3)), WARNING):
        lines.event(event)
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["dead", "warning"]


# -- who takes them -----------------------------------------------------------------------


def is_behind(lines: Lines) -> bool:
    """Say whether lines wait for their reader."""
    return lines.interval is not None


@pytest.fixture
def pipe() -> tuple[int, io.TextIOWrapper]:
    reader, writer = os.pipe()
    return reader, os.fdopen(writer, "w", encoding="utf-8")


def test_each_line_is_there_at_once(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reader, stream = pipe
    lines = Lines(stream)
    for event in (completed(job(1)), completed(job(2))):
        lines.event(event)
        assert os.read(reader, 65_536).decode() == text_line(event)
    lines.close()
    os.close(reader)
    stream.close()


def test_a_pipe_that_nobody_reads_any_more_is_left_alone(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reader, stream = pipe
    lines = Lines(stream)
    os.close(reader)
    for _ in range(3):
        lines.event(completed(job(1)))
        assert not is_behind(lines)
    lines.close()
    stream.close()


def test_a_reader_who_stops_costs_lines_and_no_time(
    pipe: tuple[int, io.TextIOWrapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "BACKLOG", 100_000)
    reader, stream = pipe
    lines = Lines(stream)
    for seq in range(10_000):  # it would block for ever if it ever did
        lines.event(completed(job(seq)))
    assert is_behind(lines)
    text = b""
    while is_behind(lines):
        text += os.read(reader, 65_536)
        lines.tick(view())
    lines.event(completed(job(10_000)))
    lines.close()
    stream.close()
    with os.fdopen(reader, "rb") as rest:
        text += rest.read()
    words = text.decode().splitlines()
    kept = [re.search(r" job=(\S+)", line) for line in words]
    (gap,) = (index for index, found in enumerate(kept) if not found)
    lost = int(re.findall(r'message="(\d+) lines are missing here', words[gap])[0])
    assert len(words) - 1 + lost == 10_001
    assert [found[1] for found in kept[:gap] if found] == [f"job-{seq:04d}" for seq in range(gap)]
    assert words[-1].split()[2] == "job=job-10000"


def test_a_reader_who_is_slow_gets_all_of_it_at_the_end(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reader, stream = pipe
    waits = "import sys, time; sys.stdin.read(1); time.sleep(0.2); print(1 + len(sys.stdin.read()))"
    with subprocess.Popen([sys.executable, "-c", waits], stdin=reader, stdout=subprocess.PIPE, text=True) as slow:
        os.close(reader)
        lines = Lines(stream)
        for seq in range(5_000):
            lines.event(completed(job(seq)))
        lines.close()
        stream.close()
        out, _ = slow.communicate(timeout=30)
    assert int(out) == sum(len(text_line(completed(job(seq)))) for seq in range(5_000))


def test_a_socket_does_not_block_either() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, os.fdopen(os.dup(ours.fileno()), "w", encoding="utf-8") as stream:
        lines = Lines(stream)
        for seq in range(20_000):
            lines.event(completed(job(seq)))
        assert is_behind(lines)
        assert theirs.recv(100).startswith(b"2026-11-24T13:30:05.123Z completed job=job-0000")
        theirs.close()
        lines.tick(view())
        assert not is_behind(lines)


def test_a_file_is_appended_to_where_its_shell_left_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    with path.open("a") as stream:
        lines = Lines(stream)
        lines.event(completed(job(1)))
        lines.close()
        stream.write("after\n")
    assert path.read_text() == f"before\n{text_line(completed(job(1)))}after\n"


def test_a_full_disk_keeps_lines_waiting_and_ends_nothing() -> None:
    with open("/dev/full", "w", encoding="utf-8") as stream:  # noqa: PTH123 - a device
        lines = Lines(stream)
        lines.event(completed(job(1)))
        assert is_behind(lines)
        lines.tick(view())
        lines.close()


def test_lines_that_a_full_disk_did_not_take_come_when_it_has_room(tmp_path: Path) -> None:
    path = tmp_path / "log"
    first, second = text_line(completed(job(1))), text_line(completed(job(2)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with path.open("w") as stream:
        lines = Lines(stream)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(first) + 10, before[1]))
            lines.event(completed(job(1)))
            lines.event(completed(job(2)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        assert path.read_text() == first + second[:10]
        lines.tick(view())
        lines.close()
    assert path.read_text() == first + second


def test_a_standard_output_that_was_closed_takes_nothing() -> None:
    lines = Lines(None)
    lines.event(completed(job(1)))
    lines.close()


def test_an_encoding_without_a_letter_gets_its_number() -> None:
    raw = io.BytesIO()
    lines = Lines(io.TextIOWrapper(raw, encoding="latin-1", write_through=True))
    lines.event(said(EventKind.WARNING, "漢é"))
    assert raw.getvalue().endswith(b'message="\\u6f22\xe9"\n')


def test_a_worker_in_a_pipe_does_not_import_rich(tmp_path: Path) -> None:
    code = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_module('queuectl', run_name='__main__')"
    command = [sys.executable, "-X", "importtime", "-c", code, "queuectl", "worker", "start", "--once"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert "worker_stopped" in done.stdout
    assert "queuectl.cli.lines" in done.stderr, shlex.join(command)
    assert not re.search(r"\| +rich\b", done.stderr)
