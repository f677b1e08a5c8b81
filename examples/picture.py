"""Film a worker's live display: `python examples/picture.py docs/live.svg`; without a file it is only a try.

The worker is real, and so are its jobs, though what they do is made up. The picture holds no
script and fetches nothing; where animations are not wanted or not known it stands still.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.console import Console

from queuectl.cli.live import LiveDisplay
from queuectl.model import JobSpec
from queuectl.repository import open_repository
from queuectl.worker.engine import run_worker
from queuectl.worker.options import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.style import Style
    from rich.text import Text

COLUMNS, LINES, SLOTS = 92, 27, 4
CELL, LINE, MARGIN, BAR = 8.4, 19, 14, 34  #: pixels
STILL = 0.4  #: the moment of a picture that does not move, as a share of the film
HOLD = 2.5  #: seconds for which the last frame stands

COLORS = {
    "default": "#d5d9e2", "black": "#15181e", "red": "#f07178", "green": "#9ccc65", "yellow": "#ffcb6b",
    "blue": "#82aaff", "magenta": "#c792ea", "cyan": "#6fd3e3", "white": "#d5d9e2", "bright_black": "#4b5363",
}  # fmt: skip
FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"

#: What the jobs' commands do: take their time, and fail until an attempt that they are told.
SCRIPT = """#!/bin/sh
sleep "$TAKES"
[ "$QUEUECTL_ATTEMPT" -ge "${WORKS_AT:-1}" ] || exit "$CODE"
"""


class Shot(NamedTuple):
    """One frame and its time."""

    at: float
    lines: list[Text]


class Film:
    """Takes the place of the terminal."""

    shows_unicode = True

    def __init__(self) -> None:
        self.shots: list[Shot] = []

    @property
    def is_open(self) -> bool:
        return bool(self.shots)

    def size(self) -> tuple[int, int]:
        return COLUMNS, LINES

    def is_ready(self) -> bool:
        return True

    def draw(self, lines: Sequence[Text]) -> None:
        self.shots.append(Shot(time.monotonic(), list(lines)))

    def close(self, lines: Sequence[Text]) -> None:
        """Pass over what would stay on a terminal."""


def jobs(directory: Path) -> Iterator[JobSpec]:
    """Make up a queue: many small jobs, some that fail, one that never works, one that takes too long."""

    def thumbnails(first: int, end: int) -> Iterator[JobSpec]:
        for number in range(first, end):
            command = f"thumbnail photos/IMG_{number * 7}.jpg --size 640"
            yield job(f"thumb-{number}", command, 0.2 + number % 4 * 0.2)

    def job(job_id: str, command: str, takes: float, works_at: int = 1, code: int = 1, **more: float) -> JobSpec:
        script = directory / command.split(maxsplit=1)[0]
        script.write_text(SCRIPT)
        script.chmod(0o700)
        path = f"{directory}:{os.defpath}"
        env = {"PATH": path, "TAKES": str(takes), "WORKS_AT": str(works_at), "CODE": str(code)}
        spec = JobSpec(command, job_id, env=env, cwd=str(directory))
        return spec._replace(
            timeout=more.get("timeout"), backoff_base=more.get("base"), max_retries=int(more.get("tries", 3))
        )

    yield job("backup", "dump-database --gzip shop > shop.sql.gz", 8.2, timeout=10)
    yield job("mail-881", "send-mail --to ada@example.org welcome.txt", 0.7, works_at=3, code=75, base=2)
    yield job("crm", "sync-customers --since yesterday", 0.4, works_at=9, code=1, base=1.2)
    yield job("report", "render-report --month 10 --out report.pdf", 30, timeout=2.5, base=3, tries=2)
    yield from thumbnails(101, 115)
    yield job("film-12", "transcode 'Summer 2026.mkv' --preset slow", 6.3, timeout=8)
    yield from thumbnails(115, 125)
    yield job("index", "build-index docs/ --lang en,de,fr", 2.2)
    yield from thumbnails(125, 148)


def film(directory: Path) -> list[Shot]:
    """Run a worker until nothing is left, and return what its display showed."""
    os.chdir(directory)
    repository = open_repository("queue.db")
    try:
        repository.enqueue(jobs(directory), now=time.time_ns() // 1_000_000)
        options = WorkerOptions(slots=SLOTS, drain=True, name="worker-1")
        reel = Film()
        run_worker(repository, options, LiveDisplay(reel, options))
    finally:
        repository.close()
    return reel.shots


# -- from frames to SVG -------------------------------------------------------------------


def draw(shots: list[Shot]) -> str:
    """Return the film as an SVG document; each line of each frame is drawn once for as long as it stands."""
    seconds = shots[-1].at - shots[0].at + HOLD
    edges = [(shot.at - shots[0].at) / seconds * 100 for shot in shots] + [100.0]
    still = int(len(shots) * STILL)
    painter = Painter()
    groups: dict[tuple[int, int], list[str]] = {}
    for row in range(LINES):
        drawn = [painter.line(shot.lines[row], row) if row < len(shot.lines) else "" for shot in shots]
        for first, last in spans(drawn):
            if drawn[first]:
                groups.setdefault((first, last), []).append(drawn[first])
    body, motion = [], []
    for (first, last), parts in sorted(groups.items()):
        always = (first, last) == (0, len(shots))
        hidden = "" if first <= still < last else ' visibility="hidden"'
        body.append(f'<g class="f{first}-{last}"{hidden}>{"".join(parts)}</g>')
        if not always:
            motion.append(keyframes(f"f{first}-{last}", edges[first], edges[last], seconds))
    return document(painter.styles(), "".join(motion), "\n".join(body))


def spans(items: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield from where to where (not included) the same item stands."""
    first = 0
    for index in range(1, len(items) + 1):
        if index == len(items) or items[index] != items[first]:
            yield first, index
            first = index


def keyframes(name: str, start: float, end: float, seconds: float) -> str:
    """Return the rules that show an element between two percentages of the film."""
    before = "" if start <= 0 else "0%{visibility:hidden}"
    after = "" if end >= 100 else f"{end:.2f}%{{visibility:hidden}}"
    rule = f"@keyframes {name}{{{before}{start:.2f}%{{visibility:visible}}{after}}}"
    return f"{rule}.{name}{{animation:{name} {seconds:.1f}s step-end infinite}}\n"


class Painter:
    """Draws lines of text, and remembers the styles that they need."""

    def __init__(self) -> None:
        self._console = Console(width=COLUMNS, color_system="truecolor", force_terminal=True)
        self._classes: dict[str, str] = {}

    def line(self, text: Text, row: int) -> str:
        """Return the pieces of one line, each held to its cells whatever the font is like."""
        pieces, column = [], 0
        for piece, style, _ in text.render(self._console):
            bare = piece.strip()
            if bare:
                x = MARGIN + (column + cell_len(piece) - cell_len(piece.lstrip())) * CELL
                y = BAR + MARGIN + row * LINE + 14
                length = f'textLength="{cell_len(bare) * CELL:.1f}"'
                if bare[0] in "─━":  # the gaps between them would show
                    length += ' lengthAdjust="spacingAndGlyphs"'
                name = self._class(style)
                pieces.append(f'<text x="{x:.1f}" y="{y}" {length} class="{name}">{escape(bare)}</text>')
            column += cell_len(piece)
        return "".join(pieces)

    def _class(self, style: Style | None) -> str:
        color = style.color.name if style and style.color else "default"
        rules = f"fill:{COLORS[color]}"
        if style and style.bold:
            rules += ";font-weight:700"
        if style and style.dim:
            rules += ";opacity:.62"
        return self._classes.setdefault(rules, f"s{len(self._classes)}")

    def styles(self) -> str:
        """Return the rules of all styles that were used."""
        return "".join(f".{name}{{{rules}}}" for rules, name in self._classes.items())


def document(styles: str, motion: str, body: str) -> str:
    """Return the whole picture: a window that stands out from light pages and from dark ones."""
    width, height = round(COLUMNS * CELL + 2 * MARGIN), BAR + LINES * LINE + 2 * MARGIN
    dots = "".join(
        f'<circle cx="{20 + 18 * index}" cy="{BAR / 2 + 2}" r="5.5" fill="{color}"/>'
        for index, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    text = f"text{{font:14px {FONTS};white-space:pre}}"
    title = (
        f'<text x="{width / 2:.0f}" y="{BAR / 2 + 7:.0f}" class="title">queuectl worker start -c {SLOTS} --drain</text>'
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>The live display of a queuectl worker: running jobs, the queue, the next retries, and the last results</title>
<style>
{text}.title{{fill:#8b93a5;text-anchor:middle;font-size:13px}}
{styles}
@media (prefers-reduced-motion:no-preference){{
{motion}}}
</style>
<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="9" fill="#15181e" stroke="#4b5363"/>
{dots}{title}
{body}
</svg>
"""


def main(arguments: Sequence[str]) -> None:
    """Make the picture."""
    target = Path(arguments[0]).absolute() if arguments else None
    with tempfile.TemporaryDirectory() as directory:
        shots = film(Path(directory).resolve())
        os.chdir("/")
    picture = draw(shots)
    print(f"{len(shots)} frames, {len(picture) // 1024} KiB")
    if target:
        target.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
