"""Draw what commands show on a terminal: `python examples/stills.py docs`; without a directory it is only a try.

The store is real, and so are its jobs; a real worker has run them. The commands write to a terminal of their own.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path

from picture import Painter, Scene, document
from rich.text import Text

WIDTH = 100
QUEUECTL = [sys.executable, "-m", "queuectl"]

#: Jobs that end in every way: commands, and the options of each.
JOBS = [
    ("--id backup --tag nightly", "sleep 0.3; echo 4 files saved"),
    ("--id report --queue mail", "sleep 0.1; echo sent"),
    ("--id sync --max-retries 1 --tag nightly", "echo cannot reach host-7: timed out; exit 69"),
    ("--id import --max-retries 2 --backoff-base 0.1", "echo line 12 of orders.csv: 11 columns, not 12; exit 65"),
    ("--id thumbnails --priority 5", "sleep 0.2"),
    ("--id cleanup --at +6h --tag nightly", "find . -name '*.tmp' -delete"),
]
#: Commands by the name of their picture, and a word that each of them has to show.
STILLS = {
    "list": (["list"], "thumbnails"),
    "show": (["show", "import"], "orders.csv"),
    "stats": (["stats"], "5 jobs ended"),
    "explain": (["explain", "cleanup"], "queuectl edit"),
    "dlq": (["dlq", "list", "--group"], "cannot reach"),
}


def main() -> None:
    """Run the jobs, then each command; write the pictures if somebody said where."""
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as home:
        for options, command in JOBS:
            subprocess.run(
                [*QUEUECTL, "-q", "enqueue", *options.split(), command], cwd=home, check=True, stdout=subprocess.DEVNULL
            )
        subprocess.run(
            [*QUEUECTL, "-q", "worker", "start", "--drain", "--name", "worker-1", "-c", "2"],
            cwd=home,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for name, (words, word) in STILLS.items():
            shown = on_terminal(words, home)
            assert word in shown, shown
            if into:
                draw(f"queuectl {' '.join(words)}", shown, into / f"{name}.svg")
    if into:
        print(f"written: {', '.join(f'{into}/{name}.svg' for name in STILLS)}")


def on_terminal(words: list[str], home: str) -> str:
    """Return what a command writes to a terminal of this width."""
    here, there = pty.openpty()
    surroundings = {**os.environ, "COLUMNS": str(WIDTH), "LINES": "40", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    surroundings.pop("NO_COLOR", None)
    with subprocess.Popen([*QUEUECTL, *words], cwd=home, env=surroundings, stdin=there, stdout=there, stderr=there):
        os.close(there)
        shown = b""
        try:
            while data := os.read(here, 1 << 16):
                shown += data
        except OSError:  # EIO: nobody has the terminal open any more
            pass
    os.close(here)
    return shown.decode().replace("\r\n", "\n").strip("\n")


def draw(title: str, shown: str, path: Path) -> None:
    """Write the picture of a terminal that shows this, in the frame of those that move."""
    lines = Text.from_ansi(shown).split("\n")
    scene = Scene(WIDTH, len(lines), title, f"What {title} shows on a terminal")
    painter = Painter(scene)
    body = "\n".join(painter.line(line, row) for row, line in enumerate(lines))
    path.write_text(document(scene, painter.styles(), "", body), encoding="utf-8")


if __name__ == "__main__":
    main()
