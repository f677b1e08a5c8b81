"""The README's tour, typed as it stands, shows what the README says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.typed import ROOT, steps_of, type_all

if TYPE_CHECKING:
    from pathlib import Path

README = ROOT / "README.md"


def test_the_tour_prints_what_the_readme_shows(tmp_path: Path) -> None:
    steps = steps_of("README.md", "tour")
    assert len(steps) > 8
    assert all(step.is_there for step in steps)
    type_all(steps, tmp_path)


@pytest.mark.parametrize("marker", ["main job", "test command"])
def test_each_set_up_command_is_one_line_behind_its_marker(marker: str) -> None:
    (block,) = re.findall(rf"<!-- {marker} -->\n```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(block.splitlines()) == 1
