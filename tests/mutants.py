"""Break the program on purpose, one guard at a time, and see that a test notices.

    python tests/mutants.py [WORD…]

Each mutant is the installed package with one piece of source replaced, put in front of it on the
path of the tests and of every process that they start. Chosen are the guards without which jobs
are lost or doubled. The exit code is 0 only if every mutant dies, and only of failing tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import queuectl


class Mutant(NamedTuple):
    """One guard taken out."""

    name: str
    file: str  #: in the package
    old: str
    new: str
    tests: str  #: the file that must notice, and an expression for its tests


CONTRACT = "tests/integration/test_repository_contract.py"
MACHINE = "tests/integration/test_state_machine.py"
RACES = "tests/integration/test_races.py"
IDENTITY = "tests/integration/test_identity.py"
ADOPTION = "tests/acceptance/test_adoption.py"
WORKER = "tests/acceptance/test_worker.py"
HOSTS = "tests/integration/test_several_hosts.py"
SHIM = "tests/integration/test_shim.py"
CLAIM = "repository/sqlite/claim.py"
SETTLE = "repository/sql/settle.py"
TURNING = "repository/postgres/turning.py"
CUT = "tests/integration/test_cut.py"
PRUNE = "repository/sql/prune.py"
SCHEMA = "repository/sqlite/sql/0002.sql"
ARCHIVE = "repository/sqlite/archive.py"
RETRY = "retry.py"
POLICY = "tests/unit/test_policy.py"
GUARD, NO_GUARD = ' AND lease_token = ?"', ' AND ? IS NOT NULL"'

MUTANTS = (
    Mutant("a settlement without its token", SETTLE, GUARD, NO_GUARD, CONTRACT),
    Mutant("a settlement without its token, found by the state machine", SETTLE, GUARD, NO_GUARD, MACHINE),
    Mutant("a rescue without the old token", "repository/sql/workers.py", " AND lease_token = :token", "", RACES),
    Mutant("BEGIN for BEGIN IMMEDIATE", "repository/sqlite/connection.py", '"BEGIN IMMEDIATE"', '"BEGIN"', RACES),
    Mutant(
        "SELECT, then UPDATE by number, in two transactions",
        CLAIM,
        "    rows = db.execute(_CLAIM.format(source=source), values).fetchall()\n",
        "    found = [str(row[0]) for row in db.execute(source, values)]\n"
        '    db.execute("COMMIT")\n'
        '    db.execute("BEGIN IMMEDIATE")\n'
        "    rows = db.execute(_CLAIM.format(source=','.join(found)), values).fetchall()\n",
        RACES,
    ),
    Mutant(
        "a claim that does not look at what is paused",
        CLAIM,
        "EXISTS (SELECT 1 FROM paused) FROM workers",
        "0 FROM workers",
        RACES,
    ),
    Mutant(
        "a claim that forgets the pause of all queues",
        CLAIM,
        "queue IN ('', counts.queue)",
        "queue = counts.queue",
        f"{CONTRACT}::TestPause",
    ),
    Mutant(
        "a returned first attempt leaves less time for retries",
        SETTLE,
        "retry_until = CASE WHEN attempts > 1 THEN retry_until END",
        "retry_until = retry_until",
        "tests/integration/test_policy.py",
    ),
    Mutant(
        "an import that forgets the dead by what they died of",
        ARCHIVE,
        "seq > :jobs AND state = 'dead' GROUP BY 1",
        "seq < :jobs AND state = 'dead' GROUP BY 1",
        "tests/integration/test_archive.py",
    ),
    Mutant(
        "a canary's rest takes in what died since",
        "cli/dlq/canary.py",
        "which._replace(finished_before=began + 1)",
        "which",
        "tests/acceptance/test_dlq.py",
    ),
    Mutant(
        "a unique key that goes too late",
        "repository/sql/act.py",
        "                    change(db, seq, lasting, now=now)",
        "                    db.execute(_RETRY, (int(due > now), due, now, reason, seq))\n"
        "                    change(db, seq, lasting, now=now)",
        CONTRACT,
    ),
    Mutant(
        "an exit code that means success is a failure",
        RETRY,
        "is_success(self.asked.success_codes)",
        "is_success(())",
        POLICY,
    ),
    Mutant("what give_up_on names is tried again", RETRY, "if named is not None:", "if not words:", POLICY),
    Mutant(
        "what retry_on does not name is tried again",
        RETRY,
        "and not words.intersection(retry_on):",
        "and not words:",
        POLICY,
    ),
    Mutant(
        "retry_on speaks of endings that the command knows nothing of",
        RETRY,
        "if retry_on and execution.outcome not in _UNSEEN and",
        "if retry_on and",
        POLICY,
    ),
    Mutant("a retry later than retry_for allows", RETRY, "due > self.retry_until:", "now > self.retry_until:", POLICY),
    Mutant(
        "a retry_for that counts from each attempt",
        CLAIM,
        "THEN coalesce(retry_until, :now",
        "THEN coalesce(NULL, :now",
        "tests/integration/test_policy.py",
    ),
    Mutant(
        "a wait without a cap",
        RETRY,
        "min(wait, self.cap, MAX_DURATION)",
        "min(wait, MAX_DURATION)",
        "tests/unit/test_retry.py",
    ),
    Mutant(
        "a wait without the cap of its job",
        RETRY,
        "policy.cap if asked.backoff_max is None else asked.backoff_max",
        "policy.cap",
        POLICY,
    ),
    Mutant(
        "what a command wishes counts with every exit code",
        "worker/judge.py",
        "and execution.exit_code == TEMPFAIL:",
        "and execution.exit_code:",
        "tests/acceptance/test_policy.py",
    ),
    Mutant(
        "a wish of an earlier run of the same number",
        "worker/said.py",
        " and clock.shared(status.st_mtime_ns // 1_000_000) >= since",
        "",
        "tests/acceptance/test_archive.py",
    ),
    Mutant(
        "a wish that goes though another worker has the run",
        "worker/judge.py",
        "        self._wishes.clear()\n\n    def _wish_of",
        "\n    def _wish_of",
        "tests/integration/test_policy.py",
    ),
    Mutant(
        "a shim that is read when it is needed",
        "worker/process.py",
        "program.write(_PROGRAM)",
        "program.write(Path(shim.__file__).read_bytes())",
        "tests/acceptance/test_upgrade.py",
    ),
    Mutant(
        "whom a worker of schema 1 buried stays unsigned",
        "repository/sqlite/connection.py",
        "db.execute(schema.SIGN_THE_UNSIGNED)",
        "pass",
        "tests/integration/test_migration.py",
    ),
    Mutant(
        "on a server, a settlement without its token",
        TURNING,
        ' AND lease_token = ended.token COLLATE "C"',
        "",
        CONTRACT,
    ),
    Mutant("on a server, claims that do not lock", TURNING, "{{source}} FOR UPDATE SKIP LOCKED", "{{source}}", RACES),
    Mutant(
        "on a server, a claim that does not look at what is paused",
        TURNING,
        "EXISTS (SELECT 1 FROM paused) AS paused",
        "false AS paused",
        f"{CONTRACT}::TestPause",
    ),
    Mutant(
        "a commit without an answer counts as none",
        "repository/postgres/transactions.py",
        'row == ("committed",)',
        "False",
        CUT,
    ),
    Mutant(
        "a claim in doubt is handed out though others have it",
        "repository/postgres/claim.py",
        "return [lease for lease in leases if lease.token in held]",
        "return list(leases)",
        CUT,
    ),
    Mutant(
        "a worker elsewhere loses what it has just renewed",
        "repository/sql/workers.py",
        "lease_expires_at <= :now\n",
        "lease_expires_at IS NOT NULL\n",
        f"{CONTRACT}::TestRescue",
    ),
    Mutant("a removal without a second look", PRUNE, "state IN ({states})", "(1 OR state IN ({states}))", RACES),
    Mutant(
        "a removal that notes no logs",
        SCHEMA,
        "    INSERT INTO leftovers (job, runs) VALUES (OLD.seq, OLD.runs);\n",
        "",
        "tests/acceptance/test_prune.py",
    ),
    Mutant(
        "a walk that ends at those who ended late",
        "worker/retention.py",
        "if pruned.after is None or pruned.is_recent:",
        "if not pruned.ids:",
        "tests/integration/test_retention.py",
    ),
    Mutant("no new session for a command", "worker/shim.py", "setsid=True", "setsid=False", WORKER),
    Mutant(
        "the shim starts whatever it holds",
        "worker/shim.py",
        "while self.waiting and len(self.running) < self.most and",
        "while self.waiting and",
        WORKER,
    ),
    Mutant("what waits starts though its worker is gone", "worker/shim.py", "self.waiting.clear()", "pass", SHIM),
    Mutant(
        "no clean-up of a command's group",
        "worker/shim.py",
        "kill_group(found.si_pid, signal.SIGKILL)",
        "pass",
        WORKER,
    ),
    Mutant(
        "no look at the time of birth",
        "worker/process.py",
        "return born[0] * second - 1 <= ticks <= born[1] * second + 1",
        "return True",
        IDENTITY,
    ),
    Mutant(
        "a zombie counts as alive",
        "worker/presence.py",
        'None if fields[0] in {b"Z", b"X"} else int(fields[19])',
        "int(fields[19])",
        IDENTITY,
    ),
    Mutant(
        "another boot counts as another machine",
        "worker/rescue.py",
        "if same_boot or worker.identity.host == self._identity.host:",
        "if same_boot:",
        IDENTITY,
    ),
    Mutant(
        "another machine counts as dead",
        "worker/rescue.py",
        "return True\n        return is_overdue(worker)",
        "return True\n        return True",
        IDENTITY,
    ),
    Mutant(
        "a worker elsewhere is judged by pipes that are not there",
        "worker/rescue.py",
        "return worker.identity.home != self._identity.home",
        "return False",
        HOSTS,
    ),
    Mutant(
        "no second look at a worker elsewhere before its jobs are taken",
        "worker/rescue.py",
        "self._is_elsewhere(worker) and self._has_come_back(worker)",
        "False",
        HOSTS,
    ),
    Mutant(
        "who is cut off lets its commands run",
        "worker/engine.py",
        "if self._me.hold.is_ending and not self._is_cut_off:",
        "if False:",
        HOSTS,
    ),
    Mutant(
        "who is cut off starts what it claimed",
        "worker/engine.py",
        "if self._me.hold.is_ending:  #",
        "if False:  #",
        HOSTS,
    ),
    Mutant(
        "a shim without a worker lets its commands run beyond the lease",
        "worker/shim.py",
        "if (self.running or self.waiting) and self.is_over():",
        "if False:",
        HOSTS,
    ),
    Mutant(
        "an adopter does not extend the lease of a shim",
        "worker/runs.py",
        "for record in (kept | ",
        "for record in (",
        HOSTS,
    ),
    Mutant(
        "the wall clock decides who hangs",
        "worker/rescue.py",
        "return time.monotonic() - worker.heartbeat_ticks > worker.lease_seconds",
        "return is_overdue(worker)",
        "tests/acceptance/test_faults.py",
    ),
    Mutant(
        "whoever was taken for dead claims all the same",
        CLAIM,
        "if slots > 0 and is_registered and not refused:",
        "if slots > 0:",
        CONTRACT,
    ),
    Mutant("no lock on the run record", "worker/process.py", "fcntl.flock(file, fcntl.LOCK_EX)", "pass", ADOPTION),
    Mutant(
        "no inheritance from a shim that died",
        "worker/process.py",
        "prctl(set_child_subreaper, 1",
        "prctl(set_child_subreaper, 0",
        ADOPTION,
    ),
    Mutant(
        "an exit code is not written down",
        "worker/shim.py",
        "run.record(status, ended_at",
        "run.record() or (status, ended_at",
        ADOPTION,
    ),
    Mutant(
        "an attempt is counted again when it is adopted",
        "repository/sql/workers.py",
        "worker_id = :worker,",
        "attempts = attempts + 1, worker_id = :worker,",
        ADOPTION,
    ),
)


def main() -> None:
    """Try the mutants whose names have one of the words, or all, and report."""
    words = sys.argv[1:]
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    survivors = [mutant.name for mutant in chosen if not dies(mutant)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants died")
    sys.exit(1 if survivors or not chosen else 0)


def dies(mutant: Mutant) -> bool:
    """Say whether its tests fail with the mutant in place."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as room:
        package = Path(room) / "queuectl"
        shutil.copytree(Path(queuectl.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
        source = package / mutant.file
        text = source.read_text(encoding="utf-8")
        if mutant.old not in text:
            sys.exit(f"{mutant.name}: {mutant.file} has no {mutant.old!r}")
        source.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.tests],
            env=os.environ | {"PYTHONPATH": room, "HYPOTHESIS_PROFILE": "thorough"},
            capture_output=True,
            text=True,
            check=False,
        )
    last = done.stdout.strip().splitlines()[-1:] or [done.stderr[-200:]]
    died = done.returncode == 1
    print(f"{'died' if died else f'SURVIVED ({done.returncode})'}: {mutant.name}: {last[0]}", flush=True)
    return died


if __name__ == "__main__":
    main()
