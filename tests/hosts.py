"""Several hosts work on one store, their cables are pulled and the server restarts; then every job is accounted for.

    python tests/hosts.py [--jobs 20000] [--cut 30] [--lease 20]

Two hosts of two workers each are network namespaces of this machine with a name and a data directory of their own; the
server listens at the other end of their cables. First `true` jobs: every command must have run once. Then commands that
take a while, with one host cut off in the middle and a restart of the server: every job must come to an end by its
policy, and no two commands of a job may run at once. That is told by the clock that all namespaces share. The exit code
is 0 only if all of this holds. Needs root, iproute2, util-linux and a PostgreSQL server.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from queuectl.repository import open_repository
from tests.server import Server, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.model import Job

QUEUECTL = [sys.executable, "-m", "queuectl"]
WORKERS = 2  #: on each host
SLOTS = 4
FINAL = {"completed", "dead", "cancelled"}
#: Seconds after which what must happen has not happened.
DEADLINE = 600.0

#: Writes when it begins and when it ends, by a clock that all hosts share, and who it is.
MARKED = """python3 -c '
import os, sys, time
def mark(what):
    job, host = os.environ["QUEUECTL_JOB_ID"], os.uname().nodename
    os.write(1, f"{what} {job} {host} {os.getpid()} {time.monotonic()}\\n".encode())
mark("begin"); time.sleep(%s); mark("end")' >> %s"""


class Cut(NamedTuple):
    """What a run with a pulled cable came to."""

    states: dict[str, int]
    runs: int  #: commands that began
    at_once: int  #: pairs of commands of one job that ran at the same time
    on_both: int  #: jobs that began on both hosts, one after the other
    stopped: int  #: commands that began and did not come to their end


class Host:
    """A network namespace with a cable to the server, a name and a home."""

    def __init__(self, number: int, room: Path, mark: str) -> None:
        self.name = f"host{number}"
        self.namespace = f"{mark}-{number}"
        self.cable = f"{mark}{number}"  # its end on the server's side
        self.server = f"10.213.{number}.1"
        self.home = room / self.name
        self.home.mkdir()
        self.workers: list[subprocess.Popen[bytes]] = []
        inside = f"{self.cable}i"
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self.cable, "type", "veth", "peer", "name", inside)
        _ip("link", "set", inside, "netns", self.namespace)
        _ip("addr", "add", f"{self.server}/24", "dev", self.cable)
        _ip("link", "set", self.cable, "up")
        for words in (["addr", "add", f"10.213.{number}.2/24", "dev", inside], ["link", "set", inside, "up"]):
            _ip("-n", self.namespace, *words)

    def start(self, url: str, *args: str) -> subprocess.Popen[bytes]:
        """Run the program on this host."""
        inside = ["ip", "netns", "exec", self.namespace, "unshare", "--uts", "sh", "-c"]
        words = [*inside, f'hostname {self.name} && exec "$@"', "sh", *QUEUECTL, *args]
        environment = os.environ | {"QUEUECTL_DB": url, "XDG_STATE_HOME": str(self.home / "state")}
        with (self.home / f"out-{len(self.workers)}").open("wb") as out:
            made = subprocess.Popen(
                words, cwd=self.home, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
        self.workers.append(made)
        return made

    def pull(self) -> None:
        """Pull the cable: nothing comes through, and neither end is told."""
        _ip("link", "set", self.cable, "down")

    def plug_in(self) -> None:
        """Put the cable back."""
        _ip("link", "set", self.cable, "up")

    def close(self) -> None:
        """End everything on this host, and take it away."""
        found = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True, check=False)
        for pid in found.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        for worker in self.workers:
            worker.wait()
        for words in (["link", "del", self.cable], ["netns", "del", self.namespace]):
            subprocess.run(["ip", *words], capture_output=True, check=False)


def can_have_hosts() -> bool:
    """Say whether this machine lets us make hosts: some containers do not."""
    if os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("unshare")):
        return False
    name = f"qctest-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return False
    return not subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False).returncode


class Site:
    """A server and two hosts.

    Args:
        room: an empty directory with a short path.
    """

    def __init__(self, room: Path) -> None:
        self._stack = ExitStack()
        mark = f"q{os.getpid() % 100_000}"
        self.hosts = [self._stack.enter_context(closing(Host(number, room, mark))) for number in (1, 2)]
        place = room / "server"
        place.mkdir()
        self.server = Server(place, ",".join(host.server for host in self.hosts))
        self.server.make()
        self.server.start()
        self._stack.callback(self.server.stop)

    def url(self, schema: str, host: Host | None = None) -> str:
        """Return where the store is, as seen from a host or from the server's own machine."""
        # A cable that was pulled is to be noticed well before the lease ends.
        if host is None:
            return self.server.url(schema)
        return self.server.url(schema, host=host.server, tcp_user_timeout="2000", connect_timeout="2")

    def start_workers(self, schema: str) -> None:
        """Start the workers of all hosts."""
        for host in self.hosts:
            for number in range(WORKERS):
                name = f"{host.name}-{number}"
                host.start(self.url(schema, host), "worker", "start", "--concurrency", str(SLOTS), "--name", name)

    def stop_workers(self, schema: str) -> None:
        """Stop them, from the server's machine."""
        ends = time.monotonic() + DEADLINE
        while any(worker.poll() is None for host in self.hosts for worker in host.workers):
            # Again: one that was cut off may not have been there to be asked.
            _run(self.url(schema), "worker", "stop", "--wait", "5s")
            assert time.monotonic() < ends, "the workers do not stop"
            time.sleep(0.2)
        for host in self.hosts:
            host.workers.clear()

    def close(self) -> None:
        """Take everything away."""
        self._stack.close()


def all_run_once(site: Site, jobs: int) -> Counter[int]:
    """Let four workers on two hosts run many `true` jobs; return how many commands ran how often."""
    url = site.url("once")
    tally = site.hosts[0].home.parent / "tally"
    _enqueue(url, [f'true; echo "$QUEUECTL_JOB_ID" >> {tally}'] * jobs)
    site.start_workers("once")
    _wait(url, lambda states: sum(states.get(state, 0) for state in FINAL) == jobs)
    site.stop_workers("once")
    with closing(open_repository(url)) as repository:
        assert all(job.state.value == "completed" and job.attempts == 1 for job in repository.list().jobs)
    return Counter(Counter(tally.read_text(encoding="ascii").split()).values())


def cut_off(site: Site, jobs: int, *, cut: float, lease: float, seconds: float) -> Cut:
    """Let them run commands that take a while; cut one host off, restart the server, and account for all.

    Args:
        site: with no worker running.
        jobs: how many.
        cut: seconds that the first host is cut off.
        lease: seconds that a claim holds without a sign of life.
        seconds: that a command takes.
    """
    url = site.url("cut")
    marks = site.hosts[0].home.parent / "marks"  # what all hosts share is only this machine's disk
    _enqueue(url, [MARKED % (seconds, marks)] * jobs)
    _run(url, "config", "set", "lease", f"{lease}s")
    site.start_workers("cut")
    _wait(url, lambda states: states.get("completed", 0) > jobs // 10)
    site.hosts[0].pull()
    time.sleep(cut / 2)
    site.server.stop()
    site.server.start()
    time.sleep(cut / 2)
    site.hosts[0].plug_in()
    _wait(url, lambda states: sum(states.get(state, 0) for state in FINAL) == jobs)
    site.stop_workers("cut")
    with closing(open_repository(url)) as repository:
        found = list(repository.list().jobs)
    return _accounted(found, marks.read_text(encoding="ascii").splitlines())


def _accounted(jobs: list[Job], lines: list[str]) -> Cut:
    begun: dict[str, list[tuple[float, str, str]]] = defaultdict(list)
    ended: dict[tuple[str, str, str], float] = {}
    for line in lines:
        what, job, host, pid, moment = line.split()
        if what == "begin":
            begun[job].append((float(moment), host, pid))
        else:
            ended[job, host, pid] = float(moment)
    at_once = 0
    for job, runs in begun.items():
        runs.sort()
        for (_, host, pid), (later, *_) in pairwise(runs):
            at_once += ended.get((job, host, pid), 0.0) > later
    return Cut(
        dict(Counter(job.state.value for job in jobs)),
        sum(map(len, begun.values())),
        at_once,
        sum(len({host for _, host, _ in runs}) > 1 for runs in begun.values()),
        sum(map(len, begun.values())) - len(ended),
    )


def _enqueue(url: str, commands: list[str]) -> None:
    text = "".join(json.dumps({"command": command, "cwd": "/"}) + "\n" for command in commands)
    _run(url, "enqueue", "--file", "-", text=text)


def _wait(url: str, is_so: object) -> None:
    """Look at the counts until they are as they should be."""
    ends = time.monotonic() + DEADLINE
    while True:
        with contextlib.suppress(Exception), closing(open_repository(url)) as repository:
            states = {state.value: number for state, number in repository.counts(now=0).states.items()}
            if is_so(states):  # type: ignore[operator]
                return
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {DEADLINE:g} s; there is {states}")
        time.sleep(0.2)


def _run(url: str, *args: str, text: str | None = None) -> str:
    environment = os.environ | {"QUEUECTL_DB": url}
    done = subprocess.run([*QUEUECTL, *args], input=text, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"queuectl {' '.join(args)}: {done.returncode}\n{done.stderr}")
    return done.stdout


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=True)


@contextlib.contextmanager
def opened() -> Iterator[Site]:
    """Make a site in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="qh-", dir="/tmp") as room:
        Path(room).chmod(0o755)
        with closing(Site(Path(room))) as site:
            yield site


def main() -> int:
    """Run both; report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--cut", type=float, default=30.0)
    parser.add_argument("--lease", type=float, default=20.0)
    options = parser.parse_args()
    if not can_have_hosts():
        print("No hosts can be made here: it takes root, iproute2 and util-linux.")
        return 2
    try:
        with opened() as site:
            begun = time.monotonic()
            often = all_run_once(site, options.jobs)
            print(f"{options.jobs} jobs in {time.monotonic() - begun:.1f} s; commands by number of runs: {dict(often)}")
            cut = cut_off(site, max(200, options.jobs // 20), cut=options.cut, lease=options.lease, seconds=0.5)
            print(cut)
    except Unavailable as error:
        print(f"No PostgreSQL server: {error}")
        return 2
    is_right = often == {1: options.jobs} and cut.runs and not cut.at_once and set(cut.states) == {"completed"}
    print("all is well" if is_right else "THIS IS WRONG")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
