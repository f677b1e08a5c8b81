"""The SQLite engine loads its duties by a table; it has every method, and each where the table says."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from queuectl.repository.protocol import JobRepository
from queuectl.repository.sql.store import Store
from queuectl.repository.sqlite import DUTIES, SqliteRepository
from queuectl.repository.sqlite.connection import Connection


def _methods(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def test_every_method_of_the_protocol_has_a_home() -> None:
    homes = {method for methods in DUTIES.values() for method in methods}
    assert _methods(JobRepository) <= homes | _methods(Connection)


@pytest.mark.parametrize("duty", DUTIES)
def test_a_duty_has_just_the_methods_that_the_table_says(duty: str) -> None:
    module = import_module(f"queuectl.repository.{duty}")
    own = (one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__)
    (part,) = (one for one in own if issubclass(one, Store))
    assert {name for name in vars(part) if not name.startswith("_")} == set(DUTIES[duty])


def test_what_is_nobodys_duty_is_not_there() -> None:
    assert not hasattr(SqliteRepository.__new__(SqliteRepository), "fly")
