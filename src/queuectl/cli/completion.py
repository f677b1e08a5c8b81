"""`queuectl completion`: the script that lets a shell complete commands and ids."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import shared
from queuectl.cli.words import Command
from queuectl.config import environment
from queuectl.errors import OperationFailed

if TYPE_CHECKING:
    from queuectl.cli.session import Session

#: What has to be true for the shell to find the installed script.
_NEEDS = {
    "bash": "it is read by the package bash-completion; without that, add to ~/.bashrc: source {path}",
    "zsh": "zsh looks there if ~/.zshrc has, before compinit: fpath=({directory} $fpath)",
    "fish": "fish reads it by itself",
}


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--install", is_flag=True, help="Write the script to where the shell looks for it.")
@shared
@click.pass_obj
def command(session: Session, shell: str, *, install: bool) -> None:
    """Print the script that lets a shell complete commands, options, ids, queues and settings.

    \b
    For this session only:
      source <(queuectl completion bash)
      source <(queuectl completion zsh)
      queuectl completion fish | source
    """
    from queuectl.cli.shells import script

    text = script(shell)
    if not install:
        if session.json:
            output.document({"shell": shell, "script": text})
        else:
            output.write(text)
        return
    path = place(shell)
    changed = _put(path, text)
    if session.json:
        output.document({"shell": shell, "path": str(path), "changed": changed})
        return
    output.write(f"{'Wrote' if changed else 'Up to date:'} {output.safe(str(path))}\n")
    session.hint(_NEEDS[shell].format(path=path, directory=path.parent))


def place(shell: str) -> Path:
    """Return where a shell looks for a user's completions of this program."""
    variables = environment()
    home = Path.home()
    data = Path(variables.get("XDG_DATA_HOME") or home / ".local/share")
    if shell == "bash":
        directory = variables.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion"
        return Path(directory) / "completions/queuectl"
    if shell == "zsh":
        return data / "zsh/site-functions/_queuectl"
    return Path(variables.get("XDG_CONFIG_HOME") or home / ".config") / "fish/completions/queuectl.fish"


def _put(path: Path, text: str) -> bool:
    """Write a file as a whole; say whether that changed anything."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and path.read_bytes() == text.encode():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        # The file itself, where somebody keeps it elsewhere and links to it from here.
        temporary.replace(path.resolve())
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        hint = "queuectl completion SHELL prints the script, to put it elsewhere"
        raise OperationFailed(f"cannot write {str(path)!r}: {error.strerror}", hint) from error
    return True
