"""`queuectl schema`: the shapes of JSON that scripts write and read."""

from __future__ import annotations

import click

from queuectl.cli import output
from queuectl.cli.options import shared
from queuectl.cli.words import Command


@click.command("schema", cls=Command)
@click.argument("what", type=click.Choice(["job", "shown", "event", "error"]))
@shared
def command(what: str) -> None:
    """Print the JSON Schema of what scripts write and read.

    job: what enqueue takes. shown: a job as list and show print it with --json. event: what events
    tells. error: what stands on stderr if a command with --json fails.

    \b
    Examples:
      queuectl schema job > job.schema.json
      queuectl schema error | jq '.properties.error.properties.code.enum'
    """
    from queuectl.cli import shapes

    shape = {"job": shapes.job, "shown": shapes.shown, "event": shapes.event, "error": shapes.error}[what]
    output.document(shape())
