from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from queuectl.duration import MAX_INSTANT, format_time
from queuectl.errors import InvalidInput
from queuectl.fields import FIELDS
from queuectl.model import JobSpec, Policy
from queuectl.spec import build_spec, every_field, iter_json_lines, parse_spec, parse_specs, parse_word, read_specs
from tests.strategies import instants, job_ids, json_values, nows, spec_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

NOW = 1_795_526_285_120


def _result(parse: Callable[[], T]) -> T | InvalidInput:
    try:
        return parse()
    except InvalidInput as error:
        return error


def _refused(**fields: object) -> InvalidInput:
    """Return the error of a specification that has these fields, sound but for them."""
    with pytest.raises(InvalidInput) as caught:
        parse_spec({"command": "true", **fields}, now=NOW)
    assert caught.value.hint
    return caught.value


def _unreadable(text: str, *, source: str = "") -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse_specs(text, now=NOW, source=source)
    assert caught.value.hint
    return caught.value


# -- one specification ------------------------------------------------------------------------


def test_the_example_of_the_seed_is_a_specification() -> None:
    text = r'{"id":"task1","command":"python -c \"print(42)\"","max_retries":3}'
    assert parse_specs(text, now=NOW) == [JobSpec('python -c "print(42)"', id="task1", max_retries=3)]


def test_every_field_finds_its_place() -> None:
    fields = {
        "command": "make\nmake install",
        "id": "größe 7",
        "max_retries": 0,
        "backoff_base": 2,
        "priority": -5,
        "run_at": "2026-11-24T13:18:05.120Z",
        "timeout": "1m30s",
        "queue": "mail:eu-1",
        "cwd": "../work",
        "env": {"PATH": "/bin", "EMPTY": ""},
        "tags": ["nightly", "mail", "nightly"],
        "unique_key": "https://example.org/x",
    }
    assert parse_spec(fields, now=NOW) == JobSpec(
        command="make\nmake install",
        id="größe 7",
        max_retries=0,
        backoff_base=2.0,
        priority=-5,
        run_at=1_795_526_285_120,
        timeout=90.0,
        queue="mail:eu-1",
        cwd="../work",
        env={"PATH": "/bin", "EMPTY": ""},
        tags=("nightly", "mail"),
        unique_key="https://example.org/x",
    )


@given(spec_objects)
def test_a_valid_object_keeps_what_it_says(fields: dict[str, Any]) -> None:
    spec = parse_spec(fields, now=NOW)
    given_back = {field: getattr(spec, field) for field in fields.keys() - {"tags", "timeout", *Policy._fields}}
    assert given_back == {field: fields[field] for field in given_back}
    assert list(spec.tags) == list(dict.fromkeys(fields.get("tags", [])))
    assert (spec.timeout is None) == ("timeout" not in fields)
    for field, value in spec.policy._asdict().items():
        assert (value in {None, ()}) == (fields.get(field, []) == [])
    assert spec.run_at is None


@given(spec_objects)
def test_json_and_options_lead_to_the_same_specification(fields: dict[str, Any]) -> None:
    (from_json,) = parse_specs(json.dumps(fields), now=NOW)
    absent = dict.fromkeys(every_field())
    assert build_spec(absent | fields, now=NOW) == from_json


@given(json_values)
@example({"command": "true", "max_retries": float("nan")})
@example({"command": "true", "priority": 10**400})
@example({"command": "true", "timeout": 10**400})
@example({"command": "true", "delay": float("inf")})
def test_any_json_value_is_a_specification_or_invalid(value: object) -> None:
    spec = _result(lambda: parse_spec(value, now=NOW))
    if isinstance(spec, InvalidInput):
        assert spec.hint
        assert spec.message.isprintable()
    else:
        assert spec.command.strip()


@given(st.sampled_from(sorted(FIELDS)), json_values)
@example("queue", "a" * 101)
@example("queue", "a b")
@example("env", {"A": "\ud800"})
@example("tags", [[]])
def test_any_value_of_any_field_is_taken_or_refused_with_the_fields_name(field: str, value: object) -> None:
    spec = _result(lambda: parse_spec({"command": "true", field: value}, now=NOW))
    if isinstance(spec, InvalidInput):
        assert spec.message.startswith(field)
        assert spec.hint
    else:
        json.dumps(spec, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("value", [None, True, 5, "echo", ["echo"]], ids=str)
def test_a_job_must_be_an_object(value: object) -> None:
    with pytest.raises(InvalidInput, match="is not a job"):
        parse_spec(value, now=NOW, where="[2]")


def test_a_job_without_a_command_is_refused_with_an_example() -> None:
    with pytest.raises(InvalidInput, match=r"^\[2\]: the job has no command$") as caught:
        parse_spec({"id": "a"}, now=NOW, where="[2]")
    assert '{"command":' in str(caught.value.hint)


def test_an_unknown_field_gets_a_did_you_mean() -> None:
    error = _refused(comand="x")
    assert (error.message, error.hint) == ("unknown field 'comand'", "did you mean 'command'?")


def test_an_unknown_field_that_is_like_none_gets_the_list() -> None:
    assert "max_retries" in str(_refused(xyzzy=1).hint)


def test_depends_on_is_reserved() -> None:
    assert _refused(depends_on=["a"]).message.startswith("depends_on: it is reserved")


def test_a_job_at_a_time_and_after_a_delay_is_refused() -> None:
    error = _refused(run_at="2026-11-24T13:18:05Z", delay=5)
    assert (error.message, error.hint) == ("both run_at and delay are given", "keep one of them")


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "depends_on"])
@pytest.mark.parametrize("value", [None, True, False, [5], {"a": 5}], ids=str)
def test_no_field_takes_a_value_of_a_wrong_type(field: str, value: object) -> None:
    assert _refused(**{field: value}).message.startswith(field)


@pytest.mark.parametrize("field", ["max_retries", "backoff_base", "priority"])
def test_a_number_in_quotes_is_refused_with_that_advice(field: str) -> None:
    assert _refused(**{field: "3"}).hint == "write it without quotes"


@pytest.mark.parametrize("field", ["max_retries", "backoff_base", "delay", "timeout"])
@pytest.mark.parametrize(
    "value",
    [-1, -0.5, float("nan"), float("inf"), 2**63, 10**400],
    ids=lambda value: f"{value:.9}"[:9] if isinstance(value, float) else str(value)[:9],
)
def test_a_number_out_of_range_is_refused(field: str, value: float) -> None:
    assert _refused(**{field: value}).message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("field", "most"),
    [("max_retries", 1_000_000), ("backoff_base", 1_000_000), ("priority", 2**31 - 1), ("timeout", 36_525 * 86_400)],
)
def test_a_number_may_be_the_highest_and_not_more(field: str, most: int) -> None:
    assert getattr(parse_spec({"command": "true", field: most}, now=NOW), field) == most
    assert _refused(**{field: most + 1}).message.startswith(f"{field}: {most + 1} is not")


@pytest.mark.parametrize("field", ["max_retries", "priority"])
def test_a_count_must_be_whole(field: str) -> None:
    assert _refused(**{field: 3.0}).message.startswith(f"{field}: 3.0 is not a whole number")


def test_the_lowest_priority_is_that_of_32_bits() -> None:
    assert parse_spec({"command": "true", "priority": -(2**31)}, now=NOW).priority == -(2**31)
    assert _refused(priority=-(2**31) - 1).message.startswith("priority: ")


@pytest.mark.parametrize("value", [0, 0.0, "0s"])
def test_a_timeout_of_nothing_is_refused(value: object) -> None:
    assert _refused(timeout=value).message.startswith("timeout: ")


@pytest.mark.parametrize("command", ["", " ", "\n\t"], ids=repr)
def test_a_blank_command_is_refused(command: str) -> None:
    assert _refused(command=command).message == "command: it is blank"


@pytest.mark.parametrize("field", ["command", "id", "queue", "cwd", "unique_key"])
@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"], ids=["NUL", "half a surrogate pair"])
def test_no_text_may_hold_a_nul_byte_or_half_a_surrogate_pair(field: str, text: str) -> None:
    error = _refused(**{field: text})
    assert error.message.startswith(f"{field}: ")
    assert error.message.isprintable()


@pytest.mark.parametrize("job_id", ["-rf", ".", "..", "🎈", "[foo]", ":fire:", "a" * 255, "日本 語"])
def test_any_printable_text_is_an_id(job_id: str) -> None:
    assert parse_spec({"command": "true", "id": job_id}, now=NOW).id == job_id


@pytest.mark.parametrize(
    "job_id", ["", " ", "../../x", "/", "a\nb", "\x1b[31m", "a" * 256, "a" * 10_000, "a\u202eb"], ids=repr
)
def test_what_is_no_id_is_refused_in_one_short_line(job_id: str) -> None:
    error = _refused(id=job_id)
    assert error.message.startswith("id: ")
    assert error.message.isprintable()
    assert len(error.message) < 200


@pytest.mark.parametrize("queue", ["default", "mail:eu-1", "a.b_c@d+e", "Größe", "7", "a" * 100])
def test_a_queue_is_named_by_letters_digits_and_a_few_signs(queue: str) -> None:
    assert parse_spec({"command": "true", "queue": queue}, now=NOW).queue == queue


@pytest.mark.parametrize("queue", ["", "-q", ".q", "_q", "a b", "a,b", "a/b", "a" * 101, "a\n"], ids=repr)
def test_what_is_no_name_of_a_queue_is_refused(queue: str) -> None:
    assert _refused(queue=queue).message.startswith("queue: ")


@pytest.mark.parametrize("tag", ["", "a b", "a,b", "a\tb", "a" * 101, "\u202e", 5, None], ids=repr)
def test_a_bad_tag_is_refused_with_its_place_in_the_list(tag: object) -> None:
    assert _refused(tags=["good", tag]).message.startswith("tags[1]: ")


def test_tags_must_be_a_list() -> None:
    assert _refused(tags="nightly").message == "tags: 'nightly' is not a list"


@pytest.mark.parametrize("name", ["", "A=B", "A\0"], ids=repr)
def test_a_bad_name_of_a_variable_is_refused_and_named(name: str) -> None:
    assert _refused(env={"GOOD": "1", name: "2"}).message.startswith(f"env[{name!r}]: ")


@pytest.mark.parametrize("value", [5, None, ["hunter2"], "hunter2\0", "hunter2\ud800"], ids=repr)
def test_a_bad_value_of_a_variable_is_refused_and_never_shown(value: object) -> None:
    error = _refused(env={"PASSWORD": value})
    assert error.message.startswith("env['PASSWORD']: ")
    assert "hunter2" not in f"{error.message}{error.hint}"


def test_an_environment_that_is_no_object_is_refused_and_never_shown() -> None:
    error = _refused(env="PASSWORD=hunter2")
    assert error.message == "env: a string is not an object"
    assert "hunter2" not in str(error.hint)


def test_an_empty_directory_is_refused() -> None:
    assert _refused(cwd="").message == "cwd: it is empty"


@given(instants)
def test_run_at_is_an_instant(instant: int) -> None:
    assert parse_spec({"command": "true", "run_at": format_time(instant)}, now=NOW).run_at == instant


@pytest.mark.parametrize("text", ["soon", "18:00", "+10m", "2026-11-24T13:18:05", ""], ids=repr)
def test_run_at_takes_nothing_but_rfc_3339(text: str) -> None:
    assert _refused(run_at=text).message == f"run_at: {text!r} is not an RFC 3339 time"


@given(nows, st.integers(0, 10**9))
def test_a_delay_counts_from_now(now: int, seconds: int) -> None:
    for delay in (seconds, f"{seconds}s"):
        assert parse_spec({"command": "true", "delay": delay}, now=now).run_at == now + seconds * 1000


def test_a_delay_may_not_leave_the_calendar() -> None:
    with pytest.raises(InvalidInput, match=r"^delay: .*9999"):
        parse_spec({"command": "true", "delay": 1}, now=MAX_INSTANT)


# -- documents --------------------------------------------------------------------------------


@given(st.lists(spec_objects, min_size=1, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_an_array_and_json_lines_hold_the_same_jobs(
    fields: list[dict[str, Any]],
    indent: int | None,
    as_ascii: bool,  # noqa: FBT001
) -> None:
    expected = [parse_spec(one, now=NOW) for one in fields]
    array = json.dumps(fields, indent=indent, ensure_ascii=as_ascii)
    lines = "\n".join(json.dumps(one, ensure_ascii=as_ascii) for one in fields)
    assert parse_specs(array, now=NOW) == expected
    assert parse_specs(lines, now=NOW) == expected
    assert list(iter_json_lines(lines.split("\n"), now=NOW)) == expected


@given(spec_objects, st.sampled_from([None, 1]))
def test_one_object_may_stand_on_one_line_or_on_several(fields: dict[str, Any], indent: int | None) -> None:
    assert parse_specs(json.dumps(fields, indent=indent), now=NOW) == [parse_spec(fields, now=NOW)]


@given(st.text() | st.text('{}[]",:truefalsnN0123456789.eE+- \n\\u'))
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example('{"command": "true", "priority": ' + "9" * 5000 + "}")
@example('[{"command": "true", "priority": ' + "9" * 5000 + "}]")
@example("{}\n\x00")
def test_any_text_is_jobs_or_invalid(text: str) -> None:
    specs = _result(lambda: parse_specs(text, now=NOW))
    if isinstance(specs, InvalidInput):
        assert specs.hint
        assert specs.message.isprintable()
    else:
        assert specs


@pytest.mark.parametrize("text", ["", " \n\n", "\ufeff"], ids=repr)
def test_an_empty_input_is_refused(text: str) -> None:
    assert _unreadable(text, source="jobs.json").message == "jobs.json: there is no job in it"


def test_an_empty_array_is_refused() -> None:
    assert _unreadable("[]", source="jobs.json").message == "jobs.json: the array is empty"


def test_blank_lines_a_byte_order_mark_and_windows_ends_do_no_harm() -> None:
    text = '\ufeff\r\n  {"command": "a"}\r\n\r\n\t{"command": "b"}\r\n'
    assert [spec.command for spec in parse_specs(text, now=NOW)] == ["a", "b"]


def test_a_line_separator_inside_a_string_ends_no_line() -> None:
    specs = parse_specs('{"command": "a\u2028b"}\n{"command": "c\x85d"}', now=NOW)
    assert [spec.command for spec in specs] == ["a\u2028b", "c\x85d"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"command": "a"}\n\n{"command": "b", "priority": "high"}',
            "jobs: line 3: priority: 'high' is not a whole number",
        ),
        ('{"command": "a"}\n{"command": "b",}', "jobs: line 2, column 1"),
        ('{"command": "a"}\n  {"command" "b"}', "jobs: line 2, column 14: not valid JSON: expecting ':' delimiter"),
        ('{"command": "a"}\n{"command": "b"} x', "jobs: line 2, column 18: not valid JSON: extra data"),
        ('{"command": "a"}\n[]', "jobs: line 2: a list is not a job"),
        ('{"command": "a"}\n5', "jobs: line 2: a number is not a job"),
        ('{"command": "a"}\n' + "[" * 100_000, "jobs: line 2: it is nested too deeply"),
        ('{"command": "a"}\n{"priority": ' + "9" * 5000 + "}", "jobs: line 2: a number in it is too long"),
        ('{"command": "a", "command": "b"}\n{"command": "c"}', "jobs: line 1: key 'command' stands twice"),
        ('{"command": "a", "timeout": NaN}', "jobs: line 1: NaN is not JSON"),
        ('{"command": "a"} {"command": "b"}', "jobs: line 1, column 18: not valid JSON: extra data"),
        ('[{"command": "a"}]\n[{"command": "b"}]', "jobs: line 2, column 1: not valid JSON: extra data"),
        ('[{"command": "a"},\n {"command": "b", "env": {"A": "1", "A": "2"}}]', "jobs: key 'A' stands twice"),
        ('[{"command": "a"}, {"command": "b", "id": 5}]', "jobs: [1]: id: 5 is not a string"),
        ('[{"command": "a"}, null]', "jobs: [1]: null is not a job"),
        ('[{"command": "a", "timeout": -Infinity}]', "jobs: -Infinity is not JSON"),
        ('{\n "command": "a",\n "priorty": 1\n}', "jobs: unknown field 'priorty'"),
        ("{\n 'command': 'a'\n}", "jobs: line 2, column 2: not valid JSON: expecting property name"),
        ("echo hello", "jobs: line 1, column 1: not valid JSON: expecting value"),
        ('"echo hello"', "jobs: a string is not a job"),
    ],
)
def test_an_error_names_its_place(text: str, message: str) -> None:
    assert _unreadable(text, source="jobs").message.startswith(message)


def test_a_raw_control_character_in_a_string_is_refused_by_place() -> None:
    error = _unreadable('{"command": "a\tb"}')
    assert error.message == "line 1, column 15: not valid JSON: invalid control character"


def test_bytes_that_are_no_utf_8_are_reported_with_their_line() -> None:
    text = b'{"command": "a"}\n{"command": "b\xff"}'.decode(errors="surrogateescape")
    assert _unreadable(text).message == "line 2: command: it is not valid Unicode"


def test_lines_are_read_one_at_a_time() -> None:
    taken: list[int] = []

    def lines() -> Iterator[str]:
        for number in range(1000):
            taken.append(number)
            yield f'{{"command": "echo {number}"}}\n'

    specs = read_specs(lines(), now=NOW)
    assert [next(specs).command for _ in range(3)] == ["echo 0", "echo 1", "echo 2"]
    assert len(taken) == 3


# -- one word of a command line ---------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        "echo hello",
        "true",
        "42",
        '"quoted"',
        "",
        "[ -f x ] && echo y",
        "[[ a == b ]]",
        "{ echo a; echo b; }",
        '{ "program" }',
        "{a,b}",
        "[a-z]*",
    ],
)
def test_a_shell_command_is_no_specification(word: str) -> None:
    assert parse_word(word, now=NOW) is None


@pytest.mark.parametrize(
    ("word", "commands"),
    [
        ('{"command": "a"}', ["a"]),
        (' { "command": "a" } ', ["a"]),
        ('[{"command": "a"}, {"command": "b"}]', ["a", "b"]),
        ('{\n"command": "a"\n}', ["a"]),
    ],
)
def test_an_object_or_an_array_is_a_specification(word: str, commands: list[str]) -> None:
    specs = parse_word(word, now=NOW)
    assert specs is not None
    assert [spec.command for spec in specs] == commands


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ('{"command": "a"', "line 1, column 16: not valid JSON"),
        ('{"command": "a"} x', "line 1, column 18: not valid JSON: extra data"),
        ('{"command"; echo', "line 1, column 11: not valid JSON"),
        ("{}", "the job has no command"),
        ("[]", "the array is empty"),
        ("[1]", "[0]: a number is not a job"),
        ('[{"command": "a", "command": "b"}]', "key 'command' stands twice in one object"),
        ("[" * 100_000, "it is nested too deeply"),
    ],
    ids=lambda text: text[:20],
)
def test_a_word_that_is_meant_as_a_specification_must_be_valid(word: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_word(word, now=NOW)
    assert caught.value.message.startswith(message)


@given(st.text('{}[]", :a;\n') | st.text())
def test_any_word_is_a_command_a_specification_or_invalid(word: str) -> None:
    specs = _result(lambda: parse_word(word, now=NOW))
    if isinstance(specs, InvalidInput):
        assert specs.hint
    else:
        assert specs is None or len(specs) > 0


@given(spec_objects, st.text(min_size=1), st.integers())
def test_no_command_is_hidden_by_a_field_that_does_not_exist(fields: dict[str, Any], name: str, value: int) -> None:
    assume(name not in FIELDS)
    with pytest.raises(InvalidInput, match="unknown field"):
        parse_spec(fields | {name: value}, now=NOW)


@given(job_ids)
def test_every_id_survives_json(job_id: str) -> None:
    text = json.dumps({"command": "true", "id": job_id})
    assert [spec.id for spec in parse_specs(text, now=NOW)] == [job_id]
