"""What a user's config.toml may say, and what is said of one that is not right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from queuectl.errors import InvalidInput
from queuectl.preferences import DEFAULTS, read_preferences
from queuectl.preferences.file import PREFERENCES, preference_text

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def _refused(path: Path, text: str | bytes) -> tuple[str, str]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInput) as caught:
        read_preferences(str(path))
    assert caught.value.message.startswith(f"{path}: ")
    assert "\n" not in caught.value.message
    return caught.value.message.removeprefix(f"{path}: "), caught.value.hint or ""


def test_a_file_that_is_not_there_says_nothing(path: Path) -> None:
    for missing in (path, path / "deeper"):
        preferences = read_preferences(str(missing))
        assert preferences.given == {}
        assert preferences.value("list.limit") == 50
    path.touch()
    assert read_preferences(str(path / "deeper")).given == {}


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ('db = "/srv/queue.db"', "db", "/srv/queue.db"),
        ('db = "postgresql://me@here/q"', "db", "postgresql://me@here/q"),
        ("hints = false", "hints", False),
        ("quiet = true", "quiet", True),
        ("list.limit = 0", "list.limit", 0),
        ("[list]\nlimit = 20", "list.limit", 20),
        ('"list"."limit" = 20', "list.limit", 20),
        ("list = { limit = 20 }", "list.limit", 20),
        ("[worker]\nconcurrency = 4\ngrace = 90", "worker.grace", 90.0),
        ('worker.grace = "2m"', "worker.grace", 120.0),
        ("worker.grace = 0.5", "worker.grace", 0.5),
        ('worker.grace = "none"', "worker.grace", None),
    ],
)
def test_what_stands_in_it_counts(path: Path, text: str, key: str, value: Any) -> None:
    path.write_text(f"# mine\n{text}\n", encoding="utf-8")
    preferences = read_preferences(str(path))
    assert preferences.value(key) == value
    assert preferences.given[key] == value


def test_a_tilde_is_the_home_directory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    path.write_text('db = "~/queue.db"', encoding="utf-8")
    assert read_preferences(str(path)).value("db") == "/home/me/queue.db"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("\nlist.limt = 5", "line 2: unknown preference 'list.limt'", "did you mean 'list.limit'?"),
        ("[list]\n# a\nlimt = 5", "line 3: unknown preference 'list.limt'", "did you mean 'list.limit'?"),
        ("[list]\nlimit = 1\n[worker]\nlimit = 5", "line 4: unknown preference 'worker.limit'", ""),
        ("[lists]\nlimit = 5", "line 2: unknown preference 'lists.limit'", "did you mean 'list.limit'?"),
        ("[list]\n[nothing]", "line 1: unknown preference 'list'", ""),
        ("colour = 1", "line 1: unknown preference 'colour'", "the preferences are db, hints, quiet, list.limit, "),
        ("max-retries = 5", "line 1: unknown preference", "it is a setting of the store: queuectl config set max-retr"),
        ("[retention]\ndead = '1d'", "line 2: unknown preference", "it is a setting of the store"),
        ("list.limit = '5'", "line 1: list.limit: it is not a whole number", "write a number, without quotes"),
        ("list.limit = -1", "line 1: list.limit: it is not a whole number", ""),
        ("list.limit = true", "line 1: list.limit: it is not a whole number", ""),
        ("hints = 'no'", "line 1: hints: it is neither true nor false", "write true or false, without quotes"),
        ("worker.concurrency = 0", "line 1: worker.concurrency: it is not a whole number from 1 to 1024", ""),
        ("worker.grace = 'soon'", "line 1: worker.grace: 'soon' is not a duration", ""),
        ("worker.grace = -1", "line 1: worker.grace: it is not a duration", ""),
        ("worker.grace = nan", "line 1: worker.grace: it is not a duration", ""),
        ("db = 5", "line 1: db: it is not the location of a store", ""),
        ("db = ' '", "line 1: db: it is not the location of a store", ""),
        ("db = ", "not valid TOML: Invalid value (at ", "write lines such as"),
        ("db", "not valid TOML: ", "write lines such as"),
        (b"db = '\xff'", "it is not UTF-8", "write it as UTF-8"),
    ],
)
def test_what_is_not_right_is_named_with_its_line(path: Path, text: str | bytes, message: str, hint: str) -> None:
    said = _refused(path, text)
    assert said[0].startswith(message)
    assert said[1].startswith(hint)
    assert said[1]


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read"):
        read_preferences(str(tmp_path))


def test_every_default_is_what_reading_it_would_give() -> None:
    assert list(PREFERENCES) == list(DEFAULTS)
    for key, row in PREFERENCES.items():
        assert row.parse("none" if DEFAULTS[key] is None else DEFAULTS[key]) == DEFAULTS[key], key
        assert preference_text(DEFAULTS[key])
