"""Job specifications as they arrive, as JSON or as fields from options, checked into `JobSpec`.

Whatever is wrong becomes an `InvalidInput` that names the place, the field and the way out.
Nothing is read from a disk here, and no default is filled in that depends on a store.
"""

from __future__ import annotations

import io
import json
from itertools import chain
from os.path import join
from typing import TYPE_CHECKING, Any, NoReturn

from queuectl.duration import instant_after
from queuectl.errors import InvalidInput, did_you_mean, quoted
from queuectl.fields import FIELDS, kind_of
from queuectl.model import NO_POLICY, JobSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from queuectl.model import Policy

_EXAMPLE = """write one like {"command": "echo hello"}"""
_FORMS = "give one object, an array of objects, or one object a line (JSON Lines)"

#: A job that says nothing, and its delay. Filled in by place: by the names of its fields it takes thrice as long.
_BLANK: list[Any] = [*(JobSpec._field_defaults.get(field) for field in JobSpec._fields), None]
_PLACES = {field: place for place, field in enumerate((*JobSpec._fields, "delay"))}
_COMMAND, _RUN_AT, _CWD, _POLICY = (_PLACES[field] for field in ("command", "run_at", "cwd", "policy"))


def parse_word(word: str, *, now: int, here: str | None = None) -> list[JobSpec] | None:
    """Return the jobs that one word of a command line specifies, or None if it is a command.

    A word that parses as a JSON object or array is a specification, and so is meant to be
    one that begins with `{"`; anything else is for the shell, such as `[ -f x ] && y`.

    Raises:
        InvalidInput: it is meant as a specification and is not a valid one.
    """
    text = word.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        if text.startswith('{"'):
            raise _explained(error, "") from None
        return None
    except (InvalidInput, ValueError, RecursionError) as error:
        raise _explained(error, "") from None
    return list(_specs_in(value, now=now, source="", here=here))


def parse_specs(text: str, *, now: int, source: str = "") -> list[JobSpec]:
    """Return the jobs of one JSON object, an array, or JSON Lines; `source` names it in messages.

    Raises:
        InvalidInput: there is no job, or any of them is not valid.
    """
    return list(read_specs(io.StringIO(text), now=now, source=source))


def read_specs(lines: Iterable[str], *, now: int, source: str = "", here: str | None = None) -> Iterator[JobSpec]:
    """Return one by one what `parse_specs` returns, of JSON Lines without holding more than one line.

    The first line that is not blank decides: if it is an object by itself, so is every line.
    `lines` keep their ends, as those of a file do. Open it with `errors="surrogateescape"`,
    and bytes that are not UTF-8 are reported with their line. `here` is for `parse_spec`.

    Raises:
        InvalidInput: as above, that of a bad job when its turn comes.
    """
    rest = iter(lines)
    head: list[str] = []
    for line in rest:
        head.append(line if head else line.removeprefix("\ufeff"))
        if not head[-1].isspace():
            break
    if head and _is_object(head[-1].strip()):
        return iter_json_lines(chain(head, rest), now=now, source=source, here=here)
    text = "".join(chain(head, rest))
    if not text or text.isspace():
        raise InvalidInput(_at(source, "there is no job in it"), _FORMS)
    try:
        value = _DECODER.decode(text)
    except (InvalidInput, ValueError, RecursionError) as error:
        raise _explained(error, source) from None
    return _specs_in(value, now=now, source=source, here=here)


def iter_json_lines(lines: Iterable[str], *, now: int, source: str = "", here: str | None = None) -> Iterator[JobSpec]:
    """Yield the job of each line that is not blank, a JSON object.

    Raises:
        InvalidInput: a line is not one; the message names its number.
    """
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            spec = parse_spec(_line_value(text), now=now, here=here)
        except (InvalidInput, ValueError, RecursionError) as error:
            indent = len(line) - len(line.lstrip())
            raise _explained(error, source, line=number, indent=indent) from None
        yield spec


def _line_value(text: str) -> object:
    """Decode one line, in half the time that the strict decoder takes if there is no need for it.

    Each key stands before a colon. So if an object has as many keys as its text has colons, none of
    them stands in it twice, and nothing in it is an object.
    """
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _DECODER.decode(text)  # raises, and says what is wrong where
    if end == len(text) and type(value) is dict and len(value) == text.count(":"):
        return value
    return _DECODER.decode(text)


def read_commands(lines: Iterable[str], *, now: int, source: str = "", here: str | None = None) -> Iterator[JobSpec]:
    """Yield a job for each line, a command for the shell; blank lines and those that begin with `#` are none.

    Raises:
        InvalidInput: a line is not one, when its turn comes, or there is none at all.
    """
    is_empty = True
    for number, line in enumerate(lines, 1):
        text = (line if number > 1 else line.removeprefix("\ufeff")).lstrip().rstrip("\r\n")
        if text and not text.startswith("#"):
            is_empty = False
            yield parse_spec({"command": text}, now=now, where=_at(source, f"line {number}"), here=here)
    if is_empty:
        raise InvalidInput(_at(source, "there is no command in it"), "write one shell command a line")


def parse_spec(value: object, *, now: int, where: str = "", here: str | None = None) -> JobSpec:
    """Check one specification, a decoded JSON object; `where` says its place in messages.

    `here` is the directory that it runs in if it names none, and that a relative one counts from.

    Raises:
        InvalidInput: a field is unknown, missing or wrong.
    """
    if not isinstance(value, dict):
        raise InvalidInput(_at(where, f"{kind_of(value)} is not a job, which is an object"), _EXAMPLE)
    values = _BLANK.copy()
    values[_CWD] = here
    others: dict[str, Any] = {}
    field: Any = None
    try:
        for field, given in value.items():
            if field in FIELDS:
                values[_PLACES[field]] = FIELDS[field](given)
            else:
                others[field] = given
    except InvalidInput as error:
        raise _in_field(field, error, where) from None
    if others:
        values[_POLICY] = _policy(others, where)
    if values[_COMMAND] is None:
        raise InvalidInput(_at(where, "the job has no command"), _EXAMPLE)
    delay = values.pop()
    if delay is not None:
        values[_RUN_AT] = _after(delay, values[_RUN_AT], now, where)
    if here is not None and values[_CWD] is not here:
        values[_CWD] = join(here, values[_CWD])  # noqa: PTH118 - on text, a hundred thousand times
    return tuple.__new__(JobSpec, values)


def build_spec(fields: Mapping[str, object], *, now: int, here: str | None = None) -> JobSpec:
    """Check fields that came from options: the same names, rules and messages as in JSON.

    A None stands for an option that was not given.
    """
    return parse_spec({field: value for field, value in fields.items() if value is not None}, now=now, here=here)


def _after(delay: float, run_at: int | None, now: int, where: str) -> int:
    if run_at is not None:
        raise InvalidInput(_at(where, "both run_at and delay are given"), "keep one of them")
    try:
        return instant_after(now, delay)
    except InvalidInput as error:
        raise _in_field("delay", error, where) from None


def _policy(fields: dict[str, Any], where: str) -> Policy:
    """Return the policy that these fields ask for, none of which is in `FIELDS`."""
    from queuectl.policy import amended

    asked = {field: checked(field, given, where=where) for field, given in fields.items()}
    try:
        return amended(NO_POLICY, asked)
    except InvalidInput as error:
        raise InvalidInput(_at(where, error.message), error.hint) from None


def checked(field: str, value: object, *, where: str = "") -> Any:
    """Return the value of one field by itself, as `JobSpec` or `Policy` takes it; of `delay` its seconds.

    Raises:
        InvalidInput: there is no such field, or its value is wrong.
    """
    from queuectl.policy import POLICY_FIELDS

    check = FIELDS.get(field) or POLICY_FIELDS.get(field)
    if check is None:
        raise _unknown(field, every_field(), where)
    try:
        return check(value)
    except InvalidInput as error:
        raise _in_field(field, error, where) from None


def every_field() -> tuple[str, ...]:
    """Return the names of all fields, those of a policy last."""
    from queuectl.policy import POLICY_FIELDS

    return (*FIELDS, *POLICY_FIELDS)


def _unknown(field: object, known: Iterable[str], where: str) -> InvalidInput:
    name = field if isinstance(field, str) else repr(field)
    hint = did_you_mean(name, known) or f"the fields are {', '.join(field for field in known if field != 'depends_on')}"
    return InvalidInput(_at(where, f"unknown field {quoted(name)}"), hint)


def _in_field(field: str, error: InvalidInput, where: str) -> InvalidInput:
    separator = "" if error.message.startswith("[") else ": "
    return InvalidInput(_at(where, f"{field}{separator}{error.message}"), error.hint)


def _at(where: str, message: str) -> str:
    return f"{where}: {message}" if where else message


def _specs_in(value: object, *, now: int, source: str, here: str | None) -> Iterator[JobSpec]:
    """Yield the jobs of a decoded document."""
    if not isinstance(value, list):
        yield parse_spec(value, now=now, where=source, here=here)
        return
    if not value:
        raise InvalidInput(_at(source, "the array is empty"), _FORMS)
    for number, item in enumerate(value):
        yield parse_spec(item, now=now, where=_at(source, f"[{number}]"), here=here)


# -- JSON, stricter than the library: no key twice, no NaN -----------------------------------


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidInput(f"key {quoted(twice)} stands twice in one object", "keep one of them")
    return found


def _constant(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is not JSON", "write a number, or leave the field out")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
#: The decoder's core, which typeshed does not know: without what `raw_decode` adds it is twice as fast.
_scan: Callable[[str, int], tuple[object, int]] = vars(json.JSONDecoder(parse_constant=_constant))["scan_once"]


def _is_object(text: str) -> bool:
    """Tell whether this is an object by itself, valid or not."""
    if not text.startswith("{"):
        return False
    try:
        return _DECODER.raw_decode(text)[1] == len(text)
    except InvalidInput:
        return True
    except (ValueError, RecursionError):
        return False


def _explained(error: Exception, source: str, *, line: int | None = None, indent: int = 0) -> InvalidInput:
    """Return the error with its place: `line` is given in JSON Lines, `indent` was cut off it."""
    where = _at(source, f"line {line}") if line else source
    if isinstance(error, InvalidInput):
        return InvalidInput(_at(where, error.message), error.hint)
    if isinstance(error, RecursionError):
        return InvalidInput(_at(where, "it is nested too deeply"), _EXAMPLE)
    if not isinstance(error, json.JSONDecodeError):
        return InvalidInput(_at(where, "a number in it is too long"), "no field takes a number of that size")
    place = f"line {line or error.lineno}, column {error.colno + indent}"
    problem = error.msg[0].lower() + error.msg[1:].removesuffix(" at")
    hint = _FORMS if problem == "extra data" else "check the quotes and commas there; text stands in double quotes"
    return InvalidInput(_at(source, f"{place}: not valid JSON: {problem}"), hint)
