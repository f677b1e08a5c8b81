from __future__ import annotations

import copy
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl import errors
from queuectl.errors import QueuectlError, did_you_mean, quoted


def _tree(root: type[QueuectlError]) -> list[type[QueuectlError]]:
    return [root, *(leaf for branch in root.__subclasses__() for leaf in _tree(branch))]


EVERY = _tree(QueuectlError)


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in EVERY]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_a_code_is_the_name_of_the_class_in_snake_case(kind: type[QueuectlError]) -> None:
    words = re.findall("[A-Z][a-z]*", kind.__name__.removeprefix("Queuectl"))
    assert kind.code == "_".join(words).lower()


@pytest.mark.parametrize(
    ("branch", "exit_code"),
    [
        (errors.OperationFailed, 1),
        (errors.LeaseLost, 1),
        (errors.InvalidInput, 2),
        (errors.NotFound, 3),
        (errors.Conflict, 4),
        (errors.StoreError, 6),
    ],
    ids=lambda value: getattr(value, "code", str(value)),
)
def test_a_branch_has_one_exit_code_for_all_its_leaves(branch: type[QueuectlError], exit_code: int) -> None:
    assert {kind.exit_code for kind in _tree(branch)} == {exit_code}


def test_an_untrusted_store_is_a_failed_operation_and_not_a_store_error() -> None:
    assert issubclass(errors.StoreUntrusted, errors.OperationFailed)
    assert not issubclass(errors.StoreUntrusted, errors.StoreError)


def test_an_error_is_shown_as_its_message() -> None:
    error = errors.JobNotFound("no job 'a7'", "see queuectl list")
    assert (str(error), error.message, error.hint) == ("no job 'a7'", "no job 'a7'", "see queuectl list")


def test_the_json_document_holds_code_message_and_hint() -> None:
    error = errors.WrongState("job 'a7' is processing", hint="queuectl cancel a7")
    assert error.as_json() == {
        "error": {"code": "wrong_state", "message": "job 'a7' is processing", "hint": "queuectl cancel a7"}
    }


def test_an_error_without_a_hint_says_null_in_json() -> None:
    assert errors.StoreBusy("busy").as_json()["error"]["hint"] is None


@pytest.mark.parametrize("twin", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])  # noqa: S301
def test_an_error_survives_being_copied_with_its_hint(twin: object) -> None:
    assert callable(twin)
    again = twin(errors.StoreFull("full", "make room"))
    assert (type(again), again.message, again.hint) == (errors.StoreFull, "full", "make room")


@given(st.text())
def test_quoted_text_holds_no_control_characters(text: str) -> None:
    assert quoted(text).isprintable()


@given(st.text(min_size=61, max_size=5000))
def test_long_text_is_cut_and_marked(text: str) -> None:
    shown = quoted(text)
    assert shown.endswith("…")
    assert shown[:-1] == repr(text[:60])


def test_short_text_is_quoted_whole() -> None:
    assert quoted("a" * 60) == "'" + "a" * 60 + "'"


def test_the_nearest_choice_is_suggested() -> None:
    assert did_you_mean("comand", ["command", "cwd"]) == "did you mean 'command'?"


def test_a_suggestion_ignores_case() -> None:
    assert did_you_mean("MAX-RETRIES", ["max-retries"]) == "did you mean 'max-retries'?"
    assert did_you_mean("no_colour", ["NO_COLOR"]) == "did you mean 'NO_COLOR'?"


def test_nothing_is_suggested_when_nothing_is_near() -> None:
    assert did_you_mean("xyzzy", ["command", "cwd"]) is None


def test_a_huge_word_gets_an_answer_at_once() -> None:
    assert did_you_mean("x" * 10**6, ["command"]) is None
