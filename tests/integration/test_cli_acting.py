"""`queuectl pause`, `resume`, `edit` and `retry` without a process, and who is noted to have done what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from queuectl.cli import pause, retrying
from queuectl.cli.session import Session
from queuectl.errors import StoreBusy
from queuectl.model import JobState, Policy
from queuectl.repository import open_repository
from queuectl.repository.acting import Paused
from queuectl.repository.sqlite import SqliteRepository

if TYPE_CHECKING:
    from queuectl.repository.acting import Action
    from tests.integration.conftest import CommandLine

ME = "ann@host"


@pytest.fixture(autouse=True)
def me(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "by", ME)


@pytest.fixture
def queues(run: CommandLine) -> CommandLine:
    """A store with job m in queue mail, and jobs w and v in queue web."""
    run("enqueue", "--id", "m", "-Q", "mail", "true")
    run("enqueue", "--id", "w", "-Q", "web", "true")
    run("enqueue", "--id", "v", "-Q", "web", "true")
    return run


def _actions(run: CommandLine) -> list[Action]:
    repository = open_repository(str(run.database))
    try:
        return list(repository.actions())
    finally:
        repository.close()


def _noted(run: CommandLine) -> list[tuple[str, str, int]]:
    """Return verb, what and number of all that this person did."""
    assert {action.by for action in _actions(run)} <= {ME}
    return [(action.verb, action.what, action.jobs) for action in _actions(run)]


def _states(run: CommandLine) -> dict[str, str]:
    return {job.id: str(job.state) for job in run.jobs()}


class TestPause:
    def test_jobs_of_a_paused_queue_wait_until_it_is_resumed(self, queues: CommandLine) -> None:
        assert queues("pause", "mail") == "mail\n"
        queues.settle("completed")
        assert _states(queues) == {"m": "pending", "w": "completed", "v": "completed"}
        assert queues("resume", "mail") == "mail\n"
        queues.settle("completed")
        assert _states(queues)["m"] == "completed"

    def test_what_has_changed_is_told_and_what_has_not(
        self, queues: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queues("pause", "mail")
        since = queues.json("status")["paused"][0]["since"]
        monkeypatch.setattr(pause, "now", lambda: 2**45)
        assert queues("pause", "mail", "web", "mail") == "web\n"
        assert queues.said.startswith("Queue 'mail' was paused already, ")
        assert queues.said.endswith(f" ago by {ME}.\n")
        assert queues.json("status")["paused"][0] == {"queue": "mail", "since": since, "by": ME, "ready": 1}
        assert queues.json("pause", "mail", "x") == {
            "queues": [{"queue": "x", "how": "paused"}, {"queue": "mail", "how": "unchanged"}]
        }
        assert queues.json("resume", "mail", "web", "x") == {
            "queues": [
                {"queue": "mail", "how": "resumed"},
                {"queue": "web", "how": "resumed"},
                {"queue": "x", "how": "resumed"},
            ]
        }
        assert queues("resume", "mail") == ""
        assert "Queue 'mail' was not paused." in queues.said

    def test_all_holds_every_queue_and_resume_all_lifts_every_pause(self, queues: CommandLine) -> None:
        queues("pause", "mail")
        assert queues("pause", "--all") == "*\n"
        queues("pause", "--all")
        assert "All queues were paused already" in queues.said
        message, hint = queues.error("resume", "mail", code=4)
        assert message == "all queues are paused; one of them cannot be resumed alone"
        assert "resume --all" in str(hint)
        queues.settle("completed")
        assert set(_states(queues).values()) == {"pending"}
        assert queues.json("resume", "--all") == {
            "queues": [{"queue": "*", "how": "resumed"}, {"queue": "mail", "how": "resumed"}]
        }
        assert queues("resume", "--all") == ""
        assert "Nothing was paused." in queues.said
        assert queues.json("resume", "--all") == {"queues": []}
        assert _noted(queues) == [("pause", "mail", 0), ("pause", "--all", 0), ("resume", "--all", 0)]

    def test_a_queue_that_nobody_knows_is_not_resumed_nor_are_those_beside_it(self, queues: CommandLine) -> None:
        queues("pause", "mail", "later")
        message, hint = queues.error("resume", "mail", "mial", code=3)
        assert message == "no job is in queue 'mial', and it is not paused"
        assert hint == "did you mean 'mail'?"
        assert json.loads(queues.said.splitlines()[-1])["error"]["code"] == "queue_not_found"
        assert [one["queue"] for one in queues.json("status")["paused"]] == ["later", "mail"]
        _, hint = queues.error("resume", "zzz", code=3)
        assert hint == "queuectl status shows what is paused"
        queues("resume", "later")  # paused and without jobs
        queues("resume", "web")  # not paused and with jobs

    def test_a_queue_without_jobs_is_paused_and_the_name_doubted(self, queues: CommandLine) -> None:
        assert queues("pause", "mial") == "mial\n"
        assert "No job is in queue 'mial' yet; it is paused all the same." in queues.said
        assert "Hint: did you mean 'mail'?" in queues.said

    @pytest.mark.parametrize("verb", ["pause", "resume"])
    @pytest.mark.parametrize("args", [(), ("mail", "--all"), ("",), ("a b",), ("*",), ("-x",), ("[/foo]",)])
    def test_what_makes_no_sense_is_refused(self, queues: CommandLine, verb: str, args: tuple[str, ...]) -> None:
        queues.error(verb, *args, code=2)
        assert queues.json("status")["paused"] == []

    def test_a_terminal_gets_sentences(self, queues: CommandLine) -> None:
        queues.on_terminal()
        assert queues("pause", "mail", "web") == "Paused queue 'mail'.\nPaused queue 'web'.\n"
        assert queues("pause", "--all") == "Paused all queues.\n"
        assert queues("resume", "--all") == ("Resumed all queues.\nResumed queue 'mail'.\nResumed queue 'web'.\n")
        assert queues("-q", "pause", "mail") == "mail\n"

    def test_status_shows_it_in_every_form(self, queues: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        queues("pause", "web", "--quiet")
        assert "paused\tweb\t2\n" in queues("status")
        queues("pause", "--all")
        assert queues("status").endswith("paused\t*\t3\npaused\tweb\t2\n")
        queues.on_terminal()
        text = queues("status")
        assert "All queues have been paused for 0s by ann@host; 3 ready jobs wait" in text
        assert "Queue web has been paused for 0s by ann@host; 2 ready jobs wait" in text
        queues.on_terminal(30)
        assert all(len(line) <= 30 for line in queues("status").splitlines())
        odd = [Paused("\x1b[31m[b]", 0, "\x1b]0;x\x07", 1)]
        monkeypatch.setattr(SqliteRepository, "paused", lambda _: odd)
        queues.on_terminal(200)
        assert "\x1b" not in queues("status").replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[2m", "")

    def test_show_says_what_a_job_waits_for(self, queues: CommandLine) -> None:
        queues("pause", "mail")
        told = "nothing, while queue 'mail' is paused; queuectl resume mail lets it go on"
        assert queues.json("show", "m")["next"] == told
        assert f"next:\t{told}\n" in queues("show", "m")
        assert queues.json("show", "w")["next"] == "starts when a worker is free"
        queues("pause", "--all")
        assert "queuectl resume --all" in queues.json("show", "w")["next"]


class TestEdit:
    def test_options_change_what_they_name(self, queues: CommandLine) -> None:
        before = queues.job("m")
        assert queues("edit", "m", "--priority", "7", "-Q", "slow", "--timeout", "90s", "-t", "x", "-t", "y") == "m\n"
        job = queues.job("m")
        assert (job.priority, job.queue, job.timeout, job.tags) == (7, "slow", 90.0, ("x", "y"))
        assert (job.command, job.cwd, job.next_run_at) == (before.command, before.cwd, before.next_run_at)
        queues(
            "edit", "m", "--command", "echo it's", "--max-retries", "9", "--backoff-base", "1.5", "--unique-key", "k"
        )
        job = queues.job("m")
        assert (job.command, job.max_retries, job.backoff_base, job.unique_key) == ("echo it's", 9, 1.5, "k")
        queues("edit", "m", "--timeout", "none", "--backoff-base", "none", "--unique-key", "none", "--cwd", "sub")
        job = queues.job("m")
        assert (job.timeout, job.backoff_base, job.unique_key) == (None, None, None)
        assert job.cwd == str(queues.home / "sub")

    def test_a_directory_that_is_not_there_is_doubted_and_taken(self, queues: CommandLine) -> None:
        for args in (("--cwd", "sub"), ("--set", "cwd=sub")):
            queues("edit", "m", *args)
            assert f"Warning: there is no directory '{queues.home}/sub' here" in queues.said
        assert queues.job("m").cwd == str(queues.home / "sub")
        queues("edit", "m", "--cwd", ".")
        assert queues.said == ""

    def test_it_may_start_earlier_or_later(self, queues: CommandLine) -> None:
        queues("edit", "m", "--delay", "1h")
        assert queues.json("status")["pending"] == {"ready": 2, "scheduled": 1, "retrying": 0}
        queues("edit", "m", "--at", "2030-01-01T00:00:00Z")
        assert queues.json("show", "m")["next_run_at"] == "2030-01-01T00:00:00.000Z"
        queues("edit", "m", "--delay", "0")
        assert queues.json("status")["pending"]["ready"] == 3
        queues("edit", "m", "--set", "delay=1h")
        queues("edit", "m", "--set", "run_at=null")
        assert queues.json("status")["pending"]["ready"] == 3

    def test_variables_are_added_and_tags_replaced(self, queues: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HERE", "3")
        queues("edit", "m", "-e", "A=1", "-e", "B=2", "-t", "old")
        queues("edit", "m", "-e", "B=x", "-e", "HERE", "-t", "new")
        assert (queues.job("m").env, queues.job("m").tags) == ({"A": "1", "B": "x", "HERE": "3"}, ("new",))
        queues("edit", "m", "--set", 'env={"C": "4"}', "--set", "tags=null")
        assert (queues.job("m").env, queues.job("m").tags) == ({"C": "4"}, ())
        queues("edit", "m", "--set", "env=null")
        assert queues.job("m").env == {}
        assert "NOWHERE" in queues.error("edit", "m", "-e", "NOWHERE", code=2)[0]

    def test_the_options_of_a_policy_are_those_of_enqueue_and_may_go(self, queues: CommandLine) -> None:
        policy = ("--retry-on", "75,SIGKILL", "--retry-on", "timeout", "--give-up-on", "lost", "--success-codes", "0,3")
        waits = ("--backoff-max", "10m", "--backoff-jitter", "0.5", "--retry-for", "2h")
        queues("enqueue", "--id", "n", *policy, *waits, "true")
        assert queues("edit", "m", *policy, *waits) == "m\n"
        assert queues.job("m").policy == queues.job("n").policy
        queues("edit", "m", "--retry-on", "none", "--backoff-max", "none", "--retry-for", "none")
        expected = Policy(success_codes=(0, 3), give_up_on=("lost",), backoff_jitter=0.5)
        assert queues.job("m").policy == expected
        queues("edit", "m", "--success-codes", "3", "--retry-on", "0")  # no contradiction: here 0 is no success
        assert queues.job("m").policy == expected._replace(success_codes=(3,), retry_on=("0",))
        assert _noted(queues)[-1][1] == "m: success_codes, retry_on"

    @pytest.mark.parametrize(
        ("pair", "field", "value"),
        [
            ("priority=5", "priority", 5),
            ("command=echo a=b", "command", "echo a=b"),
            ("queue=7", "queue", "7"),
            ('unique_key="12"', "unique_key", "12"),
            ("unique_key=12", "unique_key", "12"),
            ("command=true", "command", "true"),
            ("timeout=10m", "timeout", 600.0),
            ("timeout=2.5", "timeout", 2.5),
            ("timeout=null", "timeout", None),
            ('tags=["a", "b"]', "tags", ("a", "b")),
            ("cwd=sub", "cwd", "sub"),
            ("timeout=none", "timeout", None),
            ("tags=a,b", "tags", ("a", "b")),
            ("env.A=1", "env", {"A": "1"}),
            ("retry_on=75,SIGKILL", "policy", Policy(retry_on=("75", "SIGKILL"))),
        ],
    )
    def test_set_takes_json_or_a_bare_text_for_any_field(
        self, queues: CommandLine, pair: str, field: str, value: object
    ) -> None:
        queues("edit", "m", "--set", pair)
        assert getattr(queues.job("m"), field) == (str(queues.home / "sub") if field == "cwd" else value)

    @pytest.mark.parametrize(
        ("args", "complaint"),
        [
            (("--set", "priority"), "--set: 'priority' is no change of a field"),
            (("--set", "priorty=1"), "--set: unknown field 'priorty'"),
            (("--set", "priorty=null"), "--set: unknown field 'priorty'"),
            (("--set", "priority=x"), "--set: priority: 'x' is not a whole number"),
            (("--set", "priority=NaN"), "--set: priority: "),
            (("--set", "command=null"), "--set: command: a job cannot be without it"),
            (("--set", "id=x"), "--set: id cannot be changed"),
            (("--set", 'depends_on=["a"]'), "--set: depends_on cannot be changed"),
            (("--set", "env=[1]"), "--set: env: a list is not an object"),
            (("--command", " "), "command: it is blank"),
            (("--queue", "a b"), "queue: "),
            (("--timeout", "0"), "timeout: "),
            (("--timeout", "nonsense"), "--timeout: "),
            (("--delay", "1h", "--at", "+2h"), "both --at and --delay are given"),
            (("--priority", "1", "--set", "priority=2"), "priority is given twice"),
            (("--env", "A=1", "--set", "env=null"), "env is given twice"),
            (("--env", "A=1", "--set", "env.A=2"), "env.A is given twice"),
            (("--set", "retry_on=75", "--set", "give_up_on=75"), "job 'm': give_up_on: 75 stands in retry_on too"),
            (("--retry-on", "75", "--set", "give_up_on=75"), "job 'm': give_up_on: 75 stands in retry_on too"),
            (("--retry-on", "75", "--set", "retry_on=76"), "retry_on is given twice"),
            (("--retry-on", "nonsense"), "retry_on[0]: 'nonsense' is no ending"),
            (("--retry-on", "none,75"), "retry_on[0]: 'none' is no ending"),
            (("--backoff-jitter", "2"), "backoff_jitter: 2"),
            (("--at", "+1h", "--set", "delay=5"), "run_at is given twice"),
            ((), "there is nothing to change"),
        ],
    )
    def test_what_makes_no_sense_is_refused_and_changes_nothing(
        self, queues: CommandLine, args: tuple[str, ...], complaint: str
    ) -> None:
        before = queues.jobs()
        assert queues.error("edit", "m", *args, code=2)[0].startswith(complaint)
        assert queues.jobs() == before

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_only_pending_jobs_all_or_none(self, queues: CommandLine, dry: tuple[str, ...]) -> None:
        queues("pause", "mail")
        queues.settle("processing")
        assert "'w' is processing" in queues.error("edit", "m", "w", "--priority", "1", *dry, code=4)[0]
        queues.error("edit", "m", "nobody", "--priority", "1", *dry, code=3)
        queues.error("edit", "--priority", "1", *dry, code=2)
        assert queues.job("m").priority == 0

    def test_json_dry_run_and_a_terminal_tell_which(self, queues: CommandLine) -> None:
        assert queues.json("edit", "m", "w", "-p", "1", "--dry-run") == {
            "jobs": [{"id": "m", "how": "would_edit"}, {"id": "w", "how": "would_edit"}],
            "dry_run": True,
        }
        assert queues.job("m").priority == 0
        assert queues.json("edit", "m", "-p", "1") == {"jobs": [{"id": "m", "how": "edited"}], "dry_run": False}
        queues.on_terminal()
        assert queues("edit", "m", "w", "-p", "2", "-e", "A=secret") == "Edited 2 jobs: m, w: priority, env.A.\n"
        assert _noted(queues)[-1] == ("edit", "m w: priority, env.A", 2)

    def test_a_job_that_waits_for_its_retry_may_be_edited(self, queues: CommandLine) -> None:
        queues.settle("retrying")
        queues("edit", "m", "--command", "echo better", "--delay", "0")
        assert (queues.job("m").command, queues.job("m").attempts) == ("echo better", 1)
        message, hint = queues.error("edit", "m", "--max-retries", "1", code=4)
        assert message == "job 'm' has had 1 of its attempts; max_retries 1 would leave it none"
        assert "queuectl cancel m" in str(hint)


class TestRetry:
    @pytest.fixture
    def ended(self, run: CommandLine) -> CommandLine:
        """A store with a job for each way to end, and p, which is pending."""
        run("enqueue", "--id", "done", "-Q", "mail", "true")
        run.settle("completed")
        run("enqueue", "--id", "dead", "-t", "t", "false")
        run.settle("dead")
        run("enqueue", "--id", "gone", "-t", "t", "true")
        run("cancel", "gone")
        run("enqueue", "--id", "p", "true")
        return run

    def test_jobs_run_again_however_they_ended(self, ended: CommandLine) -> None:
        assert ended("retry", "done", "gone", "dea") == "done\ngone\ndead\n"
        assert set(_states(ended).values()) == {"pending"}
        assert [(job.attempts, job.finished_at) for job in ended.jobs()] == [(0, None)] * 4
        last = ended.json("show", "done")["history"][-1]
        assert (last["state"], last["reason"]) == ("pending", f"retried by {ME}")
        assert _noted(ended)[-1] == ("retry", "done gone dead", 3)

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_one_that_has_not_ended_refuses_the_whole_call(self, ended: CommandLine, dry: tuple[str, ...]) -> None:
        message, hint = ended.error("retry", *dry, "done", "p", code=4)
        assert message == "job 'p' is pending; only jobs that have ended can be retried"
        assert hint == "it waits for its turn; queuectl explain p says what for"
        ended.error("retry", *dry, "done", "nobody", code=3)
        assert ended.job("done").state is JobState.COMPLETED

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_whoever_retries_a_running_job_hears_how_to_wait_for_it_and_to_stop_it(
        self, ended: CommandLine, dry: tuple[str, ...]
    ) -> None:
        ended.settle("processing")
        message, hint = ended.error("retry", *dry, "p", code=4)
        assert message == "job 'p' is processing; only jobs that have ended can be retried"
        assert hint == "queuectl wait p waits until it has ended, queuectl cancel p stops it"
        message, hint = ended.error("dlq", "retry", *dry, "done", code=4)
        assert message == "job 'done' is completed; only dead jobs can be retried"
        assert hint == "queuectl retry done runs it again"

    @pytest.mark.parametrize(
        ("args", "which"),
        [
            ((), ["done", "dead", "gone"]),
            (("--state", "completed"), ["done"]),
            (("--state", "dead,cancelled"), ["dead", "gone"]),
            (("--queue", "mail"), ["done"]),
            (("--tag", "t"), ["dead", "gone"]),
            (("--tag", "t", "--search", "DEA"), ["dead"]),
            (("--tag", "nowhere"), []),
        ],
    )
    def test_all_means_what_the_filters_let_through(
        self, ended: CommandLine, args: tuple[str, ...], which: list[str]
    ) -> None:
        assert ended("retry", "--all", *args, "--dry-run").split() == which
        assert ended.json("retry", "--all", *args, "--dry-run")["dry_run"] is True
        assert _states(ended) == {"done": "completed", "dead": "dead", "gone": "cancelled", "p": "pending"}
        assert "--yes" in str(ended.error("retry", "--all", *args, code=2)[1])
        assert ended("retry", "--all", *args, "-y").split() == which
        assert {job.id for job in ended.jobs() if job.state is JobState.PENDING} == {"p", *which}
        assert which or "No such jobs." in ended.said

    @pytest.mark.parametrize(
        "args",
        [
            (), ("done", "--all"), ("done", "--tag", "t"), ("done", "--state", "dead"), ("--all", "--state", "pending"),
            ("--all", "--state", "bogus"), ("--all", "--search", ""),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused(self, ended: CommandLine, args: tuple[str, ...]) -> None:
        ended.error("retry", *args, "-y", code=2)
        assert ended.job("done").state is JobState.COMPLETED

    def test_a_person_is_asked_with_the_numbers(self, ended: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr(retrying, "demand_somebody", lambda **_: None)
        monkeypatch.setattr(retrying, "confirm", lambda question, **_: asked.append(question))
        ended.on_terminal()
        assert ended("retry", "--all", "--state", "dead") == "Retried job 'dead'.\n"
        assert ended("retry", "--all") == "Retried 2 jobs: done, gone.\n"
        assert ended("retry", "--all") == ""
        assert asked == ["Retry 1 dead job?", "Retry 2 jobs (1 cancelled, 1 completed)?"]


class TestWhoDidIt:
    def test_every_verb_that_changes_something_is_noted_once(self, run: CommandLine) -> None:
        for number in range(3):
            run("enqueue", "--id", f"a{number}", "--max-retries", "1", "-t", "t", "false")
        run.settle("dead")
        run("dlq", "purge", "a0")
        run("dlq", "retry", "a1")
        run("cancel", "a1")
        run("prune", "--state", "cancelled", "-y")
        run("rm", "a2")
        run("config", "set", "lease", "30s")
        run("config", "unset", "lease")
        run("enqueue", "--id", "b", "true")
        run("edit", "b", "-p", "1")
        run("pause", "--all")
        run("resume", "--all")
        run("cancel", "--all", "-y")
        assert _noted(run) == [
            ("dlq purge", "a0", 1),
            ("retry", "a1", 1),
            ("cancel", "a1", 1),
            ("prune", "--state cancelled", 1),
            ("rm", "a2", 1),
            ("config set", "lease 30s", 0),
            ("config unset", "lease", 0),
            ("edit", "b: priority", 1),
            ("pause", "--all", 0),
            ("resume", "--all", 0),
            ("cancel", "--state pending,processing", 1),
        ]

    def test_what_only_looks_or_fails_is_not(self, run: CommandLine) -> None:
        run("enqueue", "--id", "a", "true")
        run("cancel", "--all", "--dry-run")
        run("edit", "a", "-p", "1", "--dry-run")
        run("prune", "-y")
        run.error("rm", "a", code=4)
        run.error("retry", "a", code=4)
        run("config", "unset", "lease")
        assert _actions(run) == []

    def test_a_long_prune_is_one_action_with_the_total(self, run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("queuectl.cli.removal.BATCH", 2)
        for number in range(9):
            run("enqueue", "--id", f"j{number}", "true")
        run.settle("completed")
        run("rm", "j0", "j1", "j2", "-y")
        run("prune", "--queue", "default", "--older-than", "1s", "-y")
        (_, removed, gone), (verb, pruned, number) = _noted(run)
        assert (removed, gone, verb, number) == ("j0 j1 j2", 3, "prune", 6)
        assert pruned.startswith("--state completed,cancelled --queue default ended before 20")

    def test_a_prune_that_nobody_could_write_down_is_a_prune_all_the_same(
        self, run: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(*_: Any, **__: Any) -> None:
            raise StoreBusy("store 'queue.db' is busy")

        run("enqueue", "--id", "a", "true")
        run.settle("completed")
        monkeypatch.setattr(SqliteRepository, "note", busy)
        assert run("prune", "-y") == "a\n"
        assert "who removed them could not be written down: store 'queue.db' is busy" in run.said
