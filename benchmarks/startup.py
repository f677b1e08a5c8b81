"""Short commands, as whole processes, beside the imports that they cannot do without.

Measured: from the start of the process to its end, for `--version`, `enqueue true` (one job,
fsynced), `list` and `status` in a pipe, and the answer to a Tab, on a small store.
Not measured: terminals, where Rich draws; the first command, which makes the store.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import in_turn, room, seconds
from benchmarks.ours import IMPORT, QUEUECTL
from benchmarks.result import Result, ratio

if TYPE_CHECKING:
    from benchmarks.scale import Scale

COMMANDS = {
    "version": ["--version"],
    "enqueue": ["enqueue", "true"],
    "list": ["list"],
    "status": ["status"],
    "completion": [],
}
TAB = {"_QUEUECTL_COMPLETE": "bash_complete", "COMP_WORDS": "queuectl show ", "COMP_CWORD": "2"}
WHAT = {name: f"`queuectl {' '.join(words)}`" for name, words in COMMANDS.items()} | {
    "completion": "Tab after `queuectl show`"
}


def measure(scale: Scale) -> Result:
    """Alternate our commands with the bare import."""
    with room() as where:
        seconds([*QUEUECTL, "enqueue", "true"], where)  # makes the store
        candidates = {"import": partial(seconds, IMPORT, where)}
        for name, words in COMMANDS.items():
            candidates[name] = partial(seconds, [*QUEUECTL, *words], where, env=None if words else TAB)
        samples = in_turn(candidates, scale.starts)
    bare = samples.pop("import")
    return Result([ratio(name, WHAT[name], times, "bare import", bare) for name, times in samples.items()])
