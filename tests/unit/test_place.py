"""Taking the location of a store on a server apart."""

from __future__ import annotations

import pytest

pytest.importorskip("psycopg")

from queuectl.errors import InvalidInput
from queuectl.repository.postgres.place import DEFAULT_SCHEMA, place_of


@pytest.mark.parametrize(
    ("url", "conninfo", "schema", "location"),
    [
        ("postgresql://u@h:1/q", "postgresql://u@h:1/q", DEFAULT_SCHEMA, "postgresql://u@h:1/q"),
        ("postgres://u@h/q", "postgresql://u@h/q", DEFAULT_SCHEMA, "postgresql://u@h/q"),
        ("postgresql://u:p%40w@h/q", "postgresql://u:p%40w@h/q", DEFAULT_SCHEMA, "postgresql://u@h/q"),
        (
            "postgresql://h/q?schema=s&password=p+w&sslmode=require",
            "postgresql://h/q?password=p%20w&sslmode=require",
            "s",
            "postgresql://h/q?sslmode=require&schema=s",
        ),
        (
            "postgresql:///q?host=/run/pg",
            "postgresql:///q?host=/run/pg",
            DEFAULT_SCHEMA,
            "postgresql:///q?host=/run/pg",
        ),
        ("postgresql://", "postgresql://", DEFAULT_SCHEMA, "postgresql://"),
        (
            "postgresql://a:1,b:2/q?application_name=x@y",
            "postgresql://a:1,b:2/q?application_name=x%40y",
            DEFAULT_SCHEMA,
            "postgresql://a:1,b:2/q?application_name=x%40y",
        ),
        ("postgresql://u:p@[::1]:5/q", "postgresql://u:p@[::1]:5/q", DEFAULT_SCHEMA, "postgresql://u@[::1]:5/q"),
    ],
)
def test_a_location_becomes_what_libpq_takes_and_what_may_be_seen(
    url: str, conninfo: str, schema: str, location: str
) -> None:
    place = place_of(url)
    assert (place.conninfo, place.schema, place.location) == (conninfo, schema, location)
    assert place_of(place.location).location == location, "it leads to the same store"


def test_what_others_are_told_of_the_database_is_without_what_only_we_know() -> None:
    assert place_of("postgresql://u:p@h/q?schema=s").database == "postgresql://u@h/q"


@pytest.mark.parametrize("password", ["a/b", "a?b", "a#b", "a@b", "a b", "a%zz", "12a/b"])
def test_a_password_that_would_end_too_early_is_refused_without_being_told(password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        place_of(f"postgresql://u:{password}@h/q")
    assert password not in f"{caught.value.message}{caught.value.hint}"
    assert "cannot stand in a URL" in caught.value.message


@pytest.mark.parametrize(
    "url", ["postgresql://[::1/q", "postgresql://h/q?frob=1", "postgresql://h/q?schema=S", "postgresql://h/%zz"]
)
def test_what_libpq_cannot_read_is_refused_before_anything_is_tried(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        place_of(url)
    assert caught.value.hint
    assert caught.value.__cause__ is None


def test_who_is_in_a_hurry_waits_less_unless_the_url_says_how_long() -> None:
    assert place_of("postgresql://h/q").hurried().defaults["connect_timeout"] == "2"
    assert "connect_timeout" not in place_of("postgresql://h/q?connect_timeout=30").hurried().defaults


def test_options_of_the_user_do_not_lead_to_another_schema() -> None:
    options = place_of("postgresql://h/q?schema=s&options=-csearch_path%3Dpublic%20-cwork_mem%3D1MB").defaults[
        "options"
    ]
    assert options == "-csearch_path=public -cwork_mem=1MB -csearch_path=s"
