"""Every mutant still finds the guard that it takes out: one that finds nothing would prove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import queuectl
from tests.mutants import MUTANTS, Mutant

_PACKAGE = Path(queuectl.__file__).parent


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_takes_out_is_there(mutant: Mutant) -> None:
    assert mutant.old in (_PACKAGE / mutant.file).read_text(encoding="utf-8")
    assert mutant.old != mutant.new
    assert Path(mutant.tests.partition("::")[0]).is_file()
