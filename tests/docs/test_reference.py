from __future__ import annotations

import shutil
import subprocess

import click
import pytest

from tests.typed import ROOT
from tools.reference import PAGES, entries, main, manual


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_is_made_from_the_program_is_up_to_date(path: str) -> None:
    written = (ROOT / path).read_text(encoding="utf-8")
    assert written == PAGES[path](), "make it anew: nox -s docs -- --write"


def test_a_stale_page_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    monkeypatch.setitem(PAGES, "docs/reference.md", lambda: "other")
    assert main([]) == 1
    assert "docs/reference.md is not up to date" in capsys.readouterr().out


def test_the_manual_has_every_command_and_every_option() -> None:
    page = manual().replace("\\-", "-").replace("\\e", "\\")
    for entry in entries():
        assert f'.SS "{entry.words} ' in page
        for param in entry.command.params:
            if isinstance(param, click.Option):
                assert all(option in page for option in param.opts)
    assert "SharedOption" not in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_manual_is_sound() -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-z"], input=manual(), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
