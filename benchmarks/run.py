"""Measure queuectl against its goals and beside its peers, in one run, in turn: ratios, not times.

    nox -s bench                     a table in a few minutes
    nox -s bench -- full             more rounds, larger numbers: half an hour
    nox -s bench -- drain wake       only these
    nox -s bench -- full --report    writes docs/benchmarks.md and docs/benchmarks.svg as well
    nox -s bench -- postgres --report    writes only that part of docs/benchmarks.md

Peers are measured if they are here; those that are not are named with what installs them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

# Run by path, it would find its own directory only.
sys.path.insert(0, str(Path(__file__).parents[1]))

import queuectl
from benchmarks import chart, machine, report
from benchmarks.catalogue import BENCHMARKS
from benchmarks.peers import OURS, PEERS
from benchmarks.result import HEADINGS
from benchmarks.scale import DEFAULT, FULL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.result import Result, Table
    from benchmarks.scale import Scale

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Measure what was asked for, print it, and write it down if that is wanted."""
    options = parse(sys.argv[1:])
    if options.list:
        print(report.listing())
        return
    forget_the_surroundings()
    scale = FULL if options.full else DEFAULT
    facts = machine.facts()
    print(*(f"{name}: {value}" for name, value in facts.items()), *_warnings(), sep="\n")
    results = measure(options.names, scale)
    if options.report and options.names == [report.APART]:
        write_apart(results, facts, scale, options.into)
    elif options.report:
        write(results, facts, scale, options.into)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; `full` may stand among the names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument(
        "--full", action="store_true", help="more rounds and larger numbers; the name `full` does it too"
    )
    parser.add_argument("--list", action="store_true", help="say what each benchmark measures and what not")
    parser.add_argument("--report", action="store_true", help="write the page and the chart when all is done")
    parser.add_argument("--into", type=Path, default=ROOT / "docs", metavar="DIR", help="where to; default: docs")
    options = parser.parse_args(arguments)
    options.full = options.full or "full" in options.names
    options.names = [name for name in options.names if name != "full"] or list(BENCHMARKS)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; --list names them")
    is_partial = len(options.names) < len(BENCHMARKS) and options.names != [report.APART]
    if options.report and is_partial and options.into == ROOT / "docs":
        parser.error(f"the report has all benchmarks; leave out the names, name {report.APART}, or say --into DIR")
    return options


def forget_the_surroundings() -> None:
    """Drop what children would inherit and what slows them; end tidily at TERM, with all that was started."""
    for variable in [name for name in os.environ if name.startswith(("PYTHON", "QUEUECTL_"))]:
        del os.environ[variable]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _warnings() -> list[str]:
    """Say what makes the figures worth less."""
    absent = [f"not found: {peer.name}; {peer.install}" for peer in PEERS if not peer.version()]
    if ROOT / "src" in Path(queuectl.__file__).parents:
        absent.append("queuectl is an editable install, which slows every start: measure a wheel (nox -s bench)")
    return absent


def measure(names: Sequence[str], scale: Scale) -> dict[str, Result]:
    """Run the benchmarks, and print each as soon as it is done."""
    results = {}
    print("", report.head([*HEADINGS, "after"]), sep="\n", flush=True)
    tables: list[Table] = []
    began = time.monotonic()
    for name in names:
        results[name] = BENCHMARKS[name].measure(scale)
        for figure in results[name].figures:
            print(report.row([*figure.cells(), f"{time.monotonic() - began:.0f} s"]), flush=True)
        tables += results[name].tables
    for table in tables:
        print("", report.table(table), sep="\n")
    print(f"\n{time.monotonic() - began:.0f} s in all")
    return results


def write_apart(results: dict[str, Result], facts: dict[str, str], scale: Scale, into: Path) -> None:
    """Make that part of the page anew which can be made by itself; the others stay as they were measured."""
    page = into / "benchmarks.md"
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    part = report.apart(results[report.APART], facts, scale)
    page.write_text(report.with_apart(before, part), encoding="utf-8")
    print(f"written: {page}")


def write(results: dict[str, Result], facts: dict[str, str], scale: Scale, into: Path) -> None:
    """Write the page and the chart."""
    into.mkdir(parents=True, exist_ok=True)
    series = [one for result in results.values() for one in result.series]
    (into / "benchmarks.md").write_text(report.page(results, facts, scale), encoding="utf-8")
    footer = f"{facts['processor']}; {facts['disk']}; {facts['date']}. What each keeps: benchmarks.md"
    if series:
        (into / "benchmarks.svg").write_text(chart.draw(series, OURS.name, footer), encoding="utf-8")
    print(f"written: {into}/benchmarks.md, {into}/benchmarks.svg")


if __name__ == "__main__":
    main()
