"""What `doctor` shows people. Returned, not printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from queuectl.cli.output import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from queuectl.cli.cells import Glyphs
    from queuectl.doctor.facts import Finding

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def findings_table(findings: Sequence[Finding], store: str, glyphs: Glyphs) -> Iterator[RenderableType]:
    """Yield the parts of the page: the store, a row a finding with the way out below it, the sum."""
    signs = {"ok": glyphs.completed, "warning": "!", "problem": glyphs.failed}
    yield Text(f"Store  {safe(store)}\n", "dim", overflow="fold")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        style = _STYLES[finding.level]
        found = Text(safe(finding.what), "" if finding.level == "ok" else style)
        if finding.remedy and finding.level != "ok":
            found.append(f"\n{glyphs.arrow} {safe(finding.remedy)}", "cyan")
        table.add_row(Text(signs[finding.level], style), Text(finding.check, "bold"), found)
    yield table
    yield Text(f"\n{_sum(findings)}")


def _sum(findings: Sequence[Finding]) -> str:
    numbers = [(sum(finding.level == level for finding in findings), level) for level in ("problem", "warning")]
    said = [f"{number} {level}{'' if number == 1 else 's'}" for number, level in numbers if number]
    return f"Found {' and '.join(said)}." if said else "All is well."
