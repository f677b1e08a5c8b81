"""Text from users and jobs is shown, and never interpreted, in every form of output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl.cli.output import as_json, safe

if TYPE_CHECKING:
    from tests.integration.conftest import CommandLine

HOSTILE = [
    "[/foo]",
    "[red]x[/red] [link=http://x]y[/link]",
    ":fire: :smile:",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b31m",
    "a\u202eb\u2066c\u200bd\ufeff\u2028e",
    "line 1\nline 2\r\nline 3\ttab\x08\x7f",
    "日本語 👩‍👩‍👧 é̂",
    "x" * 10_000,
    "\\n \\x1b %s {} $HOME `id`",
]

COMMANDS = [("list",), ("dlq", "list"), ("status",), ("config", "list")]


def _printable(text: str) -> bool:
    return all(char.isprintable() or char in "\n\t" for char in text)


@pytest.fixture
def full(run: CommandLine) -> CommandLine:
    """A command line whose store holds hostile texts at every place that takes them."""
    jobs = [{"id": f"job {n}", "command": text, "max_retries": 1} for n, text in enumerate(HOSTILE)]
    names = [text for text in HOSTILE if text.isprintable() and "/" not in text and len(text) <= 255]
    jobs += [{"id": name, "command": "x", "unique_key": name, "env": {name: name}, "cwd": name} for name in names]
    jobs += [{"command": "x", "tags": [":fire:", "[foo]"], "env": {"\x1b[31m": "\x1b[31m"}}]
    run("-q", "enqueue", json.dumps(jobs))
    return run


@pytest.mark.parametrize("width", [None, 30, 60, 200])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_form_of_output_holds_a_control_character(
    full: CommandLine, command: tuple[str, ...], width: int | None
) -> None:
    full.settle("dead")
    if width:
        full.on_terminal(width)
    out = full(*command)
    assert _printable(out)
    assert "🔥" not in out
    assert _printable(full.said)


def test_plain_lines_are_complete_and_one_a_job(full: CommandLine) -> None:
    lines = [line.split("\t") for line in full("list").splitlines()]
    assert len({len(line) for line in lines}) == 1
    assert [line[-1] for line in lines[: len(HOSTILE)]] == [safe(text) for text in HOSTILE]


def test_json_is_complete_and_one_document(full: CommandLine) -> None:
    out = full("list", "--json")
    assert _printable(out)
    assert [job["command"] for job in json.loads(out)[: len(HOSTILE)]] == HOSTILE


def test_tables_show_markup_as_it_is(full: CommandLine) -> None:
    full.on_terminal(120)
    out = full("list")
    assert "[/foo]" in out
    assert ":fire: :smile:" in out
    assert "\\x1b[31mred" in out
    assert "a\\u202eb" in out


@pytest.mark.parametrize(
    "args",
    [
        ("dlq", "retry", "{}"),
        ("list", "--state", "{}"),
        ("config", "get", "{}"),
        ("{}",),
        ("enqueue", "--id", "{}/", "x"),
        ("list", "--{}"),
        ("enqueue", "--file", "{}"),
        ("--db", "missing/{}", "status"),
        ("enqueue", '{{"{}": 1}}'),
        ("enqueue", '{{"command": "x", "queue": "{}"}}'),
    ],
)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_message_holds_a_control_character(run: CommandLine, args: tuple[str, ...], text: str) -> None:
    words = [word.format(text) for word in args]
    assert run("--json", *words, code=_code(words)) == ""
    assert _printable(run.said)
    assert "\t" not in run.said
    assert len(run.said) < 3000 or len(text) > 3000
    json.loads(run.said.splitlines()[-1])


def _code(words: list[str]) -> int:
    return {"dlq": 3, "--db": 6}.get(words[0], 2)


def test_ids_that_a_sentence_names_are_safe(full: CommandLine) -> None:
    full.on_terminal()
    out = full("enqueue", "--id", "[/bar]:fire:".replace("/", ""), "x")
    assert out == "Enqueued job '[bar]:fire:'.\n"


def test_the_name_of_a_store_is_safe(run: CommandLine) -> None:
    out = run("--db", "a\x1b[31m\nb", "status")
    assert _printable(out + run.said)
    assert "a\\x1b[31m\\nb" in run.said
    assert _printable(run("--db", "a\x1b[31m\nb"))


@given(st.text())
def test_safe_text_is_printable_and_what_was_printable_is_unchanged(text: str) -> None:
    shown = safe(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


@given(
    st.recursive(
        st.none() | st.integers() | st.text(st.characters()), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_json_text_is_printable_and_reads_back(value: object) -> None:
    for indent in (None, 2):
        text = as_json(value, indent=indent)
        assert text.replace("\n", "").isprintable()
        assert json.loads(text) == value


@pytest.mark.parametrize(
    "line",
    [
        "show \udcff", "edit \udcff --priority 1", "retry \udcff", "cancel \udcff", "explain \udcff", "wait \udcff",
        "list --search \udcff", "dlq retry --all --yes --search \udcff", "events --job \udcff",
    ],
)  # fmt: skip
def test_bytes_that_are_no_text_are_refused_in_a_sentence(run: CommandLine, line: str) -> None:
    message, _ = run.error(*line.split(), code=2)
    assert message.endswith("is not valid UTF-8")


def test_a_user_whose_name_is_no_text_can_act(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "\udcff")
    assert run("pause", "--all") == "*\n"
