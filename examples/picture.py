"""Film a worker's live display: `python examples/picture.py docs/live.svg`; without a file it is only a try.

With `--top` the screen of `queuectl top` is filmed, and somebody at its keys: `… --top docs/top.svg`.

The worker is real, and so are its jobs, though what they do is made up. The picture holds no
script and fetches nothing; where animations are not wanted or not known it stands still.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console

from queuectl.cli.live import LiveDisplay
from queuectl.cli.session import Session, now
from queuectl.cli.top import keys
from queuectl.cli.top.deeds import do
from queuectl.cli.top.frame import frame, settled
from queuectl.cli.top.press import press
from queuectl.cli.top.reading import Reader
from queuectl.cli.top.state import State, at, said, wanted, with_facts, with_found
from queuectl.model import JobSpec
from queuectl.repository import open_repository
from queuectl.worker.options import WorkerOptions
from queuectl.worker.run import run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

SLOTS = 4
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


class Scene(NamedTuple):
    """What is filmed."""

    columns: int
    lines: int
    title: str
    text: str  #: for those who do not see it


LIVE = Scene(
    92,
    27,
    f"queuectl worker start -c {SLOTS} --drain",
    "The live display of a queuectl worker: running jobs, the queue, the next retries, and the last results",
)
TOP = Scene(
    104,
    30,
    "queuectl top",
    "The live screen of a queuectl store: workers and what they run, queues, retries, the dead, and what has ended",
)
#: What somebody presses on the screen, and at which second.
KEYS = (
    (3.0, keys.DOWN), (4.5, keys.ENTER), (8.0, keys.ESCAPE), (9.0, keys.TAB), (9.5, keys.TAB),
    (10.5, keys.ENTER), (12.0, "r"), (13.5, "y"), (15.5, keys.TAB), (16.0, keys.TAB),
)  # fmt: skip
#: Seconds that the screen is filmed, and between two frames.
LENGTH, PACE = 20.0, 0.4


class Film:
    """Takes the place of the terminal."""

    shows_unicode = True

    def __init__(self) -> None:
        self.shots: list[Shot] = []

    @property
    def is_open(self) -> bool:
        return bool(self.shots)

    def size(self) -> tuple[int, int]:
        return LIVE.columns, LIVE.lines

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


#: What the commands in front of that screen do: they say how far they are, too.
TALKS = """#!/bin/sh
step=0
while [ $step -lt "$STEPS" ]; do step=$((step + 1)); echo "$SAYS $step of $STEPS"; sleep "$TAKES"; done
[ "$QUEUECTL_ATTEMPT" -ge "$WORKS_AT" ] || { echo "$FAILS"; exit "$CODE"; }
"""


def shop(directory: Path) -> Iterator[JobSpec]:
    """Make up what a shop has in its queues."""

    def job(job_id: str, command: str, steps: int, takes: float, says: str, **more: Any) -> JobSpec:
        script = directory / command.split(maxsplit=1)[0]
        script.write_text(TALKS)
        script.chmod(0o700)
        fields = {name: more.pop(name) for name in list(more) if name in JobSpec._fields}
        told = {"steps": steps, "takes": takes, "says": says, "works_at": 1, "code": 1, "fails": "", **more}
        env = {"PATH": f"{directory}:{os.defpath}", **{name.upper(): str(value) for name, value in told.items()}}
        return JobSpec(command, job_id, env=env, cwd=str(directory), **fields)

    yield job("backup", "dump-database --gzip shop", 90, 0.3, "table orders: chunk", queue="nightly", timeout=60.0)
    yield job("film-12", "transcode 'Summer 2026.mkv'", 80, 0.25, "frame", queue="media", timeout=26.0)
    refused = {"code": 75, "fails": "smtp.example.org: connection refused", "queue": "mail"}
    for number, name in enumerate(("ada", "grace", "edsger", "barbara", "donald")):
        command = f"send-mail --to {name}@example.org welcome.txt"
        yield job(f"mail-{881 + number}", command, 1, 0.2, "try", works_at=3, backoff_base=2.0 + number, **refused)
    for number in range(1, 4):
        command = f"sync-customers --shard {number} --since yesterday"
        yield job(f"crm-{number}", command, 2, 0.2, "page", works_at=2, code=2, queue="sync", max_retries=1)
    yield job("report", "render-report --month 10", 1, 0.1, "page", queue="nightly", run_at=now() + 7_200_000)
    for number in range(101, 190):
        command = f"thumbnail photos/IMG_{number * 7}.jpg --size 640"
        yield job(f"thumb-{number}", command, 3 + number % 4, 0.12 + number % 3 * 0.04, "tile")


def film_top(directory: Path) -> list[Shot]:
    """Let workers run the jobs, and return what somebody at the screen sees."""
    os.chdir(directory)
    session = Session()
    repository = session.repository
    repository.enqueue(shop(directory), now=now())
    command = [sys.executable, "-m", "queuectl", "-q", "worker", "start", "--name"]
    workers = [
        subprocess.Popen([*command, *words.split()], stdout=subprocess.DEVNULL)
        for words in (f"worker-1 -c {SLOTS}", "mailer -Q mail -Q sync -c 2")
    ]
    try:
        return list(shots_of(session, Reader(repository)))
    finally:
        for worker in workers:
            for _ in range(2):  # stop, and then now
                worker.terminate()
            worker.wait()
        session.close()


def shots_of(session: Session, reader: Reader) -> Iterator[Shot]:
    """Yield the frames, and press the keys meanwhile."""
    began, waiting = time.monotonic(), list(KEYS)
    state = State("/srv/shop/queue.db", now())
    while (seconds := time.monotonic() - began) < LENGTH:
        while waiting and waiting[0][0] <= seconds:
            state = press(state, waiting.pop(0)[1])
        if state.act:
            words, is_bad = do(session, state.act)
            state = said(state._replace(act=None), words, is_bad=is_bad)
        state = at(with_facts(state, reader.read(), now()), now())
        state = with_found(state, reader.find(wanted(state)))
        state = settled(state, TOP.columns, TOP.lines)
        yield Shot(time.monotonic(), frame(state, TOP.columns, TOP.lines))
        time.sleep(PACE)


# -- from frames to SVG -------------------------------------------------------------------


def draw(shots: list[Shot], scene: Scene) -> str:
    """Return the film as an SVG document; each line of each frame is drawn once for as long as it stands."""
    seconds = shots[-1].at - shots[0].at + HOLD
    edges = [(shot.at - shots[0].at) / seconds * 100 for shot in shots] + [100.0]
    still = int(len(shots) * STILL)
    painter = Painter(scene)
    groups: dict[tuple[int, int], list[str]] = {}
    for row in range(scene.lines):
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
    return document(scene, painter.styles(), "".join(motion), "\n".join(body))


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

    def __init__(self, scene: Scene) -> None:
        self._console = Console(width=scene.columns, color_system="truecolor", force_terminal=True)
        self._classes: dict[str, str] = {}

    def line(self, text: Text, row: int) -> str:
        """Return the pieces of one line, each held to its cells whatever the font is like."""
        pieces, column = [], 0
        for piece, style, _ in text.render(self._console):
            bare = piece.strip()
            if style and style.reverse:  # a patch of the colour that the letters would have
                box = f'x="{MARGIN + column * CELL:.1f}" y="{BAR + MARGIN + row * LINE}" height="{LINE}"'
                pieces.append(f'<rect {box} width="{cell_len(piece) * CELL:.1f}" fill="{COLORS["default"]}"/>')
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
        color = _name(style.color) if style and style.color else "default"
        rules = f"fill:{COLORS['black' if style and style.reverse else color]}"
        if style and style.bold:
            rules += ";font-weight:700"
        if style and style.dim:
            rules += ";opacity:.62"
        return self._classes.setdefault(rules, f"s{len(self._classes)}")

    def styles(self) -> str:
        """Return the rules of all styles that were used."""
        return "".join(f".{name}{{{rules}}}" for rules, name in self._classes.items())


def _name(color: Color) -> str:
    """Return what a colour is called; one that was read back from a terminal's text has only its number."""
    return color.name if color.name in COLORS else list(COLORS)[1:][color.number or 0]


def document(scene: Scene, styles: str, motion: str, body: str) -> str:
    """Return the whole picture: a window that stands out from light pages and from dark ones."""
    width, height = round(scene.columns * CELL + 2 * MARGIN), BAR + scene.lines * LINE + 2 * MARGIN
    dots = "".join(
        f'<circle cx="{20 + 18 * index}" cy="{BAR / 2 + 2}" r="5.5" fill="{color}"/>'
        for index, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    text = f"text{{font:14px {FONTS};white-space:pre}}"
    title = f'<text x="{width / 2:.0f}" y="{BAR / 2 + 7:.0f}" class="title">{scene.title}</text>'
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"
xml:space="preserve">
<title>{scene.text}</title>
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
    is_top = "--top" in arguments
    names = [word for word in arguments if word != "--top"]
    target = Path(names[0]).absolute() if names else None
    with tempfile.TemporaryDirectory() as directory:
        shots = (film_top if is_top else film)(Path(directory).resolve())
        os.chdir("/")
    picture = draw(shots, TOP if is_top else LIVE)
    print(f"{len(shots)} frames, {len(picture) // 1024} KiB")
    if target:
        target.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
