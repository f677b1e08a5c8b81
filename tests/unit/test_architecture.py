"""Hold the arrows of docs/architecture.md: who imports whom, who touches the world, how long things grow.

The checker reads source text and runs none of it. The samples at the end show that it can fail.
"""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import queuectl

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The rooms from the lowest floor up. A module imports from floors below its own and from its own room.
FLOORS = (
    ("",),  # the package itself: its version
    ("clock", "errors"),
    ("duration", "signature"),
    ("model",),
    ("fields",),
    ("policy",),
    ("spec", "config"),
    ("retry", "preferences", "changes", "statistics", "attempts"),
    ("repository",),
    ("reasons",),
    ("worker",),
    ("doctor",),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

CLOCK = (
    "datetime.date.today datetime.datetime.now datetime.datetime.today datetime.datetime.utcnow time.time time.time_ns"
)
ENVIRONMENT = "os.environ os.environb os.getenv os.getenvb os.putenv os.unsetenv"
PROCESSES = (
    "asyncio.create_subprocess_* multiprocessing os.exec* os.fork* os.kill os.killpg os.popen os.posix_spawn* "
    "os.spawn* os.system os.wait os.wait3 os.wait4 os.waitid os.waitpid pty signal.pidfd_send_signal subprocess"
)

#: What is not for everybody: names separated by blanks, and the rooms or modules that may use them.
OWNERS = (
    ("click rich", ("cli",)),
    ("sqlite3 psycopg", ("repository",)),
    (PROCESSES, ("worker.process", "worker.shim")),
    (ENVIRONMENT, ("config", "worker.shim")),  # the shim is a program of its own
    (CLOCK, ("clock", "worker.shim")),  # likewise
    ("queuectl.clock.now queuectl.clock.shared", ("cli", "worker")),
)

MODULE_LINES = 300
ENGINE_LINES = 400
#: The engine, and a program that has to fit into one file.
LARGE = {"worker.engine", "worker.shim"}
FUNCTION_LINES = 50


def breaches(module: str, source: str) -> list[str]:
    """List what a module does against the rules; its name is given without `queuectl.`."""
    tree = ast.parse(source)
    return [*_climbs(module, tree), *_trespasses(module, tree), *_sprawls(module, source, tree)]


def _climbs(module: str, tree: ast.AST) -> Iterator[str]:
    """Find imports that point up or sideways."""
    room = _room(module)
    if room not in FLOOR:
        yield f"{room} stands on no floor"
        return
    for imported in _imported(tree):
        if imported.startswith("."):
            yield f"relative import {imported}: write it out, so that its arrow can be read"
        elif imported == "queuectl" or imported.startswith("queuectl."):
            target = _room(imported.removeprefix("queuectl").removeprefix("."))
            if target != room and FLOOR.get(target, 0) >= FLOOR[room]:
                yield f"imports {imported}, which is not below {module}"


def _room(module: str) -> str:
    return module.partition(".")[0]


def _imported(tree: ast.AST) -> Iterator[str]:
    """Name everything that is imported, wherever the import stands: late and type-only imports are arrows too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _trespasses(module: str, tree: ast.AST) -> Iterator[str]:
    """Find uses of what belongs to other modules."""
    used = {*_imported(tree), *_attributes(tree)}
    for names, owners in OWNERS:
        if any(module == owner or module.startswith(f"{owner}.") for owner in owners):
            continue
        for name in sorted(used):
            if any(_covers(owned, name) for owned in names.split()):
                yield f"uses {name}, which belongs to {' and '.join(owners)}"


def _covers(owned: str, name: str) -> bool:
    return fnmatchcase(name, owned) or fnmatchcase(name, f"{owned}.*")


def _attributes(tree: ast.AST) -> Iterator[str]:
    """Name every attribute that is looked up in a module or in something imported from one, by its full name."""
    origins = dict(_origins(tree))
    for node in ast.walk(tree):
        path: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            path.insert(0, inner.attr)
            inner = inner.value
        if path and isinstance(inner, ast.Name) and inner.id in origins:
            yield ".".join([origins[inner.id], *path])


def _origins(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Map each name that an import binds to the full name of what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (root, root)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _sprawls(module: str, source: str, tree: ast.AST) -> Iterator[str]:
    """Find modules and functions that have grown too long."""
    length = len(source.splitlines())
    limit = ENGINE_LINES if module in LARGE else MODULE_LINES
    if length > limit:
        yield f"has {length} lines, over {limit}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{node.name}() has {length} lines, over {FUNCTION_LINES}"


def _modules() -> dict[str, Path]:
    package = Path(queuectl.__file__).parent
    files = {path.relative_to(package).with_suffix(""): path for path in sorted(package.rglob("*.py"))}
    return {".".join(name.parts).removesuffix("__init__").rstrip("."): path for name, path in files.items()}


MODULES = _modules()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module or "queuectl")
def test_a_module_keeps_to_its_room(module: str) -> None:
    assert breaches(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_every_room_of_the_arrows_is_there() -> None:
    assert {_room(module) for module in MODULES} == set(FLOOR)


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("cli")])
def test_no_style_vanishes_on_a_white_terminal(module: str) -> None:
    """Bold letters are bright ones on many terminals, and bright yellow ones cannot be read on white."""
    source = MODULES[module].read_text(encoding="utf-8")
    assert re.findall(r"\"(?:[a-z_]+ )*(?:bright_(?!black)\w+|white|bold yellow|yellow bold)\"", source) == []


BAD = [
    ("model", "import queuectl.worker.engine", "imports queuectl.worker.engine"),
    ("model", "from queuectl import repository", "imports queuectl.repository"),
    ("repository.sqlite", "from queuectl.cli.tables import rows", "imports queuectl.cli.tables.rows"),
    ("repository.base", "def late():\n    from queuectl.worker import engine", "imports queuectl.worker.engine"),
    ("errors", "if TYPE_CHECKING:\n    from queuectl.model import Job", "imports queuectl.model.Job"),
    ("config", "from queuectl.retry import RetryPolicy", "imports queuectl.retry.RetryPolicy"),
    ("spec", "from queuectl.config import Settings", "imports queuectl.config.Settings"),
    ("", "from queuectl import errors", "imports queuectl.errors"),
    ("worker.engine", "from ..cli import app", "relative import ..cli.app"),
    ("utils", "", "utils stands on no floor"),
    ("worker.engine", "import click", "uses click"),
    ("repository.sqlite", "from rich.table import Table", "uses rich.table.Table"),
    ("worker.engine", "import sqlite3", "uses sqlite3"),
    ("worker.engine", "from subprocess import run", "uses subprocess.run"),
    ("worker.engine", "import os\nos.posix_spawnp('sh', [], {})", "uses os.posix_spawnp"),
    ("cli.cancel", "import os as system\nsystem.kill(1, 15)", "uses os.kill"),
    ("cli.cancel", "from os import killpg", "uses os.killpg"),
    ("worker.engine", "import os\nos.environ['HOME']", "uses os.environ"),
    ("cli.app", "import os\nos.environ.get('HOME')", "uses os.environ.get"),
    ("cli.app", "from os import getenv", "uses os.getenv"),
    ("retry", "import time\ntime.time()", "uses time.time"),
    ("worker.engine", "import time\ntime.time_ns()", "uses time.time_ns"),
    ("cli.session", "import time\ntime.time()", "uses time.time"),
    ("repository.sqlite", "from queuectl import clock\nclock.now()", "uses queuectl.clock.now"),
    ("repository.sqlite", "from datetime import UTC, datetime\ndatetime.now(UTC)", "uses datetime.datetime.now"),
    ("model", "import datetime as dt\nclock = dt.datetime.now", "uses datetime.datetime.now"),
    ("model", "x = 1\n" * (MODULE_LINES + 1), "has 301 lines"),
    ("worker.engine", "x = 1\n" * (ENGINE_LINES + 1), "has 401 lines"),
    ("model", "class A:\n  def long(self):\n" + "    x = 1\n" * FUNCTION_LINES, "long() has 51 lines"),
]


@pytest.mark.parametrize(("module", "source", "complaint"), BAD, ids=[f"{module} {found}" for module, _, found in BAD])
def test_a_breach_is_found(module: str, source: str, complaint: str) -> None:
    assert any(line.startswith(complaint) for line in breaches(module, source))


GOOD = {
    "down": ("cli.app", "import click\nfrom queuectl import __version__\nfrom queuectl.worker import engine"),
    "along": ("repository.sqlite.claim", "import sqlite3\nfrom queuectl.repository import base"),
    "processes": ("worker.process", "import os\nimport subprocess\nos.kill(1, 15)"),
    "environment": ("config", "import os\nfrom queuectl.duration import parse\nos.environ.get('HOME')"),
    "clock": ("worker.engine", "from queuectl import clock\nclock.now()\nfrom queuectl.worker import process"),
    "stopwatch": ("repository.sqlite.claim", "import time\ntime.monotonic()"),
    "times": ("model", "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)"),
    "module": ("model", "x = 1\n" * MODULE_LINES),
    "engine": ("worker.engine", "x = 1\n" * ENGINE_LINES),
    "function": ("model", "def long():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)),
}


@pytest.mark.parametrize(("module", "source"), GOOD.values(), ids=GOOD)
def test_what_is_allowed_is_not_a_breach(module: str, source: str) -> None:
    assert breaches(module, source) == []
