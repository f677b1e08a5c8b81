"""The live screen as it stands at one moment: lines of text, or a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.cli import output
from queuectl.cli.top.facts import success, throughput

if TYPE_CHECKING:
    from queuectl.cli.session import Session
    from queuectl.cli.top.facts import Facts
    from queuectl.model import Job
    from queuectl.repository.base import Worker


def show(session: Session) -> None:
    """Write one frame to stdout."""
    from queuectl.cli.top.reading import Reader

    facts = Reader(session.repository).read()
    if session.json:
        output.document(_as_object(facts, session.store))
        return
    from queuectl.cli.tables import glyphs_for
    from queuectl.cli.top.frame import still
    from queuectl.cli.top.state import State, with_facts

    console = output.console()
    state = State(store=session.store, now=facts.at, glyphs=glyphs_for(unicode=output.speaks_unicode()))
    for line in still(with_facts(state, facts, facts.at), console.width):
        line.rstrip()
        console.print(line, no_wrap=True, overflow="crop", crop=True)


def _as_object(facts: Facts, store: str) -> dict[str, Any]:
    from queuectl.cli.jobjson import job_object
    from queuectl.duration import format_time

    counts = facts.counts
    completed, runs = success(facts.beats, facts.at)
    return {
        "at": format_time(facts.at),
        "db": store,
        "jobs": {state.value: number for state, number in counts.states.items()},
        "pending": {"ready": counts.ready, "scheduled": counts.scheduled, "retrying": counts.retrying},
        "runs_per_minute": throughput(facts, facts.at),
        "success_rate": round(completed / runs, 4) if runs else None,
        "workers": [_worker(worker, facts) for worker in facts.workers],
        "queues": [_queue(one._asdict(), facts) for one in facts.queues],
        "retries": [job_object(job) for job in facts.retrying],
        "dead": [{"signature": signature, "jobs": jobs} for signature, jobs in facts.dead],
        "ended": [
            {
                "id": one.job.id,
                "state": one.state.value,
                "at": format_time(one.at),
                "attempt": one.attempt,
                "duration_seconds": one.seconds,
                "exit_code": one.exit_code,
                "reason": one.reason,
            }
            for one in facts.ended
        ],
    }


def _worker(worker: Worker, facts: Facts) -> dict[str, Any]:
    from queuectl.cli.jobjson import worker_object

    jobs = {job.id: job for job in facts.running}
    running = [_run(jobs[one], facts) for one in worker.jobs if one in jobs]
    return worker_object(worker) | {"running": running}


def _run(job: Job, facts: Facts) -> dict[str, Any]:
    from queuectl.cli.jobjson import job_object

    return job_object(job) | {"last_line": facts.lines.get(job.seq, "")}


def _queue(counts: dict[str, Any], facts: Facts) -> dict[str, Any]:
    from queuectl.cli.jobjson import time_or_none

    return counts | {"paused_since": time_or_none(facts.paused.get(counts["name"]))}
