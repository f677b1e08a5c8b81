"""How shells ask for candidates, and how they are answered.

Click's scripts are the base. Two are replaced, because an id is any text: Click's for bash
puts candidates on the line unquoted and breaks them at `:`, and its script for fish cuts them at
a comma. An id like `$(reboot)` that TAB puts on the line must not run.
"""

from __future__ import annotations

import contextlib
import re
import sys
from typing import TYPE_CHECKING, Any

from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from queuectl.config import environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

_BASH = """\
%(complete_func)s() {
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_FISH = """\
function %(complete_func)s
    for line in (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \\
            COMP_CWORD=(commandline -t) %(prog_name)s 2>/dev/null)
        set -l parts (string split -m 1 , -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                printf '%%s\\n' $parts[2]
        end
    end
end

complete --no-files --keep-order --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _WholeWords(ShellComplete):
    """Completes `--option=value` as one word, as the shells see it."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """Put back the option that Click takes off."""
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("-") and "--" not in args:
            for item in found:
                item.value = f"{option}={item.value}"
        return found


class Bash(_WholeWords, BashComplete):
    """Candidates for bash, which takes them as they are and replaces what stands behind the last break."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Split the line up to the cursor as the shell would."""
        line = environment().get("COMP_LINE", "")
        words = split_arg_string(line)
        self._typed = re.split(r"(?<!\\)\s", line)[-1]
        if not self._typed:
            return words[1:], ""
        return words[1:-1], words[-1] if words else ""

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Quote a candidate, without the part that bash leaves on the line."""
        value = str(item.value)
        if item.type != "plain":
            return f"{item.type},{value}"
        if self._typed.startswith("'"):
            return "plain," + value.replace("'", r"'\''")
        if self._typed.startswith('"'):
            # Nothing keeps an exclamation mark from the history there: better no candidate.
            return "none," if "!" in value else "plain," + re.sub(r'([$`"\\])', r"\\\1", value)
        value = re.sub(r"([^\w@%+=:,./^-])", r"\\\1", value)
        breaks = environment().get("COMP_WORDBREAKS", "")
        # Bash replaces what stands behind the last of these, and an `@` with it.
        kept = max((self._typed.rfind(char) + (char != "@") for char in ":=@" if char in breaks), default=0)
        return "plain," + (value[kept:] if value.startswith(self._typed[:kept]) else value)


class Zsh(_WholeWords, ZshComplete):
    """Candidates for zsh, which quotes them itself; Click's script serves it well."""

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Keep backslashes from a function of zsh that reads descriptions, and takes them for escapes."""
        if item.help:
            item.value = str(item.value).replace("\\", r"\\")
        return super().format_completion(item)


class Fish(_WholeWords, FishComplete):
    """Candidates for fish, which quotes them itself."""

    source_template = _FISH


_CLASSES: dict[str, type[ShellComplete]] = {"bash": Bash, "fish": Fish, "zsh": Zsh}


def script(shell: str) -> str:
    """Return what a shell must read to complete this program."""
    made = _CLASSES[shell](_nothing(), {}, "queuectl", "_QUEUECTL_COMPLETE")
    # Not `made.source()`: for bash that starts a bash to look at its version.
    return made.source_template % made.source_vars()


def answer(respond: Callable[..., None], ctx_args: Any, prog_name: str) -> None:
    """Give the shell that asks its candidates; if that fails, none."""
    _register()
    with contextlib.suppress(Exception):
        respond(ctx_args, prog_name)
    sys.exit(0)


def _register() -> None:
    for name, completer in _CLASSES.items():
        add_completion_class(completer, name)


def _nothing() -> Any:
    """Return a stand-in for the command, which a script does not depend on."""
    import click

    return click.Command("queuectl")
