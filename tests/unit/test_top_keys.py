"""What a terminal sends, decoded into keys."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from queuectl.cli.top import keys
from queuectl.cli.top.keys import NAMES, decode

#: What terminals send for a key: those of xterm, of the Linux console, of rxvt, in application mode and not.
SENT = {
    b"\x1b[A": keys.UP, b"\x1bOA": keys.UP, b"\x1b[B": keys.DOWN, b"\x1bOB": keys.DOWN, b"\x1b[C": keys.RIGHT,
    b"\x1b[D": keys.LEFT, b"\x1b[1;5A": keys.UP, b"\x1b[H": keys.HOME, b"\x1b[1~": keys.HOME, b"\x1b[7~": keys.HOME,
    b"\x1bOF": keys.END, b"\x1b[4~": keys.END, b"\x1b[5~": keys.PAGE_UP, b"\x1b[6~": keys.PAGE_DOWN,
    b"\x1b[6;2~": keys.PAGE_DOWN, b"\x1b[Z": keys.BACK_TAB, b"\t": keys.TAB, b"\r": keys.ENTER, b"\n": keys.ENTER,
    b"\x1bOM": keys.ENTER, b"\x7f": keys.BACKSPACE, b"\x08": keys.BACKSPACE, b"\x15": keys.CLEAR,
    b"\x0c": keys.REDRAW, b"j": "j", b"/": "/", "é".encode(): "é", "漢".encode(): "漢", "🚀".encode(): "🚀",
}  # fmt: skip


@pytest.mark.parametrize("sent", SENT, ids=repr)
def test_a_key_is_known_by_what_is_sent_for_it(sent: bytes) -> None:
    assert decode(sent) == ([SENT[sent]], b"")


@pytest.mark.parametrize("sent", SENT, ids=repr)
def test_a_key_that_arrives_byte_by_byte_is_one_key(sent: bytes) -> None:
    found, rest = [], b""
    for byte in sent:
        some, rest = decode(rest + bytes([byte]))
        found += some
    assert (found, rest) == ([SENT[sent]], b"")


def test_an_esc_that_nothing_follows_is_a_key_only_after_a_while() -> None:
    assert decode(b"\x1b") == ([], b"\x1b")
    assert decode(b"\x1b", final=True) == ([keys.ESCAPE], b"")


def test_an_esc_and_a_letter_are_two_keys() -> None:
    assert decode(b"\x1bq") == ([keys.ESCAPE, "q"], b"")
    assert decode(b"\x1b\x1b[A") == ([keys.ESCAPE, keys.UP], b"")


@pytest.mark.parametrize("sent", [b"\x1b[15~", b"\x1b[200~", b"\x1b[?1;2c", b"\x1b[M", b"\x1bOP", b"\x01", b"\xff"])
def test_what_no_key_of_ours_sends_is_passed_over(sent: bytes) -> None:
    assert decode(sent + b"j") == (["j"], b"")


def test_a_sequence_that_never_ends_does_not_hold_the_keys_behind_it() -> None:
    assert decode(b"\x1b[12", final=True) == ([], b"")
    found, rest = decode(b"\x1b[" + b"1" * 100 + b"q")
    assert found[-1] == "q"
    assert rest == b""


pieces = st.lists(
    st.binary(max_size=6) | st.sampled_from([*SENT, b"\x1b", b"\x1b[", b"\x1b[1;", b"\xe6\xbc"]), max_size=12
)


@given(pieces)
@example([b"\x1b", b"[", b"A"])
def test_it_does_not_matter_in_how_many_reads_keys_arrive(some: list[bytes]) -> None:
    found, rest = [], b""
    for piece in some:
        more, rest = decode(rest + piece)
        found += more
    assert (found, rest) == decode(b"".join(some))


@given(st.binary(max_size=80))
def test_whatever_arrives_becomes_characters_and_known_names(data: bytes) -> None:
    found, rest = decode(data, final=True)
    assert rest == b""
    for key in found:
        assert key in NAMES or (len(key) == 1 and key.isprintable())
    assert len(decode(data)[1]) <= 40
