"""What a repository makes of a server that cannot be reached, is cut off in the middle, or refuses.

Nothing is done twice, nothing is said to have failed that was done, and what is not known is said to be so.
"""

from __future__ import annotations

import signal
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from queuectl import errors
from queuectl.model import Bury, Complete, Execution, JobSpec, JobState, Outcome
from queuectl.repository import open_repository
from queuectl.repository.base import Filter, IfExists, Settlement, WorkerIdentity
from tests.cable import Cable, Moment
from tests.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.model import Verdict
    from queuectl.repository.base import Lease, Turn
    from queuectl.repository.protocol import JobRepository
    from tests.engines import PostgresPlace

pytestmark = pytest.mark.postgres

NOW = 1_800_000_000_000
WORKER = WorkerIdentity("w", "host", "boot", "ns", 1, 1, 4, (), "p")
COMMIT = r"\bcommit\b"


@pytest.fixture
def place(server_place: PostgresPlace) -> PostgresPlace:
    return server_place


@pytest.fixture
def beside(place: PostgresPlace) -> Iterator[JobRepository]:
    """The same store by another way."""
    with closing(place.open()) as repository:
        yield repository


@pytest.fixture
def repository(place: PostgresPlace, cable: Cable, beside: JobRepository) -> Iterator[JobRepository]:
    """The store at the end of the cable."""
    del beside  # it has made the store
    url = place.server.url(place.schema, host="127.0.0.1", port=cable.port)
    with closing(open_repository(url, create=False)) as repository:
        yield repository


@pytest.fixture
def worker(repository: JobRepository) -> int:
    return repository.join(WORKER._replace(home=repository.home), now=NOW, ticks=1.0)


def _turn(repository: JobRepository, worker: int, *settlements: Settlement, slots: int = 0) -> Turn:
    return repository.turn(settlements, worker=worker, slots=slots, now=NOW, lease_seconds=60)


def _settlement(lease: Lease, verdict: Verdict | None = None) -> Settlement:
    verdict = verdict or Complete()
    code = 0 if isinstance(verdict, Complete) else 1
    execution = Execution(Outcome.EXITED, code, "exit code 1" if code else None, NOW, NOW, 0.1)
    return Settlement(lease.job.seq, lease.token, execution, verdict)


def _path(repository: JobRepository, job: str) -> list[str]:
    return [step.state.value for step in repository.history(repository.get(job))]


def _enqueue(repository: JobRepository, *ids: str) -> None:
    repository.enqueue([JobSpec("true", id=name, max_retries=1) for name in ids], now=NOW)


# -- a turn ---------------------------------------------------------------------------


@pytest.mark.parametrize("moment", Moment)
def test_a_claim_that_is_cut_at_its_commit_is_made_once(
    repository: JobRepository, beside: JobRepository, worker: int, cable: Cable, moment: Moment
) -> None:
    _enqueue(beside, "a", "b", "c")
    cable.cut_at(COMMIT, moment)
    leases = _turn(repository, worker, slots=2).leases
    cable.is_cut()
    assert [lease.job.id for lease in leases] == ["a", "b"]
    held = beside.leases_of(worker)
    assert [(lease.job.id, lease.token, lease.run) for lease in held] == [
        (lease.job.id, lease.token, 1) for lease in leases
    ]
    assert [lease.job.id for lease in _turn(repository, worker, slots=2).leases] == ["c"]


@pytest.mark.parametrize("verdict", [Complete(), Bury("exit code 1")], ids=["completed", "dead"])
@pytest.mark.parametrize("moment", Moment)
def test_a_result_that_is_cut_at_its_commit_is_written_once_and_not_refused(  # noqa: PLR0913, PLR0917 - fixtures
    repository: JobRepository, beside: JobRepository, worker: int, cable: Cable, moment: Moment, verdict: Verdict
) -> None:
    _enqueue(beside, "a", "next")
    (lease,) = _turn(repository, worker, slots=1).leases
    cable.cut_at(COMMIT, moment)
    turn = _turn(repository, worker, _settlement(lease, verdict), slots=1)
    cable.is_cut()
    assert turn.refused == frozenset()
    assert [lease.job.id for lease in turn.leases] == ["next"]
    last = ["completed"] if isinstance(verdict, Complete) else ["failed", "dead"]
    assert _path(beside, "a") == ["pending", "processing", *last]
    assert beside.get("a").attempts == 1


@pytest.mark.parametrize("moment", Moment)
def test_a_turn_of_which_nothing_is_known_is_cleared_up_by_the_next(
    repository: JobRepository, beside: JobRepository, worker: int, cable: Cable, moment: Moment
) -> None:
    _enqueue(beside, "a", "b")
    (lease,) = _turn(repository, worker, slots=1).leases
    repository.patience = 0.1
    cable.cut_at(COMMIT, moment, for_good=True)
    with pytest.raises(errors.StoreUnreachable, match="not known"):
        _turn(repository, worker, _settlement(lease), slots=1)
    with pytest.raises(errors.StoreUnreachable):
        _turn(repository, worker, _settlement(lease), slots=1)
    cable.mend()
    repository.patience = 10.0
    turn = _turn(repository, worker, _settlement(lease), slots=1)
    assert turn.refused == frozenset()
    assert [one.job.id for one in turn.leases] == ["b"]
    assert [one.token for one in beside.leases_of(worker)] == [turn.leases[0].token]
    assert _path(beside, "a") == ["pending", "processing", "completed"]
    assert _path(beside, "b") == ["pending", "processing"]


def _doubtful_claim(repository: JobRepository, worker: int, cable: Cable) -> None:
    """Claim, and do not learn that it was committed."""
    repository.patience = 0.2
    cable.cut_at(COMMIT, Moment.AFTER, for_good=True)
    with pytest.raises(errors.StoreUnreachable, match="not known"):
        _turn(repository, worker, slots=1)
    cable.mend()


def test_what_was_claimed_in_doubt_and_taken_by_others_since_is_not_started(
    repository: JobRepository, beside: JobRepository, worker: int, cable: Cable
) -> None:
    _enqueue(beside, "a")
    _doubtful_claim(repository, worker, cable)
    other = beside.join(WORKER._replace(name="other"), now=NOW, ticks=1.0)
    late = NOW + 61_000
    assert len(beside.rescue(beside.leases_of(worker), worker=other, now=late, lease_seconds=60)) == 1
    assert _turn(repository, worker, slots=1).leases == []
    beside.leave(worker)
    again = repository.join(WORKER._replace(home=repository.home), now=late, ticks=2.0)
    assert _turn(repository, again, slots=1).leases == []


def test_what_was_claimed_in_doubt_is_not_started_by_the_worker_that_its_process_has_become_since(
    repository: JobRepository, beside: JobRepository, worker: int, cable: Cable
) -> None:
    _enqueue(beside, "a")
    _doubtful_claim(repository, worker, cable)
    again = repository.join(WORKER._replace(home=repository.home), now=NOW, ticks=2.0)
    assert _turn(repository, again, slots=1).leases == []


def test_what_was_cleared_up_is_not_forgotten_when_the_connection_is_cut_once_more(
    repository: JobRepository, beside: JobRepository, worker: int, cable: Cable
) -> None:
    _enqueue(beside, "a", "b")
    (first,) = _turn(repository, worker, slots=1).leases
    repository.patience = 0.2
    for moment in (Moment.AFTER, Moment.BEFORE, Moment.BEFORE):
        cable.cut_at(COMMIT, moment, for_good=True)
        with pytest.raises(errors.StoreUnreachable, match="not known"):
            _turn(repository, worker, _settlement(first), slots=1)
        cable.mend()
    turn = _turn(repository, worker, _settlement(first), slots=1)
    assert turn.refused == frozenset()
    assert [(lease.job.id, lease.token) for lease in turn.leases] == [
        (lease.job.id, lease.token) for lease in beside.leases_of(worker)
    ]
    assert beside.get("a").state is JobState.COMPLETED


def test_a_transaction_of_which_a_standby_that_took_over_has_never_heard_did_not_take_place(
    repository: JobRepository,
) -> None:
    assert repository._outcome(2**40) is False  # type: ignore[attr-defined]


def test_leases_are_kept_while_somebody_imports_for_long(place: PostgresPlace, beside: JobRepository) -> None:
    import psycopg

    from queuectl.repository.postgres.place import place_of

    _enqueue(beside, "a")
    worker = beside.join(WORKER._replace(home=beside.home), now=NOW, ticks=1.0, lease_seconds=2.0)
    _turn(beside, worker, slots=1)
    beside.patience = 1.0
    with psycopg.connect(place.server.conninfo) as importing:
        importing.execute("SELECT pg_advisory_xact_lock(%s, %s)", place_of(place.url).lock)
        with pytest.raises(errors.StoreBusy):
            _turn(beside, worker, slots=1)
        assert beside.renew(worker, now=NOW + 60_000, ticks=2.0, lease_seconds=2.0) == ""
        assert [one.heartbeat_at for one in beside.workers()] == [NOW + 60_000]


def test_a_default_of_the_database_does_not_isolate_turns_more(beside: JobRepository) -> None:
    _enqueue(beside, "a", "b")
    worker = beside.join(WORKER._replace(home=beside.home), now=NOW, ticks=1.0)
    leases = _turn(beside, worker, slots=2).leases
    beside._link.connection.execute("SET default_transaction_isolation = 'serializable'")  # type: ignore[attr-defined]
    with beside._working() as db:  # type: ignore[attr-defined]
        assert db.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
    assert _turn(beside, worker, *map(_settlement, leases)).refused == frozenset()


def test_a_list_that_is_given_up_late_takes_nothing_along(beside: JobRepository) -> None:
    """Its transaction has long been given up; another is going on in its place."""
    _enqueue(beside, "a", "b")
    jobs = beside.list().jobs
    next(jobs)

    def specs() -> Iterator[JobSpec]:
        yield JobSpec("true", id="c")
        jobs.close()  # type: ignore[attr-defined]

    beside.enqueue(specs(), now=NOW)
    assert [job.id for job in beside.list().jobs] == ["a", "b", "c"]


# -- what people do -------------------------------------------------------------------


def test_an_enqueue_that_is_cut_before_its_commit_stores_nothing_and_says_so(
    repository: JobRepository, beside: JobRepository, cable: Cable
) -> None:
    cable.cut_at(COMMIT, Moment.BEFORE)
    with pytest.raises(errors.StoreUnreachable) as caught:
        _enqueue(repository, "a", "b")
    assert "not known" not in caught.value.message
    assert list(beside.list().jobs) == []
    _enqueue(repository, "a", "b")
    assert [job.id for job in beside.list().jobs] == ["a", "b"]


def test_an_enqueue_that_is_cut_after_its_commit_is_done(
    repository: JobRepository, beside: JobRepository, cable: Cable
) -> None:
    cable.cut_at(COMMIT, Moment.AFTER)
    _enqueue(repository, "a", "b")
    cable.is_cut()
    assert [job.id for job in beside.list().jobs] == ["a", "b"]


@pytest.mark.parametrize("moment", Moment)
def test_an_enqueue_that_skips_what_is_there_is_done_once(
    repository: JobRepository, beside: JobRepository, cable: Cable, moment: Moment
) -> None:
    cable.cut_at(COMMIT, moment)
    try:
        done = repository.enqueue([JobSpec("true", id="a")], now=NOW, if_exists=IfExists.SKIP)
    except errors.StoreUnreachable:
        assert moment is Moment.BEFORE
        assert list(beside.list().jobs) == []
    else:
        assert [(one.id, one.how) for one in done] == [("a", "created")]
        assert [job.id for job in beside.list().jobs] == ["a"]


@pytest.mark.parametrize("moment", Moment)
def test_an_enqueue_of_which_nothing_is_known_says_so(
    repository: JobRepository, beside: JobRepository, cable: Cable, moment: Moment
) -> None:
    repository.patience = 0.1
    cable.cut_at(COMMIT, moment, for_good=True)
    with pytest.raises(errors.StoreUnreachable, match="not known") as caught:
        _enqueue(repository, "a")
    assert caught.value.hint
    assert [job.id for job in beside.list().jobs] == (["a"] if moment is Moment.AFTER else [])


ACTS: dict[str, Callable[[JobRepository], object]] = {
    "cancel": lambda repository: repository.cancel(Filter(ids=("a",)), now=NOW, grace=1.0, by="me@here"),
    "pause": lambda repository: repository.pause(["mail"], now=NOW, by="me@here"),
    "set": lambda repository: repository.set_setting("max-retries", "5", now=NOW, by="me@here"),
}


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("act", ACTS)
def test_what_a_person_asks_for_is_done_and_noted_once(
    repository: JobRepository, beside: JobRepository, cable: Cable, moment: Moment, act: str
) -> None:
    _enqueue(beside, "a")
    cable.cut_at(COMMIT, moment)
    ACTS[act](repository)
    cable.is_cut()
    assert len(beside.actions()) == 1
    assert (beside.get("a").state is JobState.CANCELLED) == (act == "cancel")


def test_a_connection_that_was_cut_while_it_was_idle_is_made_anew_without_a_word(
    repository: JobRepository, beside: JobRepository, worker: int, cable: Cable
) -> None:
    _enqueue(beside, "a", "b")
    looks: list[Callable[[], object]] = [
        lambda: list(repository.list().jobs),
        lambda: repository.counts(now=NOW),
        lambda: repository.get("b"),
        lambda: _turn(repository, worker, slots=1),
        lambda: repository.renew(worker, now=NOW, ticks=2.0, lease_seconds=60),
        lambda: repository.cancel(Filter(ids=("b",)), now=NOW, grace=1.0),
        repository.version,
        lambda: repository.events("start", limit=9),
    ]
    for look in looks:
        cable.drop()
        look()
    assert [job.state.value for job in beside.list().jobs] == ["processing", "cancelled"]
    cable.drop()
    _enqueue(repository, "c")
    assert cable.connections() == 1


def test_while_the_server_is_away_every_call_says_so_after_its_patience(
    repository: JobRepository, cable: Cable
) -> None:
    repository.patience = 0.2
    cable.cut()
    for call in (
        lambda: repository.counts(now=NOW),
        lambda: list(repository.list().jobs),
        lambda: _enqueue(repository, "a"),
        repository.version,
    ):
        with pytest.raises(errors.StoreUnreachable, match="cannot be reached") as caught:
            call()
        assert caught.value.hint
    cable.mend()
    _enqueue(repository, "a")


# -- a server that refuses ------------------------------------------------------------


def test_a_server_that_only_reads_is_read_and_says_so_to_whoever_writes(
    place: PostgresPlace, beside: JobRepository
) -> None:
    _enqueue(beside, "a")
    url = place.server.url(place.schema, options="-cdefault_transaction_read_only=on")
    with closing(open_repository(url, create=False)) as standby:
        assert [job.id for job in standby.list().jobs] == ["a"]
        assert standby.counts(now=NOW).ready == 1
        with pytest.raises(errors.StoreReadOnly, match="standby or read-only"):
            _enqueue(standby, "b")
        with pytest.raises(errors.StoreReadOnly):
            standby.cancel(Filter(ids=("a",)), now=NOW, grace=1.0)


def test_a_server_without_a_free_connection_says_so(place: PostgresPlace, beside: JobRepository) -> None:
    del beside
    with closing(place.outside()) as outside:
        outside.change(f"CREATE ROLE {place.schema} LOGIN CONNECTION LIMIT 0")
        try:
            with pytest.raises(errors.StoreUnreachable, match="no connection left") as caught:
                open_repository(place.url.replace("tests@", f"{place.schema}:secret@"))
            assert "secret" not in f"{caught.value.message} {caught.value.hint}"
        finally:
            outside.change(f"DROP ROLE {place.schema}")


def test_a_user_without_rights_is_told_which(place: PostgresPlace, beside: JobRepository) -> None:
    del beside
    with closing(place.outside()) as outside:
        outside.change(f"CREATE ROLE {place.schema} LOGIN")
        try:
            with pytest.raises(errors.StoreReadOnly) as caught:
                open_repository(place.url.replace("tests@", f"{place.schema}@"), create=False)
            assert "GRANT" in str(caught.value.hint)
        finally:
            outside.change(f"DROP ROLE {place.schema}")


# -- a server that goes away and comes back -------------------------------------------


def test_a_store_that_was_replaced_is_noticed_by_the_workers_of_the_old_one(
    place: PostgresPlace, beside: JobRepository
) -> None:
    identity = WORKER._replace(home=beside.home)
    worker = beside.join(identity, now=NOW, ticks=1.0)
    _enqueue(beside, "a")
    (lease,) = _turn(beside, worker, slots=1).leases
    with closing(place.outside()) as outside:
        outside.change(f"DROP SCHEMA {place.schema} CASCADE")
    with pytest.raises(errors.StoreGone):
        _turn(beside, worker, _settlement(lease))
    with closing(place.open()) as new:
        with pytest.raises(errors.StoreGone, match="replaced"):
            beside.join(identity, now=NOW, ticks=1.0)
        assert new.join(WORKER, now=NOW, ticks=1.0) == worker
        _enqueue(new, "b")
        with pytest.raises(errors.StoreGone, match="replaced"):
            _turn(beside, worker, slots=1)
        with pytest.raises(errors.StoreGone, match="replaced"):
            beside.renew(worker, now=NOW, ticks=2.0, lease_seconds=60.0)
        assert new.get("b").state is JobState.PENDING


@pytest.fixture
def own(place: PostgresPlace) -> Iterator[Server]:
    """A server that nobody else uses."""
    del place  # whoever has no server is skipped there
    with tempfile.TemporaryDirectory(prefix="queuectl-tests-", dir="/tmp") as room:
        Path(room).chmod(0o755)
        server = Server(Path(room))
        server.make()
        server.start()
        yield server
        server.stop()


def test_a_server_is_told_to_notice_when_we_are_gone_without_a_word(
    place: PostgresPlace, beside: JobRepository
) -> None:
    del beside
    url = place.server.url(place.schema)
    with closing(open_repository(url)) as repository:
        query = "SELECT name FROM pg_settings WHERE name LIKE 'tcp%' AND source = 'session' ORDER BY name"
        names = repository._link.connection.execute(query).fetchall()  # type: ignore[attr-defined]
    wanted = ("tcp_keepalives_count", "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_user_timeout")
    assert [name for (name,) in names] == list(wanted)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_server_that_was_restarted_is_the_same_as_before(own: Server, how: int) -> None:
    with closing(open_repository(own.url("queue"))) as repository:
        worker = repository.join(WORKER._replace(home=repository.home), now=NOW, ticks=1.0)
        _enqueue(repository, "a", "b")
        (lease,) = _turn(repository, worker, slots=1).leases
        own.stop(how)
        repository.patience = 0.2
        with pytest.raises(errors.StoreUnreachable):
            _turn(repository, worker, _settlement(lease))
        own.start()
        repository.patience = 10.0
        turn = _turn(repository, worker, _settlement(lease), slots=1)
        assert (turn.refused, [one.job.id for one in turn.leases]) == (frozenset(), ["b"])
        assert repository.get("a").state is JobState.COMPLETED


def test_a_commit_that_still_goes_on_is_waited_for(own: Server) -> None:
    """The server waits for a standby that is not there: the commit is neither made nor given up."""
    import psycopg

    with closing(open_repository(own.url("queue"))) as repository, closing(open_repository(own.url("queue"))) as beside:
        worker = repository.join(WORKER._replace(home=repository.home), now=NOW, ticks=1.0, lease_seconds=1.0)
        _enqueue(repository, "a", "b")
        (first,) = _turn(repository, worker, slots=1).leases
        with closing(psycopg.connect(own.conninfo, autocommit=True)) as owner:
            owner.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            owner.execute("SELECT pg_reload_conf()")
            repository.patience = 0.2
            with pytest.raises(errors.StoreUnreachable, match="not known"):
                _turn(repository, worker, _settlement(first), slots=1)
            with pytest.raises(errors.StoreBusy, match="still being committed"):
                _turn(repository, worker, _settlement(first), slots=1)
            owner.execute("ALTER SYSTEM RESET synchronous_standby_names")
            owner.execute("SELECT pg_reload_conf()")
        repository.patience = 10.0
        deadline = time.monotonic() + 20
        while True:
            with suppress(errors.StoreBusy):
                turn = _turn(repository, worker, _settlement(first), slots=1)
                break
            assert time.monotonic() < deadline
        assert (turn.refused, [one.job.id for one in turn.leases]) == (frozenset(), ["b"])
        assert [one.token for one in beside.leases_of(worker)] == [turn.leases[0].token]
