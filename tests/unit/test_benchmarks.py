"""The benchmark suite's own arithmetic, drawing and writing; nothing is measured here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from benchmarks import bloat, chart, report, run
from benchmarks.catalogue import BENCHMARKS
from benchmarks.goals import GOALS
from benchmarks.measure import Spread, digits, in_turn, percentile, ratios, spread
from benchmarks.peers import PEERS
from benchmarks.result import Figure, Result, Series, Table, absolute, ratio
from benchmarks.scale import DEFAULT, FULL

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = [path for path in Path(run.__file__).parent.rglob("*.py") if path.name != "goals.py"]
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in FILES)


def test_candidates_run_one_after_another_in_every_round() -> None:
    order: list[str] = []

    def candidate(name: str) -> Callable[[], float]:
        def once() -> float:
            order.append(name)
            return float(len(order))

        return once

    samples = in_turn({"a": candidate("a"), "b": candidate("b")}, 2)
    assert order == ["a", "b", "a", "b"]
    assert samples == {"a": [1, 3], "b": [2, 4]}


def test_ratios_are_made_within_a_round_before_their_median_is_taken() -> None:
    assert ratios([2, 30, 8], [1, 10, 2]) == [2, 3, 4]
    assert spread([2, 4, 3]) == Spread(3, 2, 4)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100)]
    assert percentile(values, 0.99) == 99
    assert percentile(values, 0.5) == 50
    assert percentile([7.0], 0.99) == 7


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.00512, "0.0051"), (0.5, "0.50"), (0.999, "1.00"), (1.256, "1.26"), (12.34, "12.3"), (99.97, "100"),
     (123.4, "123"), (1234, "1,230"), (98765.4, "98,800")],
)  # fmt: skip
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert digits(value) == text


def test_a_goal_is_met_by_the_median() -> None:
    assert ratio("version", "what", [1.1, 9], "import", [1, 9]).verdict == "met"
    assert absolute("turn", "what", [39, 41, 90], "µs").verdict == "**missed**"
    assert ratio("", "what", [1], "import", [2]).verdict == "–"


@pytest.mark.parametrize("name", GOALS)
def test_every_goal_is_held_against_a_figure(name: str) -> None:
    family = name.rpartition("-")[0]
    assert f'"{name}"' in SOURCE or f'f"{family}-{{' in SOURCE


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_says_what_it_measures_and_what_not(name: str) -> None:
    about = BENCHMARKS[name].about
    assert "\nMeasured: " in about
    assert "\nNot measured: " in about
    assert f"{name}\n" in report.listing()


def test_every_peer_says_what_it_keeps_and_how_to_get_it() -> None:
    for peer in PEERS:
        assert peer.name
        assert peer.keeps
        assert peer.how
        assert peer.install or peer.version()


def test_full_is_larger_in_everything_or_equal() -> None:
    assert all(more >= less for more, less in zip(FULL[1:], DEFAULT[1:], strict=True))


def test_full_may_stand_among_the_names() -> None:
    options = run.parse(["full", "drain"])
    assert (options.full, options.names) == (True, ["drain"])
    assert run.parse([]).names == list(BENCHMARKS)


@pytest.mark.parametrize("words", [["drian"], ["drain", "--report"]])
def test_what_would_mislead_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.parse(words)
    assert "error: " in capsys.readouterr().err


SERIES = Series(
    "Speed <of all>",
    ["1 at a time", "8 at a time"],
    {"queuectl": [0.8, 0.9], "nq & co": [0.5, None]},
    {"queuectl": ["0.80", "0.90"], "nq & co": ["0.50", ""]},
)


def test_the_chart_is_well_formed_and_has_a_bar_for_every_value() -> None:
    drawn = ET.fromstring(chart.draw([SERIES], "queuectl", "a < b"))  # noqa: S314 - we have just written it
    bars = [rect for rect in drawn.iter("{http://www.w3.org/2000/svg}rect") if rect.get("height") == str(chart.BAR)]
    assert len(bars) == 3
    assert {"nq & co", "Speed <of all>", "a < b"} <= {element.text for element in drawn.iter()}


def test_the_page_has_every_figure_and_every_peer() -> None:
    figure = Figure("version", "`queuectl --version`", "28 ms", "import: 31 ms", Spread(0.9, 0.8, 1.0), "×")
    table = Table("Drain", ["", "rate"], [["nq", "500"]], "A note.")
    page = report.page({"startup": Result([figure], [table])}, {"date": "2026-11-24"}, DEFAULT)
    assert "| `queuectl --version` | 28 ms | import: 31 ms | **0.90** (0.80 to 1.00) | ≤ 1.15 × | met |" in page
    assert "| nq | 500 |" in page
    assert all(f"| {peer.name} |" in page for peer in PEERS)
    assert all(f"`nox -s bench -- {name}`" in page for name in BENCHMARKS)


def test_the_part_about_servers_is_made_anew_without_the_others() -> None:
    figure = Figure("server-turn-1", "a turn", "1 ms", "bare: 1 ms", Spread(1.2, 1.1, 1.3), "×")
    facts = {"date": "2026-11-24", "processor": "one", "disk": "fast"}
    page = report.page({"startup": Result([]), "postgres": Result([])}, facts, DEFAULT)
    part = report.apart(Result([figure]), facts, DEFAULT)
    changed = report.with_apart(page, part)
    assert changed.count("| a turn | 1 ms | bare: 1 ms | **1.20** (1.10 to 1.30) | ≤ 1.5 × | met |") == 1
    assert changed.partition(report.BEGINS)[0] == page.partition(report.BEGINS)[0]
    assert report.with_apart(changed, part) == changed
    assert run.parse(["postgres", "--report"]).report


def test_without_a_server_its_part_is_left_out_and_a_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.peers.servers.postgres_programs", lambda: None)
    assert BENCHMARKS["postgres"].measure(DEFAULT) == Result([])
    assert capsys.readouterr().err.startswith("left out: postgres: no server is installed; apt-get install postgresql")


def test_a_minute_of_the_watch_is_a_line_of_its_table() -> None:
    cells = bloat.Look(1_000, 20, 3, 5_000_000, 2_400_000, 7_600_000, 9).cells(2, 1234.5)
    assert cells == ["2", "1,230", "1,000", "20", "5", "2", "8", "3"]
    assert len(cells) == len(bloat.HEADINGS)


def test_a_peer_that_fails_is_left_out_but_we_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> float:
        raise RuntimeError("ran 2 of 3 jobs")

    assert in_turn({"nq": fail, "ours": lambda: 1.0}, 2, optional={"nq"}) == {"ours": [1, 1]}
    assert capsys.readouterr().err == "left out: nq: ran 2 of 3 jobs\n"
    with pytest.raises(RuntimeError):
        in_turn({"ours": fail}, 1)
