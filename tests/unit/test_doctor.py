"""Each judgement of `doctor`, given the facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from queuectl.doctor import machine, server, store, workers
from queuectl.doctor.facts import Facts, Finding, Machine, Place, Stray
from queuectl.doctor.machine import has_reset_bug, mount_of
from queuectl.repository.base import Worker, WorkerIdentity
from queuectl.repository.examination import Connections, Engine, Server, StoreFacts, Upkeep

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = 1_800_000_000_000
GIBIBYTE = 2**30
ME = 1000

_STORE = StoreFacts(2, 2, "wal", ())
_MACHINE = Machine(
    python="Python 3.13.1", engine=Engine("SQLite", (3, 51, 3)), user=ME, host="here", boot_id="boot", ticks=1000.0,
    file_system="ext4", mount="/", free=9 * GIBIBYTE, store=Place("/q/queue.db", "file", ME, 0o600),
    directory=Place("/q", "directory", ME, 0o755), data=Place("/q/queue.db.d", "directory", ME, 0o700),
)  # fmt: skip


def _facts(store: StoreFacts | None = _STORE, /, *, thorough: bool = False, **of_machine: Any) -> Facts:
    return Facts(NOW, _MACHINE._replace(**of_machine), store, ("there is no store", "init"), thorough)


def _call(words: str) -> str:
    return f"queuectl {words}"


def _findings(facts: Facts) -> list[Finding]:
    return [
        *machine.checks(facts),
        *server.checks(facts, _call),
        *store.checks(facts, _call),
        *workers.checks(facts, _call),
    ]


def _wrong(facts: Facts) -> list[tuple[str, str, str, str]]:
    return [tuple(finding) for finding in _findings(facts) if finding.level != "ok"]  # type: ignore[misc]


def _one(facts: Facts) -> Finding:
    """Return the only thing that is not as it should be."""
    (found,) = _wrong(facts)
    assert found[3], "every finding has a way out"
    return Finding(*found)


def _worker(name: str = "w", presence: str = "p", **fields: Any) -> Worker:
    of_identity = {key: fields.pop(key) for key in list(fields) if key in WorkerIdentity._fields}
    identity = WorkerIdentity(name, "here", "boot", "ns", 7, 1, 2, (), presence)._replace(**of_identity)
    return Worker(1, identity, NOW, NOW, 990.0, 60.0, "", ())._replace(**fields)


def _with_workers(*some: Worker, **of_store: Any) -> Facts:
    present = frozenset(worker.identity.presence for worker in some if worker.identity.presence != "nobody")
    return _facts(_STORE._replace(workers=some, **of_store), present=present)


def test_all_is_well() -> None:
    assert _wrong(_facts()) == []
    assert [finding.check for finding in _findings(_facts(thorough=True))] == [
        "python", "sqlite", "file-system", "rights", "space", "log", "store", "integrity", "counters", "clock",
        "retention", "workers", "strays", "queues",
    ]  # fmt: skip


# -- the machine ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "is_bad"),
    [
        ((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False),
        ((3, 44, 9), False), ((3, 45, 0), True), ((3, 50, 6), True), ((3, 50, 7), False), ((3, 51, 0), True),
        ((3, 51, 2), True), ((3, 51, 3), False), ((3, 52, 0), False), ((4, 0, 0), False),
    ],
)  # fmt: skip
def test_the_reset_bug_is_known_by_the_version(version: tuple[int, ...], is_bad: bool) -> None:  # noqa: FBT001 - a table
    assert has_reset_bug(version) is is_bad
    assert bool(_wrong(_facts(engine=Engine("SQLite", version)))) is is_bad


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("nfs4", "problem"),
        ("cifs", "problem"),
        ("fuse.sshfs", "problem"),
        ("tmpfs", "warning"),
        ("btrfs", "ok"),
        ("", "ok"),
    ],
)
def test_a_store_belongs_on_a_disk_of_this_machine(kind: str, level: str) -> None:
    found = [one for one in _findings(_facts(file_system=kind)) if one.check == "file-system"]
    assert [one.level for one in found] == [level]


_MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:30 / /home rw - nfs4 server:/home rw,vers=4.2
31 22 0:31 / /my\040disk rw shared:5 master:1 - tmpfs tmpfs rw
32 22 0:32 / /homes rw - xfs /dev/sdb rw
33 30 0:33 / /home/me/local rw - btrfs /dev/sdc rw
34 22 0:34 / /over rw - ext4 /dev/sdd rw
35 34 0:35 / /over rw - overlay overlay rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/srv/q", ("ext4", "/")),
        ("/home", ("nfs4", "/home")),
        ("/home/me", ("nfs4", "/home")),
        ("/home/me/local/q", ("btrfs", "/home/me/local")),
        ("/homes/me", ("xfs", "/homes")),
        ("/homeless", ("ext4", "/")),
        ("/my disk/q", ("tmpfs", "/my disk")),
        ("/over/q", ("overlay", "/over")),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(path: str, found: tuple[str, str]) -> None:
    assert mount_of(_MOUNTS, path) == found
    assert mount_of("", path) == ("", "")


@pytest.mark.parametrize(
    ("which", "place", "level", "says", "remedy"),
    [
        ("store", Place("/q/queue.db", "file", 7, 0o600), "problem", "belongs to another user (7)", "sudo chown"),
        ("store", Place("/q/queue.db", "file", ME, 0o660), "problem", "may be written by", "chmod 600 /q/queue.db"),
        ("store", Place("/q/queue.db", "file", ME, 0o644), "warning", "may be read by", "chmod 600 /q/queue.db"),
        ("store", Place("/q/queue.db", "file", 0, 0o600, writable=False), "problem", "cannot be written", "chmod u+w"),
        ("directory", Place("/q", "directory", ME, 0o777), "problem", "may be written by", "chmod go-w /q"),
        ("directory", Place("/q", "directory", 7, 0o755), "problem", "belongs to another", "sudo chown"),
        ("data", Place("/q/a b.d", "directory", ME, 0o750), "warning", "may be read by", "chmod 700 '/q/a b.d'"),
        ("data", Place("/q/queue.db.d", "link", ME, 0o777), "problem", "symbolic link", "rm"),
    ],
)
def test_whoever_may_write_the_store_is_named(which: str, place: Place, level: str, says: str, remedy: str) -> None:
    fields: dict[str, Any] = {which: place}
    found = _one(_facts(**fields))
    assert (found.check, found.level) == ("rights", level)
    assert says in found.what
    assert remedy in found.remedy


def test_a_sticky_directory_and_one_that_is_not_there_are_well() -> None:
    assert _wrong(_facts(directory=Place("/tmp", "directory", 0, 0o1777))) == []  # noqa: S108 - it is not touched
    assert _wrong(_facts(data=Place("/q/queue.db.d", ""))) == []


@pytest.mark.parametrize(("free", "level"), [(10 * 2**20, "problem"), (GIBIBYTE // 2, "warning")])
def test_little_space_is_told(free: int, level: str) -> None:
    assert _one(_facts(free=free)).level == level


def test_space_that_nobody_knows_is_no_lack() -> None:
    assert _wrong(_facts(free=None)) == []


def test_a_log_that_grew_is_told() -> None:
    assert "wal_checkpoint" in _one(_facts(log_size=GIBIBYTE)).remedy


# -- the store --------------------------------------------------------------------------------


def test_a_store_that_cannot_be_looked_at_is_a_problem_and_nothing_else_is_said() -> None:
    assert _one(_facts(None)) == ("store", "problem", "there is no store", "init")


def test_an_older_schema_is_told_and_an_empty_file_is_well() -> None:
    assert "schema 1" in _one(_facts(_STORE._replace(schema=1))).what
    assert _wrong(_facts(_STORE._replace(schema=0))) == []


def test_damage_is_told_row_by_row_but_not_for_ever() -> None:
    found = _wrong(_facts(_STORE._replace(complaints=tuple(f"row {one} missing" for one in range(10)))))
    assert [level for _, level, _, _ in found] == ["problem"] * 5
    assert found[0][2] == "row 0 missing"


def test_counters_that_do_not_agree_are_told_after_a_thorough_look() -> None:
    wrong = _STORE._replace(miscounts=("3 ready in queue default are counted as 4",))
    found = _one(_facts(wrong, thorough=True))
    assert (found.check, found.level) == ("counters", "problem")


def test_a_clock_that_was_set_back_is_told() -> None:
    assert "2d" in _one(_facts(_STORE._replace(newest=NOW + 2 * 86_400_000))).what
    assert "10m" in _one(_facts(_STORE._replace(step_back=600_000))).what
    assert _wrong(_facts(_STORE._replace(newest=NOW + 1000, step_back=50))) == []


def test_a_setting_that_makes_no_sense_is_told_with_the_way_out() -> None:
    found = _one(_facts(_STORE._replace(settings={"lease": "soon", "later": "x"})))
    assert found.remedy == "queuectl config unset lease"


def test_jobs_that_are_kept_for_ever_are_told_when_they_are_many() -> None:
    many = _STORE._replace(ended={"completed": 200_000, "dead": 5})
    assert _one(_facts(many)).remedy == "queuectl config set retention.completed 30d"
    assert _wrong(_facts(many._replace(settings={"retention.completed": "1d"}))) == []


def test_what_the_next_worker_deletes_is_no_warning_but_logs_of_unknown_jobs_are() -> None:
    tidy = _facts(_STORE._replace(leftovers=3, records=frozenset({"a"})), records=frozenset({"a", "b"}))
    assert [one.what for one in _findings(tidy) if one.check == "orphans"] == [
        "3 logs of removed jobs wait for the next worker, which deletes them",
        "1 run records of workers that are gone wait for the next worker, which deletes them",
    ]
    assert _wrong(tidy) == []
    assert "by number: 7, 8" in _one(_facts(_STORE._replace(unknown=(7, 8)))).what


# -- workers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worker", "condition"),
    [
        (_worker(), "alive"),
        (_worker(heartbeat_ticks=900.0), "hung"),
        (_worker(presence="nobody"), "dead"),
        (_worker(boot_id="earlier"), "dead"),
        (_worker(host="", boot_id=""), "dead"),
        (_worker(host="there", boot_id="other"), "elsewhere"),
        (_worker(home="there"), "elsewhere"),
        (_worker(home="there", presence="nobody"), "elsewhere"),
        (_worker(host="there", boot_id="other", heartbeat_at=NOW - 61_000), "dead"),
    ],
)
def test_it_is_known_how_a_worker_is(worker: Worker, condition: str) -> None:
    assert workers.condition(worker, _with_workers(worker)) == condition


def test_a_worker_that_hangs_is_a_problem_and_a_dead_one_with_jobs_a_warning() -> None:
    found = _one(_with_workers(_worker(heartbeat_ticks=900.0)))
    assert (found.level, "1m 40s" in found.what) == ("problem", True)
    found = _one(_with_workers(_worker(presence="nobody", jobs=("a", "b"))))
    assert (found.level, found.remedy) == ("warning", "queuectl worker start")
    assert _wrong(_with_workers(_worker(presence="nobody"))) == []


def test_two_workers_of_one_name_are_told() -> None:
    assert "2 workers are called 'w'" in _one(_with_workers(_worker(), _worker(presence="p2"))).what


def test_a_process_that_no_lease_knows_is_told_and_one_of_a_running_job_is_not() -> None:
    known = _STORE._replace(runs=frozenset({"3-1"}))
    assert _wrong(_facts(known, strays=(Stray(40, "3-1"),))) == []
    found = _one(_facts(known, strays=(Stray(40, "3-1"), Stray(41, "3-2"))))
    assert "process 41" in found.what
    assert "kill 41" in found.remedy


def _about_queues(facts: Facts) -> Iterable[tuple[str, str]]:
    return [(one.what, one.remedy) for one in _findings(facts) if one.check == "queues" and one.level != "ok"]


def test_ready_jobs_without_a_worker_are_told_by_queue() -> None:
    ready = {"default": 1, "mail": 20}
    assert _about_queues(_with_workers(_worker(), ready=ready)) == []
    assert _about_queues(_with_workers(_worker(queues=("mail",)), ready=ready)) == [
        ("1 job is ready in queue 'default', and no worker serves it", "queuectl worker start --queue default")
    ]
    assert len(list(_about_queues(_with_workers(ready={f"q{one}": 1 for one in range(9)})))) == 6


def test_paused_queues_are_told_and_miss_no_worker() -> None:
    paused = _with_workers(ready={"mail": 20}, paused=(("mail", NOW, "me@here"),))
    assert _about_queues(paused) == [
        ("queue 'mail' is paused since 2027-01-15T08:00:00.000Z, by me@here", "queuectl resume mail")
    ]
    ((what, _),) = _about_queues(_with_workers(ready={"mail": 20}, paused=(("", NOW, "me@here"),)))
    assert what.startswith("all queues are paused")


# -- a server ---------------------------------------------------------------------------------

_UPKEEP = Upkeep(
    jobs=1_000, dead=10, cleared_at=NOW, size=GIBIBYTE, deltas=7, homes=2, overdue=0, lacks=(), is_public=False
)
_SERVER = Server(
    location="postgresql://h/q", schema="queuectl", directory="/s/1", home="home", latency=0.001, ahead=5,
    is_standby=False, settings={"fsync": "on", "synchronous_commit": "on", "autovacuum": "on"},
    connections=(Connections("server", 20, 97), Connections("user", 3, 50)), longest=1.0,
)  # fmt: skip


def _on_server(upkeep: Upkeep = _UPKEEP, /, *, some: tuple[Worker, ...] = (), **of_server: Any) -> Facts:
    engine = Engine("PostgreSQL", (15, 4), _SERVER._replace(**of_server), (13,))
    here: dict[str, Any] = {
        "store": None,
        "directory": None,
        "data": Place("/s/1", "directory", ME, 0o700),
        "home": "home",
    }
    return _facts(StoreFacts(1, 1, "", (), workers=some, upkeep=upkeep), engine=engine, **here)


def test_on_a_server_all_is_well_and_nothing_is_said_of_files() -> None:
    assert _wrong(_on_server()) == []
    assert [finding.check for finding in _findings(_on_server())] == [
        "python", "postgresql", "file-system", "rights", "space", "server", "clock", "durability", "connections",
        "grants", "tables", "store", "clock", "retention", "workers", "strays", "queues",
    ]  # fmt: skip
    assert not any("store" in finding.what for finding in _findings(_on_server()) if finding.check == "rights")


@pytest.mark.parametrize(
    ("fields", "check", "level", "says"),
    [
        ({"latency": 0.08}, "server", "warning", "80.0 ms"),
        ({"ahead": 3_000}, "clock", "warning", "3s behind the server"),
        ({"ahead": -61_000}, "clock", "warning", "1m 01s ahead of the server"),
        ({"is_standby": True}, "read-only", "problem", "standby"),
        ({"settings": {"default_transaction_read_only": "on"}}, "read-only", "problem", "only read"),
        ({"settings": {"fsync": "off"}}, "durability", "problem", "fsync is off"),
        ({"settings": {"full_page_writes": "off"}}, "durability", "problem", "full_page_writes is off"),
        ({"settings": {"synchronous_commit": "off"}}, "durability", "problem", "synchronous_commit is off"),
        ({"settings": {"autovacuum": "off"}}, "vacuum", "warning", "autovacuum is off"),
        (
            {"connections": (Connections("server", 20, 97), Connections("user", 8, 10))},
            "connections",
            "warning",
            "user",
        ),
        ({"longest": 7_200.4}, "vacuum", "warning", "open for 2h"),
    ],
)
def test_what_is_wrong_with_a_server_is_told(fields: dict[str, Any], check: str, level: str, says: str) -> None:
    found = _one(_on_server(**fields))
    assert (found.check, found.level) == (check, level)
    assert says in found.what


@pytest.mark.parametrize(
    ("fields", "check", "level", "says"),
    [
        ({"lacks": ("DELETE on jobs", "USAGE on jobs_seq_seq")}, "grants", "problem", "DELETE on jobs, USAGE on jobs"),
        ({"is_public": True}, "grants", "problem", "choose what workers run"),
        ({"dead": 60_000}, "tables", "warning", "60,000 dead"),
        ({"deltas": 100_001}, "counters", "warning", "100,001 rows"),
        ({"overdue": 2}, "leases", "warning", "2 leases of running jobs are over"),
    ],
)
def test_what_is_wrong_with_its_tables_is_told(fields: dict[str, Any], check: str, level: str, says: str) -> None:
    found = _one(_on_server(_UPKEEP._replace(**fields)))
    assert (found.check, found.level) == (check, level)
    assert says in found.what


def test_many_dead_rows_among_more_living_are_well() -> None:
    assert _wrong(_on_server(_UPKEEP._replace(dead=60_000, jobs=1_000_000))) == []


def test_a_server_that_is_too_old_is_a_problem() -> None:
    old = _on_server()
    old = old._replace(machine=old.machine._replace(engine=Engine("PostgreSQL", (12, 3), _SERVER, (13,))))
    assert "12.3 is too old" in _one(old).what


def test_where_data_lie_counts_on_a_server_too() -> None:
    for kind, level in (("nfs4", "problem"), ("tmpfs", "warning")):
        facts = _on_server()
        found = _one(facts._replace(machine=facts.machine._replace(file_system=kind)))
        assert (found.check, found.level) == ("file-system", level)
        assert "XDG_STATE_HOME" in found.remedy


def test_a_worker_of_another_home_is_known_by_its_signs_of_life() -> None:
    far = _worker(home="another", host="far", presence="x")
    near = _worker(home="home", presence="nobody")
    facts = _on_server(some=(far, near))
    assert [workers.condition(worker, facts) for worker in (far, near)] == ["elsewhere", "dead"]
    assert workers.condition(far._replace(heartbeat_at=NOW - 61_000), facts) == "dead"
    (told,) = [finding.what for finding in _findings(facts) if finding.check == "workers"]
    assert told == "alive: 1, slots: 2; far: 1"
    silent = _on_server(_UPKEEP._replace(overdue=1), some=(far._replace(heartbeat_at=NOW - 61_000, jobs=("a",)),))
    assert _one(silent).check == "workers", "a dead worker explains leases that are over"
