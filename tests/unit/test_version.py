"""The version stands in more than one place, because asking for it at run time would slow every start."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import queuectl

ROOT = Path(__file__).parents[2]


def test_the_program_and_its_metadata_name_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert queuectl.__version__ == project["version"]


def test_the_changelog_opens_with_this_version_and_says_what_becomes_of_the_store() -> None:
    _, _, notes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition(f"## [{queuectl.__version__}]")
    assert re.search(r"^Schema: (\d+|unchanged|\d+ → \d+)$", notes.partition("\n## ")[0], re.MULTILINE)
