from __future__ import annotations

import pytest

from tests.typed import Step, all_match, matches


def test_a_pattern_can_fail() -> None:
    assert matches("a [b] c", "a [b] …")
    assert not matches("a b", "a c")


@pytest.mark.parametrize(
    ("lines", "patterns", "fits"),
    [
        ([], [], True),
        (["a"], [], False),
        ([], ["a"], False),
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["…"], True),
        ([], ["…"], True),
        (["a", "b", "c"], ["a", "…", "c"], True),
        (["a", "b", "c"], ["…", "b"], False),
        (["a", "b", "c"], ["…", "b", "…"], True),
    ],
)
def test_dots_alone_stand_for_any_lines(lines: list[str], patterns: list[str], *, fits: bool) -> None:
    assert all_match(lines, patterns) is fits


@pytest.mark.parametrize(
    ("command", "is_there"),
    [
        ("queuectl list | head", True),
        ("queuectl -q dlq retry a && queuectl ls", True),
        ("queuectl fly a", False),
        ("queuectl list; queuectl fly", False),
        ("echo hello", True),
    ],
)
def test_a_command_that_is_not_there_yet_is_seen(command: str, *, is_there: bool) -> None:
    assert Step(command, []).is_there is is_there
