"""Click commands and groups as this program has them: help in sections, helpful about mistakes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from queuectl.errors import InvalidInput, did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

#: Other names of commands, in every group.
ALIASES = {"ls": "list"}


class SharedOption(click.Option):
    """An option that every command takes; help lists it apart."""


class Command(click.Command):
    """A command whose help lists its own options before those that all share."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let every mistake know where it was made."""
        with located(ctx):
            return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write two sections of options."""
        format_options(self, ctx, formatter)


class Words(click.Group):
    """A group whose next word is a command: shows its help without one, and knows what was meant."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"no_args_is_help": False, **kwargs})

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        format_options(self, ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help if no word follows."""
        with located(ctx):
            rest = super().parse_args(ctx, args)
        if not ctx._protected_args and not self.invoke_without_command and not ctx.resilient_parsing:  # noqa: SLF001 - Click has no other name for it
            if ctx.find_root().obj.json:
                raise InvalidInput("the command is not complete", f"see {ctx.command_path} --help")
            click.echo(ctx.get_help())
            ctx.exit()
        return rest

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word means."""
        word = args[0]
        command = self.get_command(ctx, word)
        if command is None and word in ALIASES:
            word = ALIASES[word]
            command = self.get_command(ctx, word)
        if command is None and not ctx.resilient_parsing:
            wanted = quoted(f"{ctx.command_path} {word}")
            known = [*self.list_commands(ctx), *ALIASES]
            raise InvalidInput(
                f"there is no command {wanted}", did_you_mean(word, known) or f"see {ctx.command_path} --help"
            )
        return (word if command else None), command, args[1:]


@contextmanager
def located(ctx: click.Context) -> Iterator[None]:
    """Give mistakes the context that Click leaves out of some: it says whose help is to be seen."""
    try:
        yield
    except click.UsageError as error:
        error.ctx = error.ctx or ctx
        raise


def format_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write a command's own options, then those that it shares with all."""
    own: list[tuple[str, str]] = []
    shared: list[tuple[str, str]] = []
    for param in command.get_params(ctx):
        record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
        if record is not None:
            is_shared = isinstance(param, SharedOption) or param is command.get_help_option(ctx)
            (shared if is_shared else own).append(record)
    for title, records in (("Options", own), ("Global options", shared)):
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


class LazyWords(Words):
    """A group that imports a command only to run it: its help and completion need the table alone.

    Args:
        table: by word: the section of the help that lists it, its help in one line, and its
            place as `module:attribute`.
    """

    def __init__(self, *args: Any, table: dict[str, tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the words in the order of the table."""
        del ctx
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in self._table:
            return None
        from importlib import import_module

        module, _, attribute = self._table[cmd_name][2].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list of commands for each section."""
        del ctx
        width = max(map(len, self._table)) + 2
        for title in dict.fromkeys(section for section, _, _ in self._table.values()):
            rows = [
                (word.ljust(width - 2), text) for word, (section, text, _) in self._table.items() if section == title
            ]
            with formatter.section(title):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the words that begin so, and the options."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(word, help=text) for word, (_, text, _) in self._table.items() if word.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)
