"""What happened, told once: by the repository in pages of any size, and by `queuectl events` in every form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuectl import errors
from queuectl.model import Bury, Complete, Execution, JobSpec, Outcome, Retry
from queuectl.repository.base import EVERY, Filter, Settlement, WorkerIdentity
from queuectl.repository.telling import START, Deed, Step
from tests.engines import few, new_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from queuectl.model import Verdict
    from queuectl.repository.protocol import JobRepository
    from queuectl.repository.telling import Event
    from tests.engines import Engine
    from tests.integration.conftest import CommandLine

NOW = 1_800_000_000_000
WORKER = WorkerIdentity("w1", "host", "boot", "ns", 1, 1, 8, (), "p")
FIELDS = ["cursor", "at", "kind", "job", "from", "to", "attempt", "run", "worker", "reason", "exit_code", "queue"]


@pytest.fixture
def store(repository: JobRepository) -> JobRepository:
    repository.join(WORKER, now=NOW, ticks=1.0)
    return repository


def _enqueue(store: JobRepository, *ids: str, now: int = NOW) -> None:
    store.enqueue([JobSpec("true", id=name) for name in ids], now=now)


def _run(store: JobRepository, verdict: Verdict, *, slots: int = 1, now: int = NOW) -> None:
    """Claim what is ready and settle it all the same way."""
    leases = store.turn([], worker=1, slots=slots, now=now, lease_seconds=60).leases
    code = 0 if isinstance(verdict, Complete) else 1
    end = Execution(Outcome.EXITED, code, None, now, now, 0.1)
    store.turn(
        [Settlement(lease.job.seq, lease.token, end, verdict) for lease in leases],
        worker=1, slots=0, now=now, lease_seconds=60,
    )  # fmt: skip


def _words(events: list[Event]) -> list[str]:
    return [f"{event.job} {event.state}" if isinstance(event, Step) else event.verb for event in events]


def _all(store: JobRepository, after: str = START, *, size: int = 500) -> list[Event]:
    """Read to the end in pages of this size."""
    found: list[Event] = []
    while page := store.events(after, limit=size):
        assert len(page) <= size
        assert page[-1].cursor != after  # or this would have no end
        found += page
        after = page[-1].cursor
    return found


def test_a_job_is_told_from_its_enqueueing_to_its_end(store: JobRepository) -> None:
    _enqueue(store, "a")
    _run(store, Bury("exit code 1"), now=NOW + 5)
    steps = [event for event in store.events(START, limit=9) if isinstance(event, Step)]
    assert [(step.from_state, step.state, step.attempt, step.run, step.exit_code) for step in steps] == [
        (None, "pending", 0, 0, None),
        ("pending", "processing", 1, 1, None),
        ("processing", "failed", 1, 1, 1),
        ("failed", "dead", 1, 1, None),
    ]
    assert {(step.job, step.queue) for step in steps} == {("a", "default")}
    assert [step.worker for step in steps] == [None, "w1", "w1", "w1"]
    assert [step.at for step in steps] == [NOW, NOW + 5, NOW + 5, NOW + 5]


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["enqueue", "complete", "retry", "bury", "cancel", "revive", "prune", "read"]),
        st.integers(-5_000, 5_000),  # the clock may be set back
        st.integers(1, 7),
    ),
    max_size=30,
)


@pytest.mark.engines("sqlite")
@given(acts=_ACTS, size=st.integers(1, 6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whoever_reads_on_from_cursor_to_cursor_sees_every_step_once_and_in_its_order(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int, int]], size: int
) -> None:
    _read_on_from_cursor_to_cursor(engine, tmp_path_factory.mktemp("store"), acts, size)


@pytest.mark.engines("postgres")
@given(acts=_ACTS, size=st.integers(1, 6))
@settings(max_examples=few(), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whoever_reads_on_at_a_server_sees_every_step_once_and_in_its_order(
    engine: Engine, tmp_path: Path, acts: list[tuple[str, int, int]], size: int
) -> None:
    _read_on_from_cursor_to_cursor(engine, tmp_path, acts, size)


def _read_on_from_cursor_to_cursor(
    engine: Engine, directory: Path, acts: list[tuple[str, int, int]], size: int
) -> None:
    with new_store(engine, directory) as store:
        store.join(WORKER, now=NOW, ticks=1.0)
        seen: list[Event] = []
        for number, (act, moved, some) in enumerate(acts):
            _act(store, act, NOW + moved, some, number)
            if act == "read":
                seen += store.events(seen[-1].cursor if seen else START, limit=some)
        seen += _all(store, seen[-1].cursor if seen else START, size=size)
        _check(store, seen)
        assert not store.events(store.cursor(), limit=9)
        for limit in (1, size, 1000):
            last = store.last_events(limit=limit)
            assert len(last) == min(limit, len(_all(store)))
            assert not last or not store.events(last[-1].cursor, limit=9)


def _act(store: JobRepository, act: str, now: int, some: int, number: int) -> None:
    if act == "enqueue":
        _enqueue(store, *(f"j{number}-{one}" for one in range(some)), now=now)
    elif act in {"complete", "retry", "bury"}:
        verdicts: dict[str, Verdict] = {"complete": Complete(), "retry": Retry(now, "again"), "bury": Bury("no")}
        _run(store, verdicts[act], slots=some, now=now)
    elif act == "cancel":
        store.cancel(EVERY, now=now, grace=1.0, by="me@here")
    elif act == "revive":
        store.retry(Filter(), now=now, by="me@here")
    elif act == "prune":
        store.prune(EVERY, limit=some)


def _check(store: JobRepository, seen: list[Event]) -> None:
    """See that nothing is missing of what is still there, and that nothing was told twice."""
    assert len({event.cursor for event in seen}) == len(seen)
    steps = [event for event in seen if isinstance(event, Step)]
    for job in list(store.list().jobs):
        told = [(step.at, step.from_state, step.state, step.attempt) for step in steps if step.job == job.id]
        assert told == [(past.at, past.from_state, past.state, past.attempt) for past in store.history(job)]
    for job_id in {step.job for step in steps}:
        assert next(step for step in steps if step.job == job_id).from_state is None
    deeds = [event for event in seen if isinstance(event, Deed)]
    assert deeds == sorted(deeds, key=lambda deed: int(deed.cursor.rpartition(".")[2], 16))


def test_what_is_of_one_time_is_told_by_cause(store: JobRepository) -> None:
    _enqueue(store, "a", "b")
    _run(store, Complete())
    store.cancel(Filter(ids=("b",)), now=NOW, grace=1.0, by="me@here")
    assert _words(_all(store)) == [
        "a pending", "b pending", "a processing", "a completed", "b cancelled", "cancel",
    ]  # fmt: skip


def test_an_enqueueing_comes_first_even_if_the_clock_was_set_back(store: JobRepository) -> None:
    _enqueue(store, "late", now=NOW + 60_000)
    _run(store, Complete(), now=NOW + 60_000)
    _enqueue(store, "a", "b")
    _run(store, Complete(), slots=2, now=NOW)
    words = _words(_all(store))
    assert words.index("b pending") < words.index("b processing")
    assert sorted(words) == sorted(f"{name} {state}" for name in ("late", "a", "b") for state in
                                   ("pending", "processing", "completed"))  # fmt: skip


def test_the_steps_of_a_removed_job_are_gone_and_its_numbers_stay_taken(store: JobRepository) -> None:
    _enqueue(store, "a")
    _run(store, Complete())
    here = store.cursor()
    assert store.last_events(limit=1)[-1].cursor == here
    store.prune(EVERY, limit=1)
    assert not store.events(START, limit=9)
    assert store.cursor() == here
    _enqueue(store, "a")
    assert _words(_all(store, here)) == ["a pending"]


def test_one_job_is_told_alone_and_its_cursors_hold(store: JobRepository) -> None:
    _enqueue(store, "a", "b")
    _run(store, Complete(), slots=2)
    store.retry(Filter(ids=("b",), states=(store.get("b").state,)), now=NOW, by="me@here")
    b = store.get("b")
    whole = store.events(START, limit=9, job=b)
    assert _words(list(whole)) == ["b pending", "b processing", "b completed", "b pending"]
    for number, event in enumerate(whole):
        assert _words(list(store.events(event.cursor, limit=9, job=b))) == _words(list(whole[number + 1 :]))
    assert _words(list(store.last_events(limit=2, job=b))) == ["b completed", "b pending"]


def test_a_cursor_begins_a_new_store_too(store: JobRepository) -> None:
    here = store.cursor()
    assert not store.last_events(limit=5)
    _enqueue(store, "a")
    assert _words(_all(store, here)) == ["a pending"]


@pytest.mark.parametrize("cursor", ["", "x", "1.2", "1.2.3.4", "1.1.0\n", "99.0.0", "0.1.0", "0.0.1", "-1.0.0"])
def test_what_is_no_cursor_of_this_store_is_refused(store: JobRepository, cursor: str) -> None:
    _enqueue(store, "a")
    with pytest.raises(errors.InvalidInput, match="is no cursor of this store"):
        store.events(cursor, limit=1)


@pytest.mark.engines("sqlite")  # a server's other databases and our own commits cost a look in vain
def test_the_version_changes_with_what_others_commit_and_with_nothing_else(
    store: JobRepository, connect: Callable[[], JobRepository]
) -> None:
    before = store.version()
    store.counts(now=NOW)
    assert store.version() == before
    other = connect()
    other.list()
    assert store.version() == before
    _enqueue(other, "a")
    assert store.version() != before


# -- the command ------------------------------------------------------------------------------


def _story(run: CommandLine) -> None:
    run("enqueue", "--id", "good", "true")
    run.settle("completed")
    run("enqueue", "--id", "bad", "false")
    run.settle("dead")
    run("dlq", "retry", "bad")


def test_json_is_an_array_of_all_fields(run: CommandLine) -> None:
    _story(run)
    events = run.json("events")
    steps = [event for event in events if event["kind"] == "transition"]
    assert [list(step) for step in steps] == [FIELDS] * len(steps)
    assert [(step["job"], step["from"], step["to"]) for step in steps if step["job"] == "bad"] == [
        ("bad", None, "pending"),
        ("bad", "pending", "processing"),
        ("bad", "processing", "failed"),
        ("bad", "failed", "dead"),
        ("bad", "dead", "pending"),
    ]
    (deed,) = [event for event in events if event["kind"] == "action"]
    assert list(deed) == ["cursor", "at", "kind", "by", "verb", "what", "jobs"]
    assert (deed["verb"], deed["what"], deed["jobs"]) == ("retry", "bad", 1)
    assert all(event["at"].endswith("Z") for event in events)


def test_a_pipe_gets_the_same_with_tabs(run: CommandLine) -> None:
    _story(run)
    lines = [line.split("\t") for line in run("events").splitlines()]
    for line, event in zip(lines, run.json("events"), strict=True):
        assert len(line) == len(FIELDS)
        if event["kind"] == "action":
            assert line == [event["cursor"], event["at"], "action", *[""] * 5, event["by"], "retry bad (1)", "", ""]
        else:
            assert line == ["" if value is None else str(value) for value in event.values()]


def test_after_goes_on_behind_an_event(run: CommandLine) -> None:
    _story(run)
    events = run.json("events")
    for number, event in enumerate(events):
        assert run.json("events", "--after", event["cursor"]) == events[number + 1 :]
    assert run.json("events", "--after", "start") == events
    assert run.json("events", "--after", "start", "--limit", "2") == events[:2]


def test_without_after_the_last_ones_are_shown(run: CommandLine) -> None:
    run("enqueue", json.dumps([{"command": "true"}] * 1200))
    whole = run.json("events", "--limit", "0")
    assert len(whole) == 1200
    assert [event["cursor"] for event in run.json("events")] == [event["cursor"] for event in whole[-50:]]
    assert run.json("events", "-n", "3") == whole[-3:]


def test_an_empty_store_has_no_events(run: CommandLine) -> None:
    assert run.json("events") == []
    assert run("events") == ""
    run.on_terminal()
    assert run("events") == ""
    assert "No events." in run.said


def test_of_one_job(run: CommandLine) -> None:
    _story(run)
    assert {event["job"] for event in run.json("events", "--job", "go")} == {"good"}
    assert run.error("events", "--job", "nobody", code=3)[0] == "there is no job 'nobody'"


def test_a_cursor_of_elsewhere_is_a_usage_error(run: CommandLine) -> None:
    run("enqueue", "--id", "a", "true")
    for words in (("events",), ("events", "--follow")):
        message, hint = run.error(*words, "--after", "7.7.7", code=2)
        assert message == "'7.7.7' is no cursor of this store"
        assert "start" in str(hint)


def test_followed_it_is_json_lines(run: CommandLine) -> None:
    _story(run)
    events = run.json("events")
    told = run("events", "--follow", "--after", "start", "--limit", str(len(events)), "--json")
    assert [json.loads(line) for line in told.splitlines()] == events
    told = run("events", "-f", "--after", events[0]["cursor"], "--limit", "2")
    assert [line.split("\t")[0] for line in told.splitlines()] == [event["cursor"] for event in events[1:3]]


def test_a_follower_notices_that_the_store_was_deleted(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    run("enqueue", "--id", "a", "true")

    def delete(_seconds: float) -> None:
        run.database.unlink()

    monkeypatch.setattr("queuectl.cli.output.rest", delete)
    assert run("events", "--follow", "--json", code=6) == ""
    assert json.loads(run.said.splitlines()[-1])["error"]["code"] == "store_gone"


@pytest.mark.parametrize("width", [12, 40, 80, 200])
def test_on_a_terminal_each_event_is_a_line_that_fits(run: CommandLine, width: int) -> None:
    _story(run)
    run("enqueue", "--id", "[red]\N{SNOWMAN}:fire:", "--queue", "q", "true")
    run.on_terminal(width)
    lines = run("events").splitlines()
    assert len(lines) == len(run.json("events", "--limit", "0"))
    assert all(len(line) <= width for line in lines)
    if width >= 80:
        assert any("bad" in line and "dead" in line and "attempt 1" in line for line in lines)
        assert any(line.endswith("retry bad (1 job)") for line in lines)
        assert any("[red]\N{SNOWMAN}:fire:" in line for line in lines)
