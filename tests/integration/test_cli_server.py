"""Commands on a store in a server: whatever takes a file for granted on other stores, and what a server refuses."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from queuectl.repository import open_repository
from tests import server
from tests.engines import PostgresOutside, is_required, lacking
from tests.integration.test_cli_completion import _offered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines import Place
    from tests.integration.conftest import CommandLine

pytestmark = [pytest.mark.postgres, pytest.mark.engines("postgres")]

SECRET = "hunter2x"  # noqa: S105 - nobody's


@pytest.fixture
def on_server(run: CommandLine, place: Place, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line in an empty directory, whose store is to be in a server."""
    monkeypatch.setenv("QUEUECTL_DB", place.url)
    return run


def _has_schema(place: Place) -> bool:
    outside = place.outside()
    try:
        query = "SELECT 1 FROM pg_namespace WHERE nspname = ?"
        return bool(outside.rows(query, re.findall(r"schema=(\w+)", place.url)[0]))
    finally:
        outside.close()


# -- no file is taken for granted -------------------------------------------------------------


def test_the_first_command_makes_the_store_and_says_so_and_no_file_appears(
    on_server: CommandLine, place: Place
) -> None:
    on_server("enqueue", "--id", "a", "true")
    assert on_server.said.splitlines()[0] == f"Created {place.url}"
    assert on_server("list").startswith("a\tpending")
    assert "Created" not in on_server.said
    assert [path.name for path in on_server.home.iterdir() if path.name != "state"] == []


def test_bare_queuectl_names_the_store_without_asking_for_it(on_server: CommandLine, place: Place) -> None:
    assert f"Store: {place.url}\n" in on_server()
    assert on_server.json()["db"] == place.url
    assert not _has_schema(place)


def test_init_makes_a_schema_and_has_nothing_to_keep_out_of_git(on_server: CommandLine, place: Place) -> None:
    (on_server.home / ".git").mkdir()
    message, hint = on_server.error("init", "--gitignore", code=2)
    assert "on a server" in message
    assert hint == "leave --gitignore out"
    assert not _has_schema(place)
    assert on_server("init") == f"{place.url}\tcreated\n"
    assert "gitignore" not in on_server.said
    assert on_server.json("init") == {"db": place.url, "created": False, "gitignore": None}


def test_backup_says_how_it_is_done_and_pg_dump_takes_it(on_server: CommandLine) -> None:
    on_server("enqueue", "true")
    there = on_server.home / "there.db"
    there.write_text("precious", encoding="ascii")
    message, hint = on_server.error("backup", "there.db", code=2)
    assert message == "a store on a PostgreSQL server is backed up by PostgreSQL"
    assert hint is not None
    assert there.read_text(encoding="ascii") == "precious"
    programs = server.programs()
    assert programs is not None
    call = hint.partition("; ")[0].replace("pg_dump", str(programs / "pg_dump"))
    done = subprocess.run(["sh", "-c", call], cwd=on_server.home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (on_server.home / "queue.dump").read_bytes().startswith(b"PGDMP")


def test_a_queue_moves_from_a_file_to_a_server_and_back_byte_by_byte(
    on_server: CommandLine, monkeypatch: pytest.MonkeyPatch, place: Place
) -> None:
    file = ("--db", "old.db")
    on_server(*file, "enqueue", "--id", "a", "--tag", "t", "--env", "A=b", "true")
    on_server(*file, "enqueue", "--id", "b", "--delay", "1h", "exit 3")
    on_server(*file, "config", "set", "backoff-base", "2")
    on_server(*file, "pause", "--all")
    on_server(*file, "export", "jobs.jsonl")
    assert on_server("import", "jobs.jsonl") == "imported\t2\nskipped\t0\nrunning\t0\n"
    on_server("export", "again.jsonl")
    first, second = (path.read_text(encoding="ascii").splitlines() for path in _two(on_server.home))
    assert first[1:] == second[1:]  # the first line has the number of the schema
    monkeypatch.setenv("QUEUECTL_DB", "new.db")
    on_server("import", "again.jsonl")
    on_server("export", "--force", "again.jsonl")
    third = (on_server.home / "again.jsonl").read_text(encoding="ascii").splitlines()
    assert third == first
    assert place.url  # what was on the server stays there until somebody removes it


def _two(home: Path) -> tuple[Path, Path]:
    return home / "jobs.jsonl", home / "again.jsonl"


def test_an_export_is_refused_where_a_file_stands(on_server: CommandLine) -> None:
    (on_server.home / "there").touch()
    message, _ = on_server.error("export", "there", code=4)
    assert "exists already" in message


def test_the_settings_say_where_the_store_is(on_server: CommandLine, place: Place) -> None:
    (row,) = [row for row in on_server.json("config", "list") if row["key"] == "db"]
    assert (row["value"], row["origin"]) == (place.url, "environment")


def test_who_has_no_place_for_data_may_do_all_but_work(on_server: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    on_server("enqueue", "--id", "a", "true")
    on_server("pause", "--all")
    on_server("resume", "--all")
    assert on_server.json("status")["jobs"]["pending"] == 1
    on_server("cancel", "a")
    on_server("rm", "--yes", "a")
    on_server("enqueue", "--id", "b", "true")
    message, _ = on_server.error("worker", "start", "--once", code=1)
    assert "/proc/nowhere" in message


# -- completion -------------------------------------------------------------------------------


def test_completion_offers_ids_and_never_makes_the_store(on_server: CommandLine, place: Place) -> None:
    assert _offered("show", "") == []
    assert not _has_schema(place)
    on_server("enqueue", "--id", "abc", "true")
    on_server("enqueue", "--id", "abd", "--queue", "mail", "true")
    assert _offered("show", "ab") == ["abd", "abc"]
    assert _offered("pause", "m") == ["mail"]


def test_completion_soon_gives_up_on_a_server_that_does_not_answer(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    del run
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("QUEUECTL_DB", f"postgresql://q@127.0.0.1:{silent.getsockname()[1]}/q")
        began = time.monotonic()
        assert _offered("show", "") == []
        assert time.monotonic() - began < 5
    monkeypatch.setenv("QUEUECTL_DB", "postgresql://q@127.0.0.1:1/q")
    assert _offered("show", "") == []
    monkeypatch.setenv("QUEUECTL_DB", "postgresql://[::1/q")
    assert _offered("show", "") == []


# -- doctor -----------------------------------------------------------------------------------


def _findings(run: CommandLine, *args: str, code: int = 1) -> dict[str, list[dict[str, Any]]]:
    """Return what doctor finds, by check. The server of the tests is not durable, which is a problem."""
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(run("doctor", "--json", *args, code=code))["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return found


def _wrong(found: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {check for check, some in found.items() if any(one["level"] != "ok" for one in some)}


def test_doctor_speaks_of_the_server_and_not_of_files(on_server: CommandLine) -> None:
    on_server("init")
    found = _findings(on_server, "--thorough")
    assert found.keys() == {
        "preferences", "python", "postgresql", "file-system", "rights", "space", "server", "clock", "durability",
        "connections", "grants", "tables", "store", "counters", "retention", "workers", "strays", "queues",
    }  # fmt: skip
    assert _wrong(found) - {"file-system", "space"} == {"durability"}
    assert [one["what"].partition(" ")[0] for one in found["durability"]] == ["fsync", "full_page_writes"]
    assert not (on_server.home / "state").exists()


def test_doctor_makes_no_store(on_server: CommandLine, place: Place) -> None:
    found = _findings(on_server)
    assert "there is no store" in found["store"][0]["what"]
    assert "server" in found
    assert not _has_schema(place)


def test_doctor_tells_of_leases_that_are_over_and_of_who_may_write(on_server: CommandLine, place: Place) -> None:
    on_server("enqueue", "true")
    outside = place.outside()
    outside.change("UPDATE jobs SET state = 'processing', lease_token = 't', lease_expires_at = 1")
    outside.change("GRANT INSERT ON jobs TO PUBLIC")
    outside.close()
    found = _findings(on_server)
    assert "1 lease of running jobs is over" in found["leases"][0]["what"]
    assert "everybody" in found["grants"][0]["what"]


def test_doctor_sees_workers_of_other_hosts_by_their_signs_of_life(on_server: CommandLine, place: Place) -> None:
    on_server("init")
    outside = place.outside()
    outside.change(
        "INSERT INTO workers (name, host, boot_id, pid_namespace, pid, start_ticks, slots, queues, presence, home,"
        " started_at, heartbeat_at, heartbeat_ticks, lease_seconds)"
        " SELECT name, 'far', 'b', 'p', 1, 1, 4, '[]', name, 'elsewhere', 0, at, 0, 60 FROM (VALUES ('alive',"
        " (extract(epoch FROM clock_timestamp()) * 1000)::bigint), ('gone', 1)) AS known (name, at)"
    )
    outside.close()
    assert _findings(on_server)["workers"][0]["what"] == "alive: 1, slots: 4; far: 1"


# -- a server that says no --------------------------------------------------------------------


_RULES = """\
local all guarded scram-sha-256
local all tests,poor,full,reader,narrow trust
local replication all trust
"""


@pytest.fixture(scope="module")
def guarded() -> Iterator[server.Server]:
    """A server with a password, and with users who may not do everything."""
    import psycopg

    if reason := lacking():
        (pytest.fail if is_required() else pytest.skip)(reason)
    with tempfile.TemporaryDirectory(prefix="queuectl-guarded-", dir="/tmp") as directory:
        room = Path(directory) / "s"
        room.mkdir(mode=0o755)
        Path(directory).chmod(0o755)
        found = server.Server(room)
        found.make()
        (room / "data/pg_hba.conf").write_text(_RULES, encoding="ascii")
        found.start()
        try:
            with psycopg.connect(found.conninfo, autocommit=True) as db:
                db.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{SECRET}'")
                db.execute(
                    "CREATE ROLE poor LOGIN; CREATE ROLE full LOGIN CONNECTION LIMIT 0; CREATE ROLE reader LOGIN"
                )
                db.execute("GRANT CREATE ON DATABASE postgres TO guarded")
                db.execute("CREATE SCHEMA foreign_one; CREATE TABLE foreign_one.a (b int)")
                db.execute("CREATE SCHEMA almost; CREATE TABLE almost.meta (a int)")
                db.execute("CREATE SCHEMA newer; CREATE TABLE newer.meta (id text, schema int)")
                db.execute("INSERT INTO newer.meta VALUES ('x', 99)")
            open_repository(_url(found)).close()
            with psycopg.connect(found.conninfo, autocommit=True) as db:
                db.execute("GRANT USAGE ON SCHEMA queuectl TO reader")
                db.execute("GRANT SELECT ON ALL TABLES IN SCHEMA queuectl TO reader")
                db.execute("GRANT SELECT ON ALL SEQUENCES IN SCHEMA queuectl TO reader")
            yield found
        finally:
            found.stop()


def _url(found: server.Server, user: str = "tests", database: str = "postgres", **more: str) -> str:
    asked = "&".join(f"{name}={value}" for name, value in {"host": str(found.room), "port": "5432", **more}.items())
    return f"postgresql://{user}@/{database}?{asked}"


READ_ONLY = "-cdefault_transaction_read_only%3Don"


@pytest.mark.parametrize(
    ("parts", "code", "says", "hints"),
    [
        ({"user": "guarded"}, 6, "wants a password (", "~/.pgpass"),
        ({"user": f"guarded:not{SECRET}"}, 6, "does not take user and password (password auth", "PGPASSFILE"),
        ({"user": "guarded", "password": f"not{SECRET}"}, 6, "does not take user and password", "PGPASSFILE"),
        ({"user": "stranger"}, 6, "does not let this user in from here (no pg_hba.conf entry", "pg_hba.conf"),
        ({"database": "nope"}, 6, 'has no such database (database "nope" does not exist)', "createdb"),
        ({"port": "1"}, 6, "cannot be reached (", "check host, port and database"),
        ({"host": "/nowhere"}, 6, "cannot be reached (", "check host, port and database"),
        ({"host": "no.such.host.invalid"}, 6, "cannot be reached (", "check host, port and database"),
        ({"user": "full"}, 6, 'has no connection left (too many connections for role "full")', "max_connections"),
        ({"user": "poor", "schema": "mine"}, 6, "may not be used so by this user (", "GRANT CREATE ON DATABASE"),
        ({"user": "poor"}, 6, "may not be used so by this user (permission denied for schema", "USAGE"),
        ({"user": "reader"}, 6, "may not be used so by this user (permission denied for", "rights on its tables"),
        ({"options": READ_ONLY}, 6, "cannot be written: the server is a standby or read-only", "name the primary"),
        ({"schema": "foreign_one"}, 6, "holds tables of another program", "?schema=NAME"),
        ({"schema": "almost"}, 6, "holds tables of another program", "?schema=NAME"),
        ({"schema": "newer"}, 6, "has schema 99; this program knows", "upgrade"),
        ({"schema": "No%20Way"}, 2, "'No Way' is not a name for a schema of ours", "small letters"),
        ({"schema": ""}, 2, "'' is not a name for a schema of ours", "small letters"),
        ({"frob": "1"}, 2, 'libpq can read (invalid URI query parameter: "frob")', "postgresql://user@host"),
        ({"sslmode": "frob"}, 2, 'makes no sense (invalid sslmode value: "frob")', "LIBPQ-PARAMKEYWORDS"),
        ({"connect_timeout": "frob"}, 2, "makes no sense (bad value for connect_timeout", "LIBPQ-PARAMKEYWORDS"),
        ({"options": "-cfrob%3D1"}, 2, 'makes no sense (unrecognized configuration parameter "frob")', "PARAMKEY"),
    ],
)
def test_each_refusal_is_one_line_with_a_way_out(  # noqa: PLR0913, PLR0917 - a table
    run: CommandLine, guarded: server.Server, parts: dict[str, str], code: int, says: str, hints: str
) -> None:
    message, hint = run.error("--db", _url(guarded, **parts), "enqueue", "true", code=code)
    assert says in message
    assert "\n" not in message
    assert hint is not None
    assert hints in hint
    assert SECRET not in run.said


def test_who_may_only_read_reads(run: CommandLine, guarded: server.Server) -> None:
    for url in (_url(guarded, user="reader"), _url(guarded, options=READ_ONLY)):
        assert run("--db", url, "list") == ""
        assert run.json("--db", url, "export", "--force", "jobs.jsonl")["jobs"] == 0
    found = _findings(run, "--db", _url(guarded, user="reader"))
    assert found["grants"][0]["what"].startswith("you lack DELETE on actions, ")
    found = _findings(run, "--db", _url(guarded, options=f"{READ_ONLY}%20-csynchronous_commit%3Doff"))
    assert found["read-only"][0]["what"] == "the server lets you only read"
    assert "synchronous_commit is off" in found["durability"][-1]["what"]


def test_a_standby_is_told_as_such(run: CommandLine, guarded: server.Server) -> None:
    import psycopg

    with tempfile.TemporaryDirectory(prefix="queuectl-standby-", dir="/tmp") as directory:
        room = Path(directory) / "s"
        room.mkdir(mode=0o755)
        Path(directory).chmod(0o755)
        if os.geteuid() == 0:
            status = guarded.room.stat()
            os.chown(room, status.st_uid, status.st_gid)
        standby = server.Server(room)
        copied = guarded._run(
            "pg_basebackup", "-h", str(guarded.room), "-U", "tests", "-D", str(room / "data"), "-R", "-c", "fast"
        )
        assert copied.returncode == 0, copied.stderr
        standby.start()
        try:
            with psycopg.connect(standby.conninfo) as db:
                assert db.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
            message, hint = run.error("--db", _url(standby), "enqueue", "true", code=6)
            assert "cannot be written: the server is a standby or read-only" in message
            assert hint is not None
            assert "target_session_attrs=read-write" in hint
            assert run("--db", _url(standby), "list") == ""
            found = _findings(run, "--db", _url(standby))
            assert found["read-only"][0]["what"].startswith("the server is a standby")
        finally:
            standby.stop()


def test_where_no_connection_is_left_doctor_says_so(run: CommandLine, guarded: server.Server) -> None:
    import psycopg

    with psycopg.connect(guarded.conninfo, autocommit=True) as db:
        db.execute("CREATE ROLE narrow LOGIN SUPERUSER CONNECTION LIMIT 3")
        found = _findings(run, "--db", _url(guarded, user="narrow"))
        db.execute("DROP ROLE narrow")
    assert found["connections"][0]["what"].startswith("1 of 3 connections of the user are in use")


# -- what must not be seen --------------------------------------------------------------------


_CALLS: tuple[tuple[str, ...], ...] = (
    (), ("init",), ("--debug", "init", "--gitignore"),
    ("enqueue", "--id", "a", "tr '\\0' '\\n' < /proc/$PPID/cmdline; cat /proc/$PPID/environ; env"),
    ("--debug", "enqueue", "--id", "a", "true"), ("list",), ("status", "--json"), ("status",),
    ("worker", "start", "--drain"), ("logs", "a"), ("show", "a"), ("show", "--env", "--json", "a"), ("explain", "a"),
    ("config", "list"), ("config", "list", "--json"), ("doctor", "--thorough"), ("backup", "b"), ("export", "-"),
    ("events", "--json"), ("--debug", "show", "nope"),
)  # fmt: skip


@pytest.mark.parametrize("form", ["netloc", "query"])
def test_a_password_is_never_shown_and_no_job_gets_it(
    run: CommandLine, guarded: server.Server, form: str, tmp_path: Path
) -> None:
    schema = f"secret_{form}"
    url = (
        _url(guarded, user=f"guarded:{SECRET}", schema=schema)
        if form == "netloc"
        else _url(guarded, user="guarded", schema=schema, password=SECRET)
    )
    environment = {**os.environ, "QUEUECTL_DB": url, "PGPASSWORD": SECRET, "XDG_STATE_HOME": str(tmp_path / "state")}

    def call(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "queuectl", *words],
            cwd=run.home, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    seen = [call(*words) for words in _CALLS]
    assert "QUEUECTL_DB=postgresql://guarded@" in "".join(seen), "the job has run"
    for output in seen:  # each by itself, for the message's sake
        assert SECRET not in output
    for path in (tmp_path / "state").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    outside = PostgresOutside(guarded, schema)
    try:
        assert SECRET not in str(
            outside.rows("SELECT jobs::text FROM jobs UNION ALL SELECT actions::text FROM actions")
        )
    finally:
        outside.close()


@pytest.mark.parametrize("password", [f"%zz{SECRET}", f"{SECRET}/x", f"x@{SECRET}", f"{SECRET}#x", f"{SECRET}?x"])
def test_of_a_location_that_cannot_be_read_no_part_of_the_password_is_told(run: CommandLine, password: str) -> None:
    for words in (("list",), ("--debug", "list"), ("doctor",), ("config", "list"), ("init",)):
        run("--db", f"postgresql://user:{password}@127.0.0.1:1/q", *words, code=2)
        assert SECRET not in run.said
        assert "a character that cannot stand in a URL" in run.said
    run("--db", f"postgresql://user:{password}@127.0.0.1:1/q")


def test_without_the_driver_it_says_what_installs_it(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for words in (("list",), ("enqueue", "true"), ("doctor",), ("worker", "start")):
        message, hint = run.error("--db", f"postgresql://u:{SECRET}@h/q", *words, code=6)
        assert message.startswith("PostgreSQL needs the driver psycopg, which cannot be loaded (")
        assert hint is not None
        assert "pipx install --force 'queuectl-cli[postgres]'" in hint
        assert SECRET not in run.said
    assert "Store: postgresql://u:***@h/q" in run("--db", f"postgresql://u:{SECRET}@h/q")
