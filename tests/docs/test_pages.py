"""What the documents show is typed as it stands, and what they only mention is there."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from queuectl.cli.app import cli
from tests.typed import ROOT, Step, steps_of, type_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines import Place

#: Pages for those who use the program.
PAGES = [
    str(path.relative_to(ROOT))
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.name not in {"reference.md", "decisions.md", "performance.md", "benchmarks.md"}
]
TYPED = [page for page in PAGES if "<!-- run -->" in (ROOT / page).read_text(encoding="utf-8")]


def test_the_pages_for_strangers_and_agents_are_typed() -> None:
    assert {"docs/tutorial.md", "docs/agents.md"} <= set(TYPED)


@pytest.mark.parametrize("page", TYPED)
def test_a_page_prints_what_it_shows(page: str, tmp_path: Path) -> None:
    steps = steps_of(page, "run")
    assert steps
    type_all(steps, tmp_path)


#: Where the pages say that the server is.
_PLACE = "postgresql://queue@db.example.com/queue"
ON_SERVER = [page for page in PAGES if "<!-- server -->" in (ROOT / page).read_text(encoding="utf-8")]


@pytest.mark.postgres
@pytest.mark.engines("postgres")
@pytest.mark.parametrize("page", ON_SERVER)
def test_a_page_prints_what_it_shows_of_a_server(page: str, place: Place, tmp_path: Path) -> None:
    steps = steps_of(page, "server")
    assert any(_PLACE in step.command for step in steps)
    there = [
        Step(
            step.command.replace(_PLACE, shlex.quote(place.url)),
            [line.replace(_PLACE, place.url) for line in step.shown],
        )
        for step in steps
    ]
    type_all(there, tmp_path)


def _commands(page: str) -> Iterator[list[str]]:
    """Yield the words of each call of the program in the code of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in re.findall(r"^```(?:console|sh|ini|yaml|crontab)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        joined = block.replace("\\\n", " ")
        for call in re.findall(r"(?:^|[\s/(])queuectl (.*)$", joined, re.MULTILINE):
            lexer = shlex.shlex(call, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = []
            try:
                for word in lexer:
                    if set(word) <= set("();<>|&"):
                        break
                    words.append(word)
            except ValueError:  # a quotation that goes on in the next line
                pass
            yield words


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_of_a_page_is_there(page: str) -> None:
    for words in _commands(page):
        group: click.Command = cli
        context = click.Context(cli, **cli.context_settings)
        rest = list(words)
        while isinstance(group, click.Group):
            while rest and rest[0].startswith("-"):  # shared options in front
                rest = rest[2 if rest[0] == "--db" else 1 :]
            if not rest or rest[0].isupper():
                break
            word = rest.pop(0)
            assert word in {*group.list_commands(context), "ls"}, (page, words)
            found = group.get_command(context, "list" if word == "ls" else word)
            if found is None:
                break
            group, context = found, click.Context(found, parent=context)
        else:
            group.make_parser(context).parse_args(rest)
