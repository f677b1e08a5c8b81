"""Durations and instants as people write them, and back.

A duration is a float of seconds, an instant an int of milliseconds since the Unix epoch
(UTC). Nothing here looks at the clock: what depends on the present takes `now`. The local
time zone is that of the process.
"""

# ruff: noqa: PLR2004 - the numbers of the calendar are their own explanation

from __future__ import annotations

import re
import time
from functools import lru_cache

from queuectl.errors import InvalidInput, quoted

#: The longest duration, in seconds: a hundred years.
MAX_DURATION = 36_525 * 86_400.0
#: The last instant, in milliseconds since the epoch: 9999-12-31T23:59:59.999Z.
MAX_INSTANT = 253_402_300_799_999

_DAY = 86_400
_FASTEST = 1000  #: a second, for instants are whole milliseconds
_LONGEST_TEXT = 100  #: what is longer is not looked at
#: Seconds in each unit of a duration, in the order in which they may follow each other.
_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
# Patterns are kept as text: `re` compiles and caches them when they are first needed, so
# that a command that parses no time does not pay for them at start-up.
_DURATION = "".join(rf"(?:{_NUMBER}{unit}\s*)?" for unit in _UNITS)
_CLOCK = r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?"
_RFC3339 = (
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DURATION_HINT = "write a duration like 90, 90s, 1.5s, 500ms, 10m, 2h30m or 1d"
_RATE_HINT = "write a rate like 5/s, 10/m or 100/h"
_TIME_HINT = "write a time like 2026-01-31T18:00:00Z, 2026-01-31T18:00:00+01:00, 18:00 or +10m"
_RFC3339_HINT = "write a time like 2026-01-31T18:00:00Z or 2026-01-31T18:00:00+01:00"


def parse_duration(text: str) -> float:
    """Return the seconds that `text` means: `90`, `90s`, `1.5s`, `500ms`, `10m`, `2h30m`, `1d`.

    Each unit stands at most once, larger ones first; spaces between them are allowed.

    Raises:
        InvalidInput: it is not a duration, or one of more than a hundred years.
    """
    bare = text.strip()
    seconds = _seconds_of(bare) if len(bare) <= _LONGEST_TEXT else None
    if seconds is None:
        raise InvalidInput(f"{quoted(text)} is not a duration", _DURATION_HINT)
    if seconds > MAX_DURATION:
        raise InvalidInput(f"{quoted(text)} is too long a duration", "the longest is 36525d, a hundred years")
    return seconds


def _seconds_of(text: str) -> float | None:
    if re.fullmatch(_NUMBER, text):
        return float(text)
    match = re.fullmatch(_DURATION, text) if text else None
    if match is None:
        return None
    *larger, milliseconds = match.groups("0")
    scales = _UNITS.values()
    whole = sum(float(number) * scale for number, scale in zip(larger, scales, strict=False))
    return whole + float(milliseconds) / 1000


def format_duration(seconds: float) -> str:
    """Return a short text for people: `35ms`, `0.3s`, `12s`, `2m 05s`, `3h 10m`, `2d 4h`.

    It is rounded to what a reader needs; `parse_duration` reads it back. A negative
    duration, which a clock that was set back can make, counts as none.
    """
    milliseconds = round(max(0.0, seconds) * 1000)
    if milliseconds < 100:
        return f"{milliseconds}ms" if milliseconds else "0s"
    if milliseconds < 10_000:
        return f"{round(milliseconds / 100) / 10:g}s"
    minutes, rest = divmod(round(milliseconds / 1000), 60)
    if minutes == 0:
        return f"{rest}s"
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes:02d}m"
    return f"{hours // 24}d {hours % 24}h"


def parse_rate(text: str) -> float:
    """Return the seconds between one and the next that a rate means: `10/m` is 6.0.

    A rate is a whole number a second, minute or hour: `5/s`, `10/m`, `100/h`.

    Raises:
        InvalidInput: it is not a rate, or a faster one than 1000 a second.
    """
    match = re.fullmatch(r"([0-9]{1,9})\s*/\s*([smh])", text.strip())
    number = int(match[1]) if match else 0
    if match is None or not number:
        raise InvalidInput(f"{quoted(text)} is not a rate", _RATE_HINT)
    if number > _FASTEST * _UNITS[match[2]]:
        raise InvalidInput(f"{quoted(text)} is too fast a rate", f"the fastest is {_FASTEST}/s")
    return _UNITS[match[2]] / number


def parse_time(text: str, now: int) -> int:
    """Return the instant that `text` means: RFC 3339, `HH:MM` (the next one) or `+10m`.

    Raises:
        InvalidInput: it is none of these, or not between 1970 and 9999.
    """
    bare = text.strip()
    if bare.startswith("+"):
        return instant_after(now, parse_duration(bare[1:]))
    match = re.fullmatch(_CLOCK, bare) if len(bare) <= _LONGEST_TEXT else None
    if match:
        hour, minute, second = (int(number) for number in match.groups("0"))
        return _next_on_the_clock(hour, minute, second, now=now)
    instant = _instant_of(bare)
    if instant is None:
        raise InvalidInput(f"{quoted(text)} is not a time", _TIME_HINT)
    return instant


def instant_after(now: int, seconds: float) -> int:
    """Return the instant `seconds` after `now`.

    Raises:
        InvalidInput: it is after the year 9999.
    """
    instant = now + round(seconds * 1000)
    if not 0 <= instant <= MAX_INSTANT:
        raise InvalidInput(f"{format_duration(seconds)} from now is after the year 9999", "choose a shorter duration")
    return instant


def _next_on_the_clock(hour: int, minute: int, second: int, *, now: int) -> int:
    """Return when the local clock next shows this time, skipping a day on which it does not.

    Where summer time ends a clock shows a time twice: both are candidates.
    """
    today = time.localtime(now // 1000)
    shown = (hour, minute, second)
    candidates = []
    for day in range(3):
        for summer in (0, 1):
            wanted = (*today[:2], today.tm_mday + day, *shown, 0, 0, summer)
            try:
                seconds = int(time.mktime(wanted))
            except OverflowError:  # no such time in this zone, or beyond the last year
                continue
            if seconds * 1000 > now and time.localtime(seconds)[3:6] == shown:
                candidates.append(seconds * 1000)
    if not candidates or min(candidates) > MAX_INSTANT:
        raise InvalidInput(f"the local clock does not show {hour:02d}:{minute:02d} again", _RFC3339_HINT)
    return min(candidates)


def parse_rfc3339(text: str) -> int:
    """Return the instant of an RFC 3339 date and time; a fraction is cut to milliseconds.

    A leap second counts as the second after it, as POSIX has it.

    Raises:
        InvalidInput: it is not one, has no offset, or is not between 1970 and 9999.
    """
    instant = _instant_of(text.strip())
    if instant is None:
        raise InvalidInput(f"{quoted(text)} is not an RFC 3339 time", _RFC3339_HINT)
    return instant


def _instant_of(text: str) -> int | None:
    match = re.fullmatch(_RFC3339, text) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(number) for number in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups("0")[6:]
    if not (0 < month <= 12 and 0 < day <= _days_in(year, month)):
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    if int(offset_hours) > 23 or int(offset_minutes) > 59:
        return None
    offset = int(offset_hours) * 3600 + int(offset_minutes) * 60
    seconds = _days_from_civil(year, month, day) * _DAY + hour * 3600 + minute * 60 + second
    seconds += offset if sign == "-" else -offset
    instant = seconds * 1000 + int(fraction[:3].ljust(3, "0"))
    return instant if 0 <= instant <= MAX_INSTANT else None


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def format_time(instant: int) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds: `2026-11-24T13:18:05.120Z`."""
    days, rest = divmod(instant, _DAY * 1000)
    minutes, milliseconds = divmod(rest, 60_000)
    hour, minute = divmod(minutes, 60)
    second, millisecond = divmod(milliseconds, 1000)
    return f"{_date(days)}T{hour:02d}:{minute:02d}:{second:02d}.{millisecond:03d}Z"


@lru_cache(maxsize=64)
def _date(days: int) -> str:
    """Return the date that is `days` after 1970-01-01, as `YYYY-MM-DD`.

    Source: `civil_from_days` in Howard Hinnant's "chrono-Compatible Low-Level Date
    Algorithms". The year begins in March, so that a leap day is the last of its year.
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year:04d}-{month:02d}-{day:02d}"


def _days_from_civil(year: int, month: int, day: int) -> int:
    """Return how many days after 1970-01-01 a date is; the inverse of `_date`."""
    era, year_of_era = divmod(year - (month <= 2), 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468
