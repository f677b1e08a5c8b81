"""The columns of a job, for whoever reads one."""

from __future__ import annotations

#: In the order of `Job`'s fields.
COLUMNS = (
    "seq, id, command, state, queue, priority, attempts, max_retries, backoff_base, created_at, updated_at,"
    " next_run_at, started_at, finished_at, duration_seconds, exit_code, error, worker, cwd, env, tags, timeout,"
    " unique_key, runs, policy, retry_until, signature"
)
#: What a lease is made from.
LEASE = f"{COLUMNS}, lease_token, runs, record, returned"
