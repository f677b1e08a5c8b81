from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from queuectl.signature import LONGEST, signature_of

#: Texts made of what error messages are made of.
_words = st.sampled_from(
    [*"'\"`/\\.:,-+()[]{}<>|=~ \t\r\x1b", "error", "can't", "/srv/a", "3", "0x1f", "a1b2c3d4", "2026-01-02", "10:20:30"]
)
_lines = st.text() | st.lists(_words, max_size=60).map("".join) | st.text(string.printable, max_size=300)


@pytest.mark.parametrize(
    ("line", "signature"),
    [
        ("cannot open /srv/in/7.csv: No such file", "cannot open <path>: No such file"),
        ("timeout after 30 s", "timeout after <n> s"),
        ("KeyError: 'user_12'", "KeyError: <text>"),
        ("I can't do it, and won't", "I can't do it, and won't"),
        ("2026-01-02T10:11:12.5Z ERROR at 10:20:30", "<time> ERROR at <time>"),
        ("Jan  2 10:11:12 host prog[17]: oops", "<time> host prog[<n>]: oops"),
        ("GET https://api.example.org/v1/users/9?x=1: 503", "GET <url> <n>"),
        ("object 3f2504e0-4f89-11d3-9a0c-0305e82c3301 at 0xDEADBEEF", "object <id> at <id>"),
        ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "commit <id>"),
        ("request req8f3k2q of sha256 in utf8", "request <id> of sha<n> in utf<n>"),
        ('  File "/x/y.py", line 12, in run', "File <text>, line <n>, in run"),
        ("src/foo/bar.py:12: and/or n/a", "<path>:<n>: and/or n/a"),
        ("~/data and ./x and ../y/z.", "<path> and <path> and <path>."),
        (r"C:\Users\joe\x.txt is missing", "<path> is missing"),
        ("offset -5 of 1,000,000 (1.5 %)", "offset <n> of <n> (<n> %)"),
        ("10%\r20%\r\x1b[31mError:\x1b[0m disk\tfull\r", "Error: disk full"),
        ("\x1b]0;title\x07bad\u202e thing", "bad thing"),
        ('{"level": "error", "msg": "no route to 10.0.0.7", "error": "EHOSTDOWN"}', "no route to <n>: EHOSTDOWN"),
        ('{"level": "error"}', "{<text>: <text>}"),
        ('{"msg": 5', "{<text>: <n>"),
    ],
)
def test_what_differs_from_run_to_run_is_folded(line: str, signature: str) -> None:
    assert signature_of("exit code 1", line) == signature


def test_without_output_the_reason_is_the_signature() -> None:
    assert signature_of("killed by SIGKILL", "") == "killed by SIGKILL"
    assert signature_of("timed out after 5m 00s", " \x1b[0m \r") == "timed out after <n>m <n>s"
    assert signature_of(None, "") == ""


def test_the_same_error_of_two_jobs_has_the_same_signature() -> None:
    lines = (f"worker {n}: cannot read '/data/{n}/in.csv' at 0x{n:08x} ({n} ms)" for n in (7, 123_456))
    assert len({signature_of(None, line) for line in lines}) == 1


@given(st.none() | _lines, _lines)
@example(None, "'a'1'")
@example(None, "x" * 195 + " '1' /a/b")
@example(None, '{"msg": "{\\"msg\\": \\"1\\"}"}')
def test_a_signature_is_short_plain_and_its_own_signature(error: str | None, line: str) -> None:
    signature = signature_of(error, line)
    assert len(signature) <= LONGEST
    assert signature.isprintable()
    assert not any(character.isdecimal() for character in signature)
    assert signature == " ".join(signature.split())
    assert signature_of(None, signature) == signature
    assert signature_of(error, line) == signature


@given(st.integers(0), st.integers(0))
def test_numbers_never_tell_two_errors_apart(one: int, other: int) -> None:
    assert signature_of(None, f"row {one}: bad") == signature_of(None, f"row {other}: bad")


@pytest.mark.parametrize("part", ["a", "'", "1a", "a/", "./", "0-", "x:", "http://", "Jan 1", "{", '{"', "\x1b[", "["])
def test_a_line_of_any_length_is_dealt_with(part: str) -> None:
    assert len(signature_of(None, part * 5000)) <= LONGEST
