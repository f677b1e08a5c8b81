"""A chart in SVG, by hand: readable in light and dark and at the width of a README, with no font of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.result import Series

WIDTH = 840
LEFT = 150  #: where bars begin
RIGHT = 130  #: kept free for what stands at the end of a bar
BAR, GAP, GROUP_GAP = 13, 2, 12
TITLE, LEGEND = 34, 26
PADDING = 20

STYLE = """
  svg { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
  .card { fill: #ffffff; stroke: #d0d7de; }
  text { fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .note { fill: #59636e; font-size: 12px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
  .ours { font-weight: 700; }
  .line { stroke: #d0d7de; }
  .mark { stroke: #59636e; stroke-dasharray: 3 3; }
  .a0 { fill: #b6bfc9; } .a1 { fill: #8c97a4; } .a2 { fill: #66717e; }
  .b0 { fill: #7ab8f5; } .b1 { fill: #3a8ee6; } .b2 { fill: #1464b8; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d; }
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; stroke: #0d1117; }
    .line { stroke: #3d444d; }
    .mark { stroke: #9198a1; }
    .a0 { fill: #4a535e; } .a1 { fill: #69737f; } .a2 { fill: #8e99a6; }
    .b0 { fill: #1f5fa8; } .b1 { fill: #3a8ee6; } .b2 { fill: #8cc4ff; }
  }
"""


class Panel(NamedTuple):
    """A drawn part of the chart, at its own origin."""

    lines: list[str]
    height: float


def draw(series: Sequence[Series], ours: str, footer: str) -> str:
    """Return the whole chart: one panel below the other, our own bars in colour."""
    panels = [panel(one, ours) for one in series]
    lines, top = [], float(PADDING)
    for one in panels:
        lines += [f'<g transform="translate(0 {top:g})">', *one.lines, "</g>"]
        top += one.height + PADDING
    lines.append(_text(PADDING, top + 2, footer, "note"))
    height = top + PADDING
    title = "; ".join(one.title for one in series)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="8"/>',
            *lines,
            "</svg>\n",
        ]
    )


def panel(series: Series, ours: str) -> Panel:
    """Draw one comparison, the best first."""
    best_first = sorted(series.values, key=lambda name: _rank(series.values[name]), reverse=len(series.legend) > 1)
    bars = len(series.legend)
    longest = max(value for values in series.values.values() for value in values if value is not None)
    scale = (WIDTH - LEFT - RIGHT) / longest
    top = TITLE + (LEGEND if bars > 1 else 0)
    height = top + len(best_first) * (bars * (BAR + GAP) + GROUP_GAP)
    lines = [_text(PADDING, 16, series.title, "title")]
    if bars > 1:
        lines += _legend(series.legend)
        lines += _mark(LEFT + scale, top - 6, height - GROUP_GAP / 2)
    lines.append(f'<line class="line" x1="{LEFT}" x2="{LEFT}" y1="{top - 6}" y2="{height - GROUP_GAP / 2:g}"/>')
    for name in best_first:
        lines += _group(series, name, top, scale, "b" if name == ours else "a")
        top += bars * (BAR + GAP) + GROUP_GAP
    return Panel(lines, height)


def _rank(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known)


def _group(series: Series, name: str, top: float, scale: float, colour: str) -> Iterator[str]:
    """Draw the bars of one name and what they say."""
    values = series.values[name]
    middle = top + len(values) * (BAR + GAP) / 2 + 3
    yield _text(LEFT - 10, middle, name, "ours" if colour == "b" else "", 'text-anchor="end"')
    first = 0 if len(values) > 1 else 1
    for number, (value, label) in enumerate(zip(values, series.labels[name], strict=True)):
        y = top + number * (BAR + GAP)
        length = max(1.0, (value or 0) * scale)
        if value is not None:
            shade = f"{colour}{first + number}"
            yield f'<rect class="{shade}" x="{LEFT}" y="{y:g}" width="{length:.1f}" height="{BAR}" rx="2"/>'
            yield _text(LEFT + length + 7, y + BAR - 2, label, "note")


def _legend(names: Sequence[str]) -> Iterator[str]:
    """Explain the shades, in both colours."""
    x = LEFT
    for number, name in enumerate(names):
        for kind in ("b", "a"):
            yield f'<rect class="{kind}{number}" x="{x}" y="{TITLE - 6}" width="12" height="12" rx="2"/>'
            x += 14
        yield _text(x + 3, TITLE + 5, name, "note")
        x += 90


def _mark(x: float, top: float, bottom: float) -> Iterator[str]:
    """Draw the line at which something is as fast as what all are held against."""
    yield f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{top:g}" y2="{bottom:g}"/>'


def _text(x: float, y: float, words: str, kind: str, more: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:g}" {more}>{escape(words)}</text>'
