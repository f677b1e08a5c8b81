from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from queuectl import config
from queuectl.config import (
    SETTINGS,
    Location,
    Settings,
    parse_location,
    parse_setting,
    parse_size,
    redact_url,
    setting,
    settings_from,
)
from queuectl.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

keys = st.sampled_from(sorted(SETTINGS))
valuelike = (
    st.text("0123456789.dhmsKMGTiB none", max_size=12) | st.sampled_from(["none", "1d", "90", "64MiB"]) | st.text()
)


def _result(parse: Callable[[], T]) -> T | InvalidInput:
    try:
        return parse()
    except InvalidInput as error:
        return error


# -- settings ---------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_contract() -> None:
    assert {key: row.default for key, row in SETTINGS.items()} == {
        "max-retries": "3",
        "backoff-base": "3",
        "backoff-max": "1d",
        "backoff-jitter": "0",
        "timeout": "none",
        "lease": "60s",
        "log-max-bytes": "64MiB",
        "retention.completed": "none",
        "retention.dead": "none",
        "retention.cancelled": "none",
    }


def test_an_empty_store_has_the_defaults_that_the_table_shows() -> None:
    shown = {key: row.default for key, row in SETTINGS.items()}
    assert settings_from({}) == settings_from(shown) == Settings()


@pytest.mark.parametrize("key", SETTINGS)
def test_a_default_is_canonical(key: str) -> None:
    assert parse_setting(key, SETTINGS[key].default) == SETTINGS[key].default


@pytest.mark.parametrize("key", SETTINGS)
def test_the_help_of_a_setting_is_one_line(key: str) -> None:
    assert SETTINGS[key].help
    assert "\n" not in SETTINGS[key].help


@pytest.mark.parametrize(
    ("key", "text", "stored"),
    [
        ("max-retries", "5", "5"),
        ("max-retries", " 5 ", "5"),
        ("max-retries", "0", "0"),
        ("max-retries", "1000000", "1000000"),
        ("backoff-base", "2.5", "2.5"),
        ("backoff-jitter", "1", "1"),
        ("backoff-max", "90", "90s"),
        ("backoff-max", "2h 30m", "2h30m"),
        ("timeout", "60s", "60s"),
        ("timeout", "None", "none"),
        ("lease", "2s", "2s"),
        ("log-max-bytes", "10 MB", "10MB"),
        ("log-max-bytes", "65536", "65536"),
        ("retention.completed", "7d", "7d"),
        ("retention.dead", "none", "none"),
    ],
)
def test_a_value_is_stored_as_it_was_written_without_needless_characters(key: str, text: str, stored: str) -> None:
    assert parse_setting(key, text) == stored


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("max-retries", "-1"),
        ("max-retries", "2.5"),
        ("max-retries", "1000001"),
        ("max-retries", "1 0"),
        ("max-retries", "none"),
        ("max-retries", ""),
        ("max-retries", "9" * 5000),
        ("backoff-base", "nan"),
        ("backoff-base", "1e3"),
        ("backoff-base", "1000001"),
        ("backoff-base", "-1"),
        ("backoff-jitter", "1.01"),
        ("backoff-jitter", "\u0660"),
        ("backoff-max", "none"),
        ("timeout", "0"),
        ("timeout", "soon"),
        ("lease", "1.9s"),
        ("lease", "none"),
        ("log-max-bytes", "64M"),
        ("log-max-bytes", "1025TiB"),
        ("log-max-bytes", "1e6"),
        ("log-max-bytes", ""),
        ("retention.dead", "-1d"),
    ],
)
def test_a_bad_value_is_refused_with_its_key_and_the_way_out(key: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(key)}: ") as caught:
        parse_setting(key, text)
    assert f"queuectl config unset {key}" in str(caught.value.hint)


def test_an_unknown_key_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InvalidInput, match="unknown setting 'max_retries'") as caught:
        parse_setting("max_retries", "3")
    assert caught.value.hint == "did you mean 'max-retries'?"
    with pytest.raises(InvalidInput) as caught:
        setting("xyzzy")
    assert caught.value.hint == "see queuectl config list"


@given(keys, valuelike)
def test_any_text_is_a_value_or_invalid_and_what_is_stored_reads_back(key: str, text: str) -> None:
    stored = _result(lambda: parse_setting(key, text))
    if isinstance(stored, InvalidInput):
        assert stored.hint
        return
    assert parse_setting(key, stored) == stored
    assert settings_from({key: stored}) == settings_from({key: text})


@given(st.text(), st.text())
def test_any_key_is_known_or_invalid(key: str, text: str) -> None:
    assume(key not in SETTINGS)
    with pytest.raises(InvalidInput, match="unknown setting"):
        parse_setting(key, text)


def test_stored_text_becomes_values_in_seconds_and_bytes() -> None:
    stored = {
        "max-retries": "5",
        "backoff-base": "2.5",
        "backoff-max": "1h",
        "backoff-jitter": "0.5",
        "timeout": "10m",
        "lease": "5s",
        "log-max-bytes": "1MiB",
        "retention.completed": "7d",
        "retention.dead": "30d",
        "retention.cancelled": "1d",
    }
    expected = Settings(5, 2.5, 3600.0, 0.5, 600.0, 5.0, 2**20, 604_800.0, 2_592_000.0, 86_400.0)
    assert settings_from(stored) == expected


def test_a_key_of_a_later_version_is_passed_over() -> None:
    assert settings_from({"cron-zone": "UTC", "max-retries": "7"}) == Settings(max_retries=7)


def test_a_stored_text_that_is_no_value_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"^lease: 'soon'"):
        settings_from({"lease": "soon"})


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("65536", 65_536),
        ("1B", 1),
        ("10MB", 10_000_000),
        ("10mb", 10_000_000),
        ("10kB", 10_000),
        ("64MiB", 67_108_864),
        ("1.5KiB", 1536),
        ("2 GiB", 2_147_483_648),
        ("1tib", 2**40),
        ("1024TiB", 2**50),
    ],
)
def test_a_size_means_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


# -- the environment --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "variable", "database"),
    [
        ("a.db", "b.db", "a.db"),
        (None, "b.db", "b.db"),
        (None, "", "queue.db"),
        (None, None, "queue.db"),
    ],
)
def test_the_option_comes_before_the_environment_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch, option: str | None, variable: str | None, database: str
) -> None:
    monkeypatch.delenv("QUEUECTL_DB", raising=False)
    if variable is not None:
        monkeypatch.setenv("QUEUECTL_DB", variable)
    assert config.database_url(option) == database


def test_an_empty_option_never_means_the_default_store() -> None:
    with pytest.raises(InvalidInput, match="empty") as caught:
        config.database_url("")
    assert "--db" in str(caught.value.hint)


def test_the_environment_is_handed_out_as_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUECTL_TEST", "1")
    config.environment()["QUEUECTL_TEST"] = "2"
    assert config.environment()["QUEUECTL_TEST"] == "1"


@pytest.mark.parametrize(
    ("no_color", "terminal", "expected"),
    [("1", "xterm", True), ("", "xterm", False), (None, "dumb", True), (None, "xterm", False), (None, None, False)],
)
def test_colour_is_unwanted_with_no_color_or_a_dumb_terminal(
    monkeypatch: pytest.MonkeyPatch,
    no_color: str | None,
    terminal: str | None,
    expected: bool,  # noqa: FBT001
) -> None:
    for name, value in (("NO_COLOR", no_color), ("TERM", terminal)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert config.no_color() is expected


def test_tracebacks_can_be_asked_for_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUEUECTL_DEBUG", raising=False)
    assert not config.debug()
    monkeypatch.setenv("QUEUECTL_DEBUG", "1")
    assert config.debug()


# -- locations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "kind", "path"),
    [
        ("queue.db", "sqlite", "queue.db"),
        ("/var/lib/queue.db", "sqlite", "/var/lib/queue.db"),
        ("a b:c@d.db", "sqlite", "a b:c@d.db"),
        ("sqlite:///queue.db", "sqlite", "queue.db"),
        ("sqlite:////var/lib/queue.db", "sqlite", "/var/lib/queue.db"),
        ("postgresql://user@host/jobs", "postgresql", ""),
        ("PostgreSQL://host/jobs", "postgresql", ""),
        ("mysql://host/jobs", "mysql", ""),
    ],
)
def test_a_location_names_an_engine_and_the_path_of_a_file(url: str, kind: str, path: str) -> None:
    assert parse_location(url) == Location(kind, path)


@pytest.mark.parametrize(
    "url", ["", "sqlite:///", "sqlite://", "sqlite://host/queue.db", ":memory:", "sqlite:///:memory:", "a\0b"]
)
def test_a_location_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_location(url)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("queue.db", "queue.db"),
        ("a:b@c.db", "a:b@c.db"),
        ("postgresql://host/jobs", "postgresql://host/jobs"),
        ("postgresql://host:5432/jobs", "postgresql://host:5432/jobs"),
        ("postgresql://user@host/jobs", "postgresql://user@host/jobs"),
        ("postgresql://user:secret@host/jobs", "postgresql://user:***@host/jobs"),
        ("postgresql://:secret@host/jobs", "postgresql://:***@host/jobs"),
        ("postgresql://host/jobs?password=secret&x=1", "postgresql://host/jobs?password=***&x=1"),
        ("postgresql://host/jobs?sslpassword=secret", "postgresql://host/jobs?sslpassword=***"),
        ("postgresql://host/jobs?p%61ssword=secret", "postgresql://host/jobs?p%61ssword=***"),
        ("postgresql://host/jobs?a=b&oauth_client_secret=x", "postgresql://host/jobs?a=b&oauth_client_secret=***"),
        ("postgresql://host/jobs?scram_client_key=x&a=b", "postgresql://host/jobs?scram_client_key=***&a=b"),
        ("host=db password='my secret' user=me", "host=db password=*** user=me"),
    ],
)
def test_a_location_is_shown_without_its_password(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(st.text())
@example("<a@b/c>")
@example("<a\nb>")
@example("<a?b#c>")
def test_no_password_of_a_url_is_ever_shown(secret: str) -> None:
    shown = redact_url(f"postgresql://user:{secret}@host:5432/jobs?password={quote(secret)}")
    assert shown == "postgresql://user:***@host:5432/jobs?password=***"


@given(st.text())
def test_redacting_twice_changes_nothing_more(url: str) -> None:
    assert redact_url(redact_url(url)) == redact_url(url)
