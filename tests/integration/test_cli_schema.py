"""The schemas that `queuectl schema` prints hold what the program takes, shows and says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from queuectl import errors
from queuectl.cli import shapes
from queuectl.cli.jobjson import job_object
from queuectl.errors import InvalidInput
from queuectl.model import NO_POLICY, Job, JobState
from queuectl.spec import every_field, parse_spec
from tests.strategies import json_values, spec_objects

if TYPE_CHECKING:
    from tests.integration.conftest import CommandLine

NOW = 1_795_526_285_120
FIELDS = every_field()
JOB = Draft202012Validator(shapes.job())
ALL = {"job": shapes.job, "shown": shapes.shown, "event": shapes.event, "error": shapes.error}
TAKEN = [(field, example) for field in FIELDS for example in shapes.SPEC[field]["examples"]]

#: What neither the schema nor `enqueue` takes, of every field.
REFUSED: dict[str, list[object]] = {
    "command": ["", " \n", "a\0b", 5],
    "id": ["", "a/b", "a\nb", "x" * 256, 7],
    "max_retries": [-1, 1.5, "3", 1_000_001, True],
    "backoff_base": [-0.5, "3", 1_000_001],
    "priority": [2**31, "high", 0.5],
    "run_at": ["soon", "18:00", "2026-11-24T13:18:05", 5],
    "delay": [-1, "soon", "1x", "", "5m2h", []],
    "timeout": [0, -1, "soon"],
    "queue": ["", "a b", "a,b", "a/b", "-a", "x" * 101],
    "cwd": ["", "a\0", 5],
    "env": [[], {"A": 5}, {"": "x"}, {"A=B": "x"}, "A=B"],
    "tags": ["nightly", ["a b"], ["a,b"], [""], [5]],
    "unique_key": ["", "a\nb", 5],
    "depends_on": [[], ["a"], None],
    "success_codes": ["x", ["x"], [-1], [256]],
    "retry_on": ["75", "", -1, [-1], [None]],
    "give_up_on": ["75", "", -1, [-1], [None]],
    "backoff_max": [-1, "soon"],
    "backoff_jitter": [-0.1, 1.1, "much"],
    "retry_for": [0, -1, "soon"],
}


def _is_taken(spec: object) -> bool:
    try:
        parse_spec(spec, now=NOW)
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("what", ALL)
def test_each_schema_is_one(run: CommandLine, what: str) -> None:
    printed = run("schema", what)
    assert json.loads(printed) == run.json("schema", what) == ALL[what]()
    Draft202012Validator.check_schema(ALL[what]())
    assert not run.database.exists()


def test_of_something_else_there_is_none(run: CommandLine) -> None:
    run.error("schema", "worker", code=2)


def test_every_field_of_a_specification_has_a_shape_examples_and_what_is_refused() -> None:
    assert shapes.SPEC.keys() == REFUSED.keys() == set(FIELDS)
    assert list(shapes.job()["properties"]) == list(FIELDS)
    for field in set(FIELDS) - {"depends_on"}:
        assert shapes.SPEC[field]["examples"]
        assert shapes.SPEC[field]["description"].endswith(".")


@pytest.mark.parametrize(("field", "value"), TAKEN, ids=[f"{field}-{value}" for field, value in TAKEN])
def test_an_example_is_taken(field: str, value: object) -> None:
    spec = {"command": "true", field: value}
    JOB.validate(spec)
    assert _is_taken(spec)


@pytest.mark.parametrize("field", FIELDS)
def test_what_the_schema_refuses_enqueue_refuses_too(field: str) -> None:
    for value in (*REFUSED[field], None):
        spec = {"command": "true", field: value}
        assert not JOB.is_valid(spec), value
        assert not _is_taken(spec), value


@pytest.mark.parametrize(
    "spec",
    [{}, [], "true", {"id": "a"}, {"command": "true", "comand": "x"},
     {"command": "true", "delay": 1, "run_at": "2026-12-24T18:00:00Z"}],
    ids=str,
)  # fmt: skip
def test_a_specification_as_a_whole_may_be_refused(spec: object) -> None:
    assert not JOB.is_valid(spec)
    assert not _is_taken(spec)


@given(spec_objects)
def test_whatever_enqueue_takes_fits_the_schema(spec: dict[str, Any]) -> None:
    assert _is_taken(spec)
    JOB.validate(spec)


@given(st.sampled_from(sorted(FIELDS)), json_values | st.from_regex(r"\A[0-9a-z. ]{0,9}\Z"))
def test_no_value_of_any_field_is_taken_that_does_not_fit(field: str, value: object) -> None:
    spec = {"command": "true", field: value}
    if _is_taken(spec):
        JOB.validate(spec)


@given(st.sampled_from(["delay", "timeout"]), st.from_regex(r"\A *([0-9]+(\.[0-9])?(d|h|m|s|ms)? *){1,3}\Z"))
def test_no_duration_is_taken_that_does_not_fit(field: str, value: str) -> None:
    test_no_value_of_any_field_is_taken_that_does_not_fit.hypothesis.inner_test(field, value)  # type: ignore[attr-defined]


def test_the_shape_of_a_shown_job_names_its_fields_in_order() -> None:
    job = Job._make([None] * len(Job._fields))._replace(
        state=JobState.PENDING, created_at=0, updated_at=0, env={}, tags=(), policy=NO_POLICY
    )
    assert list(shapes.SHOWN) == list(job_object(job))


def test_shown_jobs_fit_whatever_became_of_them(run: CommandLine) -> None:
    shape = Draft202012Validator(shapes.shown())
    run("enqueue", "--id", "done", "-t", "x", "-e", "A=1", "--timeout", "5", "--unique-key", "k", "true")
    run.settle("completed")
    run("enqueue", "--id", "gone", "false")
    run.settle("dead")
    run("enqueue", "--id", "waits", "--delay", "1h", "--retry-on", "75,SIGKILL", "--give-up-on", "lost", "false")
    for job in (
        *run.json("list"),
        run.json("show", "done"),
        run.json("show", "done", "--env"),
        *run.json("dlq", "list"),
    ):
        shape.validate(job)


def test_events_fit(run: CommandLine) -> None:
    run("enqueue", "--id", "gone", "false")
    run.settle("dead")
    run("dlq", "retry", "gone")
    events = run.json("events")
    assert {event["kind"] for event in events} == {"transition", "action"}
    for event in events:
        Draft202012Validator(shapes.event()).validate(event)


def test_errors_fit_and_their_codes_are_all_named(run: CommandLine) -> None:
    shape = Draft202012Validator(shapes.error())
    for words in (("show", "nobody"), ("lst",), ("list", "--limit", "x"), ("--db", ".", "list")):
        run("--json", *words, code={"show": 3, "--db": 6}.get(words[0], 2))
        shape.validate(json.loads(run.said.splitlines()[-1]))
    codes = shapes.error()["properties"]["error"]["properties"]["code"]["enum"]
    assert set(codes) == {kind.code for kind in shapes.every_error(errors.QueuectlError)}
    assert not shape.is_valid({"error": {"code": "something_else", "message": "x", "hint": None}})
