"""The README's tour, typed as it stands, shows what the README says."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def tour() -> list[tuple[str, list[str]]]:
    """Return each command of the tour with the lines that it must print."""
    steps: list[tuple[str, list[str]]] = []
    for block in re.findall(r"<!-- tour -->\n```console\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
    return steps


def matches(line: str, pattern: str) -> bool:
    """Say whether a line is what the README shows; `…` stands for anything."""
    return fnmatch.fnmatchcase(line, re.sub(r"[\[\]*?]", "?", pattern).replace("…", "*"))


def test_the_tour_prints_what_the_readme_shows(tmp_path: Path) -> None:
    steps = tour()
    assert len(steps) > 8
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("QUEUECTL_DB", None)
    for command, expected in steps:
        done = subprocess.run(
            ["bash", "-c", f"exec 2>&1; {command}"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        lines = done.stdout.splitlines()
        assert len(lines) == len(expected), f"{command} printed\n{done.stdout}"
        for line, pattern in zip(lines, expected, strict=True):
            assert matches(line, pattern), f"{command} printed {line!r}, not {pattern!r}"


@pytest.mark.parametrize("marker", ["main job", "test command"])
def test_each_set_up_command_is_one_line_behind_its_marker(marker: str) -> None:
    (block,) = re.findall(rf"<!-- {marker} -->\n```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(block.splitlines()) == 1


def test_a_pattern_can_fail() -> None:
    assert matches("a [b] c", "a [b] …")
    assert not matches("a b", "a c")
