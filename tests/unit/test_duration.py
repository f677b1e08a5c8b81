from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from queuectl.duration import (
    MAX_DURATION,
    MAX_INSTANT,
    format_duration,
    format_time,
    instant_after,
    parse_duration,
    parse_rate,
    parse_rfc3339,
    parse_time,
)
from queuectl.errors import InvalidInput
from tests.strategies import instants, nows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

NOW = parse_rfc3339("2026-11-24T13:18:05.120Z")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Text that looks like a time or a duration more often than chance would have it.
timelike = st.text("0123456789-:.+ TtZzdhms", max_size=40) | st.text()


def _result(parse: Callable[[], T]) -> T | InvalidInput:
    try:
        return parse()
    except InvalidInput as error:
        return error


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def live_in(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield live_in
    monkeypatch.undo()
    time.tzset()


# -- durations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0", 0),
        ("1.5", 1.5),
        ("90s", 90),
        ("1.5s", 1.5),
        ("500ms", 0.5),
        ("10m", 600),
        ("2h30m", 9000),
        ("1d", 86_400),
        ("1d2h3m4s5ms", 93_784.005),
        ("2h 30m", 9000),
        (" 10m ", 600),
        ("0.5d", 43_200),
        ("36525d", MAX_DURATION),
    ],
)
def test_a_duration_means_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "s",
        "-1",
        "-5m",
        "+5",
        "10 0",
        "1 0m",
        "5x",
        "1h1h",
        "5m2h",
        "1e3",
        "nan",
        "inf",
        "none",
        "٣s",
        ".5s",
        "5.s",
    ],
)
def test_what_is_no_duration_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(repr(text))) as caught:
        parse_duration(text)
    assert "2h30m" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["36525d1ms", "9" * 90, "9" * 90 + "d"])
def test_a_duration_of_more_than_a_hundred_years_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="too long") as caught:
        parse_duration(text)
    assert "36525d" in str(caught.value.hint)


@given(timelike)
def test_any_text_is_a_duration_in_range_or_invalid(text: str) -> None:
    seconds = _result(lambda: parse_duration(text))
    if isinstance(seconds, InvalidInput):
        assert seconds.hint
    else:
        assert 0 <= seconds <= MAX_DURATION


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10/m", 6.0), ("1/s", 1.0), ("4/s", 0.25), ("1/h", 3600.0), (" 60 / h ", 60.0), ("1000/s", 0.001)],
)
def test_a_rate_means_the_seconds_from_one_to_the_next(text: str, seconds: float) -> None:
    assert parse_rate(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "10/", "/m", "0/s", "-1/s", "1.5/s", "10/d", "10/min", "10m", "1/1s", "٣/s", "9" * 99 + "/s"]
)
def test_what_is_no_rate_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a rate") as refused:
        parse_rate(text)
    assert "10/m" in (refused.value.hint or "")


def test_a_rate_of_more_than_a_thousand_a_second_is_refused() -> None:
    assert parse_rate("60000/m") == 0.001
    with pytest.raises(InvalidInput, match="too fast"):
        parse_rate("60001/m")


@given(st.integers(0, 10**9))
def test_milliseconds_are_read_exactly(milliseconds: int) -> None:
    assert parse_duration(f"{milliseconds}ms") == milliseconds / 1000


@given(st.integers(0, 9), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_the_units_of_a_duration_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0004, "0s"),
        (0.035, "35ms"),
        (0.0996, "0.1s"),
        (0.3, "0.3s"),
        (3.0, "3s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (12.4, "12s"),
        (59.6, "1m 00s"),
        (125, "2m 05s"),
        (3599.7, "1h 00m"),
        (11_400, "3h 10m"),
        (86_399, "23h 59m"),
        (187_200, "2d 4h"),
        (-5, "0s"),
    ],
)
def test_a_duration_is_shown_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(0, MAX_DURATION))
def test_a_shown_duration_is_near_the_true_one(seconds: float) -> None:
    half_a_step = 0.0005 if seconds < 0.0995 else 0.05
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=0.05, abs=half_a_step * 1.001)


@given(st.floats(0, MAX_DURATION))
def test_showing_a_shown_duration_changes_nothing(seconds: float) -> None:
    shown = format_duration(seconds)
    assert format_duration(parse_duration(shown)) == shown


@given(st.floats(0, MAX_DURATION), st.floats(0, MAX_DURATION))
def test_a_longer_duration_is_never_shown_as_a_shorter_one(one: float, other: float) -> None:
    shorter, longer = sorted([one, other])
    assert parse_duration(format_duration(shorter)) <= parse_duration(format_duration(longer))


# -- instants ---------------------------------------------------------------------------------


def test_an_instant_is_shown_in_utc_with_milliseconds() -> None:
    assert format_time(0) == "1970-01-01T00:00:00.000Z"
    assert format_time(1_795_526_285_120) == "2026-11-24T13:18:05.120Z"
    assert format_time(MAX_INSTANT) == "9999-12-31T23:59:59.999Z"


@given(instants)
def test_a_shown_instant_reads_back_as_itself(instant: int) -> None:
    assert parse_rfc3339(format_time(instant)) == instant
    assert parse_time(format_time(instant), 0) == instant


@given(instants)
def test_an_instant_is_shown_as_datetime_shows_it(instant: int) -> None:
    moment = EPOCH + timedelta(milliseconds=instant)
    assert format_time(instant) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_the_turns_of_every_month_and_year_are_shown_as_datetime_shows_them() -> None:
    for year in range(1970, 10_000):
        for month, day in ((1, 1), (2, 28), (3, 1), (12, 31)):
            date = datetime(year, month, day, tzinfo=UTC)
            instant = (date - EPOCH) // timedelta(milliseconds=1)
            assert format_time(instant) == f"{date:%Y-%m-%d}T00:00:00.000Z"
            assert parse_rfc3339(f"{date:%Y-%m-%d}T00:00:00Z") == instant


@given(instants, instants)
def test_shown_instants_sort_as_instants_do(one: int, other: int) -> None:
    assert (format_time(one) < format_time(other)) == (one < other)


@given(st.integers(-(10**18), 10**18))
def test_any_stored_number_can_be_shown_as_an_instant(instant: int) -> None:
    assert format_time(instant).endswith("Z")


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - the zone is drawn beside it
    st.timezones(),
)
def test_an_offset_is_taken_into_account(moment: datetime, zone: object) -> None:
    aware = moment.replace(tzinfo=zone)  # type: ignore[arg-type]
    text = aware.isoformat()
    assume(re.search(r"[+-]\d\d:\d\d$", text))  # before standard time offsets had seconds
    assert parse_rfc3339(text) == (aware - EPOCH) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-24t13:18:05z", "2026-11-24T13:18:05.000Z"),
        ("2026-11-24 13:18:05Z", "2026-11-24T13:18:05.000Z"),
        ("2026-11-24T14:18:05+01:00", "2026-11-24T13:18:05.000Z"),
        ("2026-11-24T13:18:05-00:00", "2026-11-24T13:18:05.000Z"),
        ("2026-11-24T08:18:05-05:00", "2026-11-24T13:18:05.000Z"),
        ("2026-11-24T13:18:05.1Z", "2026-11-24T13:18:05.100Z"),
        ("2026-11-24T13:18:05.1239999Z", "2026-11-24T13:18:05.123Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
        ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"),
    ],
)
def test_every_spelling_of_rfc_3339_is_read(text: str, same: str) -> None:
    assert format_time(parse_rfc3339(text)) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24T13:18:05",
        "2026-11-24T13:18Z",
        "2026-13-24T13:18:05Z",
        "2026-00-24T13:18:05Z",
        "2026-11-31T13:18:05Z",
        "2026-11-00T13:18:05Z",
        "2025-02-29T13:18:05Z",
        "2100-02-29T13:18:05Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T13:60:05Z",
        "2026-11-24T13:18:61Z",
        "2026-11-24T13:18:05+24:00",
        "2026-11-24T13:18:05+01:60",
        "2026-11-24T13:18:05+0100",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "2026-11-24T13:18:05.Z",
        "٢٠٢٦-11-24T13:18:05Z",
    ],
)
def test_what_is_no_instant_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(repr(text))) as caught:
        parse_rfc3339(text)
    assert "2026-01-31T18:00:00Z" in str(caught.value.hint)
    with pytest.raises(InvalidInput, match="is not a time"):
        parse_time(text, NOW)


@given(timelike, instants)
def test_any_text_is_an_instant_in_range_or_invalid(text: str, now: int) -> None:
    for instant in (_result(lambda: parse_rfc3339(text)), _result(lambda: parse_time(text, now))):
        if isinstance(instant, InvalidInput):
            assert instant.hint
        else:
            assert 0 <= instant <= MAX_INSTANT


@given(st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:00)", fullmatch=True))
def test_a_date_is_accepted_exactly_when_datetime_accepts_it(text: str) -> None:
    try:
        expected = (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)
    except ValueError:
        expected = -1
    try:
        assert parse_rfc3339(text) == expected
    except InvalidInput:
        assert not 0 <= expected <= MAX_INSTANT or text[11:13] == "24"  # which Python 3.14 accepts


@given(nows, st.integers(0, 10**9))
def test_a_time_after_plus_counts_from_now(now: int, seconds: int) -> None:
    assert parse_time(f"+{seconds}s", now) == now + seconds * 1000
    assert parse_time(f"+ {seconds}s", now) == instant_after(now, seconds)


def test_a_time_after_plus_may_not_leave_the_calendar() -> None:
    with pytest.raises(InvalidInput, match="9999") as caught:
        parse_time("+1d", MAX_INSTANT)
    assert caught.value.hint == "choose a shorter duration"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("UTC", "13:30", "2026-11-24T13:30:00.000Z"),
        ("UTC", "13:18", "2026-11-25T13:18:00.000Z"),
        ("UTC", "13:18:06", "2026-11-24T13:18:06.000Z"),
        ("UTC", "9:05", "2026-11-25T09:05:00.000Z"),
        ("Europe/Berlin", "14:30", "2026-11-24T13:30:00.000Z"),
        ("Europe/Berlin", "00:00", "2026-11-24T23:00:00.000Z"),
        ("America/New_York", "08:00", "2026-11-25T13:00:00.000Z"),
        ("Asia/Kolkata", "18:49", "2026-11-24T13:19:00.000Z"),
    ],
)
def test_a_time_of_day_is_the_next_one_on_the_local_clock(
    zone: Callable[[str], None], name: str, text: str, expected: str
) -> None:
    zone(name)
    assert format_time(parse_time(text, NOW)) == expected


def test_a_time_of_day_that_is_now_is_tomorrow(zone: Callable[[str], None]) -> None:
    zone("UTC")
    now = parse_rfc3339("2026-11-24T13:18:00Z")
    assert parse_time("13:18", now) == now + 86_400_000
    assert parse_time("13:18", now - 1) == now


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-28T12:00:00Z", "2026-03-30T00:30:00.000Z"),  # 02:30 does not happen on the 29th
        ("2026-10-24T22:00:00Z", "2026-10-25T00:30:00.000Z"),  # it happens twice: first in summer time
        ("2026-10-25T00:45:00Z", "2026-10-25T01:30:00.000Z"),  # and again an hour later
    ],
)
def test_a_time_of_day_where_the_clocks_change_is_one_that_the_clock_shows(
    zone: Callable[[str], None], now: str, expected: str
) -> None:
    zone("Europe/Berlin")
    assert format_time(parse_time("02:30", parse_rfc3339(now))) == expected


@given(nows, st.integers(0, 23), st.integers(0, 59))
def test_the_next_time_of_day_lies_within_two_days(now: int, hour: int, minute: int) -> None:
    instant = parse_time(f"{hour:02d}:{minute:02d}", now)
    assert now < instant <= now + 49 * 3_600_000
    assert time.localtime(instant // 1000)[3:6] == (hour, minute, 0)


@pytest.mark.parametrize("text", ["24:00", "12:60", "1:2", "12:", ":30", "12:30pm", "12:30:60"])
def test_what_no_clock_shows_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a time") as caught:
        parse_time(text, NOW)
    assert "18:00" in str(caught.value.hint)


def test_a_time_of_day_that_the_system_cannot_compute_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflow(_: object) -> float:
        raise OverflowError

    monkeypatch.setattr(time, "mktime", overflow)
    with pytest.raises(InvalidInput, match="does not show 18:00 again"):
        parse_time("18:00", NOW)


def test_a_time_of_day_after_the_last_year_is_refused(zone: Callable[[str], None]) -> None:
    zone("UTC")
    with pytest.raises(InvalidInput, match="again"):
        parse_time("00:00", MAX_INSTANT)
