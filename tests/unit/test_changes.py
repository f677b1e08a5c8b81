"""What `key=value` texts change, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from queuectl.changes import NO_CHANGES, Changes, names, parse_changes
from queuectl.errors import InvalidInput
from queuectl.fields import FIELDS
from queuectl.model import NO_POLICY, JobSpec, Policy
from queuectl.spec import every_field

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("command=echo a=b", "command", "echo a=b"),
        ("command=5", "command", "5"),
        ('command=["a"]', "command", '["a"]'),
        ("queue=default", "queue", "default"),
        ("priority=0", "priority", 0),
        ("priority=-5", "priority", -5),
        ("max_retries=7", "max_retries", 7),
        ("backoff_base=2.5", "backoff_base", 2.5),
        ("timeout=10m", "timeout", 600.0),
        ("timeout=90", "timeout", 90.0),
        ("cwd=/srv", "cwd", "/srv"),
        ("unique_key=none-of-it", "unique_key", "none-of-it"),
        ("tags=a, b", "tags", ("a", "b")),
        ('tags=["a"]', "tags", ("a",)),
        ("tags=2026", "tags", ("2026",)),
        ("delay=5m", "run_at", NOW + 300_000),
        ("run_at=2030-01-01T00:00:00Z", "run_at", 1_893_456_000_000),
        ("timeout=none", "timeout", None),
        ("timeout=", "timeout", None),
        ("backoff_base=none", "backoff_base", None),
        ("unique_key=", "unique_key", None),
        ("tags=none", "tags", ()),
        ("timeout=null", "timeout", None),
        ("run_at=null", "run_at", None),
        ("delay=none", "run_at", None),
        ('unique_key="none"', "unique_key", "none"),
        ("command=none", "command", "none"),
        ('env={"A": "b"}', "env", {"A": "b"}),
        ("env=none", "env", {}),
    ],
)
def test_a_text_changes_one_field(text: str, field: str, value: Any) -> None:
    assert parse_changes([text], now=NOW) == Changes(fields={field: value})


@pytest.mark.parametrize(
    ("text", "env"),
    [
        ("env.A=b=c", {"A": "b=c"}),
        ("env.A=", {"A": ""}),
        ("env.A", {"A": None}),
        ("env.A=none", {"A": "none"}),
        ("env.A=null", {"A": "null"}),
    ],
)
def test_variables_are_changed_one_by_one(text: str, env: dict[str, str | None]) -> None:
    assert parse_changes([text], now=NOW) == Changes(env=env)


def test_of_one_key_the_last_value_counts() -> None:
    texts = ["priority=1", "env.A=1", "priority=2", "env.A", "timeout=1s"]
    assert parse_changes(texts, now=NOW) == Changes({"priority": 2, "timeout": 1.0}, {"A": None})


def test_all_variables_are_replaced_at_once_and_others_added_to_the_new_ones() -> None:
    texts = ["env.A=1", 'env={"B": "2"}', "env.C=3"]
    assert parse_changes(texts, now=NOW) == Changes({"env": {"B": "2"}}, {"C": "3"})


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("success_codes=0,3", "success_codes", (0, 3)),
        ("success_codes=[3]", "success_codes", (3,)),
        ("retry_on=75,SIGKILL", "retry_on", ("75", "SIGKILL")),
        ("retry_on=75", "retry_on", ("75",)),
        ("give_up_on=timeout", "give_up_on", ("timeout",)),
        ("give_up_on=none", "give_up_on", ()),
        ("backoff_max=1h", "backoff_max", 3600.0),
        ("backoff_jitter=0.5", "backoff_jitter", 0.5),
        ("retry_for=null", "retry_for", None),
    ],
)
def test_a_text_changes_one_field_of_the_policy(text: str, field: str, value: Any) -> None:
    assert parse_changes([text], now=NOW) == Changes(policy={field: value})


def test_whether_endings_contradict_each_other_depends_on_the_job() -> None:
    changes = parse_changes(["retry_on=0"], now=NOW)
    assert changes.policy_of("a", Policy(success_codes=(3,))).retry_on == ("0",)
    with pytest.raises(InvalidInput, match="job 'a': retry_on: exit code 0 means success"):
        changes.policy_of("a", NO_POLICY)
    assert NO_CHANGES.policy_of("a", NO_POLICY) is NO_POLICY


def test_nothing_changes_nothing() -> None:
    assert parse_changes([], now=NOW) == NO_CHANGES
    assert NO_CHANGES.names == ()


def test_its_names_hold_no_value() -> None:
    assert parse_changes(["command=x", "env.TOKEN=secret"], now=NOW).names == ("command", "env.TOKEN")


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("timeout", "'timeout' is no change of a field", "priority=5"),
        ("tiemout=5", "unknown field 'tiemout'", "did you mean 'timeout'?"),
        ("=5", "unknown field ''", "the fields are"),
        ("id=x", "id cannot be changed", "enqueue another job"),
        ("depends_on=x", "depends_on cannot be changed", ""),
        ("priority=high", "priority: 'high' is not a whole number", "enqueue --help"),
        ("priority=1,2", "priority: '1,2' is not a whole number", "enqueue --help"),
        ("priority=none", "priority: 'none' is not a whole number", "enqueue --help"),
        ("rety_on=5", "unknown field 'rety_on'", "did you mean 'retry_on'?"),
        ("priority=null", "priority: a job cannot be without it", "another value"),
        ("command=null", "command: a job cannot be without it", "another value"),
        ("retry_on=75,SIGKIL", "retry_on[1]: 'SIGKIL' is no ending", "did you mean 'SIGKILL'?"),
        ("success_codes=0,x", "success_codes[1]: 'x' is not an exit code", "from 0 to 255"),
        ("backoff_jitter=2", "backoff_jitter: '2' is not a number from 0 to 1", "enqueue --help"),
        ("command=", "command: it is blank", "give the shell command"),
        ("timeout=0", "timeout: '0' is no time to run", "longer than 0"),
        ("timeout=NaN", "timeout: 'NaN' is not a duration", "write a duration"),
        ("queue=-x", "queue: '-x' is not the name of a queue", ""),
        ("tags=a b", "tags[0]: 'a b' is not a tag", ""),
        ("env.=x", "env['']: it is no name for a variable", ""),
        ('env={"A": 5}', "env['A']: a number is not a string", "double quotes"),
        ("env=[1]", "env: a list is not an object", ""),
        ("env=x", "env: a string is not an object", ""),
        ("priority=" + "9" * 5000, "priority: ", ""),
        ("tags=" + "[" * 100_000, "tags", ""),
    ],
)
def test_what_cannot_be_changed_is_refused_with_the_way_out(text: str, says: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_changes([text], now=NOW)
    assert says in refused.value.message
    assert hint in (refused.value.hint or "")


def test_a_value_of_the_environment_never_stands_in_a_message() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_changes(["env.A=secret\0"], now=NOW)
    assert "secret" not in refused.value.message + (refused.value.hint or "")


def test_every_field_is_offered_or_says_why_not() -> None:
    assert {"env." if name == "env" else name for name in every_field()} - set(names()) == {"id", "depends_on"}


def test_a_field_that_is_added_can_be_changed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FIELDS, "unique_key", lambda value: f"<{value}>")
    assert parse_changes(["unique_key=x"], now=NOW).fields == {"unique_key": "<x>"}
    assert {*JobSpec._fields, *NO_POLICY._fields} - set(every_field()) == {"policy"}
