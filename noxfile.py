"""Every check of the project, one session each: `nox -l` lists them, `nox` runs all that CI must pass.

Tests never see `src/`: they run against the wheel that `build` made, installed as a user would install it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.11.12"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"  # what is not there is skipped with a line that says so
nox.options.error_on_missing_interpreters = False  # in CI too: a machine with one Python must pass
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "typing", "build", "tests", "acceptance", "docs"]

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
PROJECT = nox.project.load_toml("pyproject.toml")
DEPENDENCIES = PROJECT["project"]["dependencies"]
NAME = PROJECT["project"]["name"]
VERSION = PROJECT["project"]["version"]
PYTHONS = nox.project.python_versions(PROJECT)

#: The tests wait more than they compute, but their processes crowd a small machine: one at a time for each core.
IN_PARALLEL = ("--numprocesses=auto", "--dist=worksteal")
#: Those of acceptance wait half of the time, for processes that begin and end.
ONE_MORE = (f"--numprocesses={(os.cpu_count() or 1) + 1}", "--dist=worksteal")


def _forget_the_surroundings() -> None:
    """Drop what sessions would inherit and what would make the program behave here as it does nowhere else.

    `PYTHONDONTWRITEBYTECODE` slows every start, `PYTHONUNBUFFERED` hides a missing flush, `PYTHONPATH` hides the
    wheel, and `QUEUECTL_…` is set when this runs as a job of queuectl. A script's `nox &` ignores Ctrl-C.
    """
    kept = {"QUEUECTL_REQUIRE_POSTGRES"}  # the tests' own
    for variable in {name for name in os.environ if name.startswith(("PYTHON", "QUEUECTL_"))} - kept:
        del os.environ[variable]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _show_the_pythons_of_pyenv() -> None:
    """Let pyenv's `python3.12` and its like answer: its shims fail for a version that is not selected."""
    if shutil.which("pyenv") is None:
        return
    listing = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    found = [line.strip() for line in listing.stdout.splitlines()]
    wanted = [version for version in found if re.sub(r"\.\d+$", "", version) in PYTHONS]
    selected = os.environ.get("PYENV_VERSION", "").split(":")
    os.environ["PYENV_VERSION"] = ":".join(filter(None, dict.fromkeys(selected + wanted)))


_forget_the_surroundings()
_show_the_pythons_of_pyenv()


def _group(name: str) -> tuple[str, ...]:
    """Name the requirements of a dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


def _install_wheel(session: nox.Session, *requirements: str) -> None:
    """Install the built wheel, compiled, and whatever its tests require."""
    compiled = {"UV_COMPILE_BYTECODE": "1"}  # pip does so unasked
    wheel = str(_built("whl"))
    session.install(*requirements, wheel, env=compiled)
    # Its version is the same after every change, so it would not be installed anew in a reused environment.
    session.install("--force-reinstall", "--no-deps", wheel, env=compiled)


def _built(suffix: str) -> Path:
    """Find what `build` made."""
    (path,) = DIST.glob(f"*.{suffix}")
    return path


def _pytest(
    session: nox.Session, *where: str, marked: str = "", measured: bool, parallel: tuple[str, ...] = IN_PARALLEL
) -> None:
    """Run pytest; if measured, keep the lines it covers in files of this session, for `coverage` to add up."""
    pytest = ("pytest", *parallel, *(("-m", marked) if marked else ()), *(session.posargs or where))
    if not measured:
        session.run(*pytest)
        return
    part = ".coverage." + re.sub(r"[^\w.-]+", "-", session.name).strip("-")
    session.env["COVERAGE_FILE"] = str(session.cache_dir.resolve() / part)
    session.run("coverage", "erase")  # what an earlier run left speaks of older code
    session.run("coverage", "run", "-m", *pytest)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*_group("lint"))
    session.run("ruff", "format", "--check", "--diff")
    session.run("ruff", "check")


@nox.session
def tidy(session: nox.Session) -> None:
    """Repair what `lint` can repair."""
    session.install(*_group("lint"))
    session.run("ruff", "check", "--fix-only")
    session.run("ruff", "format")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types in the program, its tests and its tools."""
    session.install(*DEPENDENCIES, *_group("typing"))
    session.run("mypy", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel, look into both, and install the wheel as a user would."""
    has_uv = session.venv_backend == "uv"
    session.install(*_group("build"), *(["uv"] if has_uv else []))
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("python", "-m", "build", *(["--installer=uv"] if has_uv else []), silent=True)
    session.run("twine", "check", "--strict", *map(str, DIST.iterdir()))
    _check_contents(session)
    _check_installation(session)


def _check_contents(session: nox.Session) -> None:
    """Compare what was built with what is in the tree."""
    source = {
        str(path.relative_to("src"))
        for path in Path("src").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    metadata = f"{NAME.replace('-', '_')}-{VERSION}"
    with zipfile.ZipFile(_built("whl")) as wheel:
        inside = {name for name in wheel.namelist() if not re.match(r"[^/]+\.(dist-info|data)/", name)}
        manual = f"{metadata}.data/data/share/man/man1/queuectl.1"
        if lost := {f"{metadata}.dist-info/licenses/LICENSE", manual, "queuectl/py.typed"} - set(wheel.namelist()):
            session.error(f"the wheel lacks {sorted(lost)}")
    if inside != source:
        session.error(f"the wheel and src/ differ in {sorted(inside ^ source)}")
    with tarfile.open(_built("tar.gz")) as sdist:
        outside = set(sdist.getnames())
    for name in ("LICENSE", "README.md", "CHANGELOG.md", "noxfile.py", "src/queuectl/py.typed", "tests/__init__.py"):
        if f"{metadata}/{name}" not in outside:
            session.error(f"the sdist lacks {name}")


def _check_installation(session: nox.Session) -> None:
    """Install the wheel with plain pip into an empty environment and start the program."""
    home = Path(session.create_tmp()) / "installed"
    session.run("python", "-m", "venv", "--clear", str(home), silent=True)
    session.run(str(home / "bin/pip"), "install", "--quiet", str(_built("whl")), external=True)
    for program in ([str(home / "bin/queuectl")], [str(home / "bin/python"), "-m", "queuectl"]):
        answer = session.run(*program, "--version", silent=True, external=True)
        if VERSION not in str(answer):
            session.error(f"`{program[-1]} --version` says {answer!r}, pyproject.toml says {VERSION}")


@nox.session(python=PYTHONS, requires=["build"])
def tests(session: nox.Session) -> None:
    """Run the unit and integration tests against the installed wheel.

    On the Python of nox on all engines; on the oldest and the newest on files; on those between what needs no store.
    """
    _install_wheel(session, *_group("test"))
    is_ours = session.python == f"3.{sys.version_info.minor}"
    is_between = not is_ours and session.python not in {PYTHONS[0], PYTHONS[-1]}
    where = ["tests/unit"] if is_between else ["tests/unit", "tests/integration"]
    _pytest(session, *where, marked="" if is_ours else "not postgres", measured=False)


@nox.session(requires=["build"])
@nox.parametrize("engine", ["sqlite", "postgres"], ids=["sqlite", "postgres"])
def acceptance(session: nox.Session, engine: str) -> None:
    """Run the installed program from outside: processes, signals, kills, terminals.

    The long storms only on files: on a server `tests/acceptance/test_hosts.py` is the storm.
    """
    _install_wheel(session, *_group("test"))
    marked = {"sqlite": "not postgres", "postgres": "postgres and not slow"}
    _pytest(session, "tests/acceptance", marked=marked[engine], measured=False, parallel=ONE_MORE)


@nox.session(default=False, requires=["build"])
def measured(session: nox.Session) -> None:
    """Run all tests on all engines once more, measured, for `coverage`: a race may show only so."""
    _install_wheel(session, *_group("test"))
    _pytest(session, "tests/unit", "tests/integration", "tests/acceptance", measured=True)


@nox.session(requires=["build"])
def docs(session: nox.Session) -> None:
    """Follow the links in the documents, and run what they and the examples promise; `-- --write` makes copies."""
    _install_wheel(session, *_group("test"))
    if session.posargs == ["--write"]:
        session.run("python", "tools/reference.py", "--write")
        return
    broken = [link for page in _pages() for link in _broken_links(page)]
    if broken:
        session.error("broken links:\n" + "\n".join(broken))
    session.run("pytest", "tests/docs", *session.posargs)
    for example in sorted(Path("examples").glob("*.py")):
        session.run("python", str(example))


def _pages() -> list[Path]:
    return [*sorted(Path().glob("*.md")), *sorted(Path("docs").rglob("*.md"))]


def _broken_links(page: Path) -> list[str]:
    """List the links of a page that lead to no file of ours, or to no heading of that file."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _without_code(page)):
        if re.match(r"[a-z]+:", link):
            continue  # elsewhere in the world, and not ours to check
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(f"{page}: {link}")
    return broken


def _anchors(page: Path) -> set[str]:
    """Name the headings of a page as GitHub does."""
    headings = re.findall(r"^#+ (.+)$", _without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@nox.session(default=False, requires=["measured"])
def coverage(session: nox.Session) -> None:
    """Tell which lines `measured` has covered."""
    session.install(*_group("test"))
    session.run("coverage", "combine", "--quiet", "--keep", str(session.cache_dir))
    session.run("coverage", "report", *session.posargs)


@nox.session(default=False, requires=["build"])
def bench(session: nox.Session) -> None:
    """Measure the program against its goals and beside its peers; `-- --help` has the words."""
    _install_wheel(session, *_group("bench"))
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session(default=False, requires=["build"])
def soak(session: nox.Session) -> None:
    """Kill workers, shims and commands at random for ten minutes, then account for every job."""
    _install_wheel(session)
    session.run("python", "tests/soak.py", *session.posargs)


@nox.session(default=False, requires=["build"])
def hosts(session: nox.Session) -> None:
    """Let two hosts run 20,000 jobs from one server, cut one of them off, restart the server, and account for all."""
    _install_wheel(session, *_group("test"))
    session.run("python", "tests/hosts.py", *session.posargs)


@nox.session(default=False, requires=["build"])
def mutants(session: nox.Session) -> None:
    """Take out one guard at a time, and see that a test notices."""
    _install_wheel(session, *_group("test"))
    session.run("python", "tests/mutants.py", *session.posargs)
