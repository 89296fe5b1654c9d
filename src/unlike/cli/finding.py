"""What ``unlike doctor`` finds, and the table it prints."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: whether it works, what was seen, and what to do where it does not.

    Attributes:
        needed_for: What does not work without it.
        fault: Whether a store holds what it must not.
    """

    part: str
    works: bool
    seen: str
    needed_for: str = ""
    fault: bool = False


def print_findings(findings: list[Finding]) -> None:
    """A row a finding."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    needs = any(finding.needed_for for finding in findings)
    table = Table(box=None, pad_edge=False)
    for heading in ("", "part", "seen, or what to do", *(("needed for",) if needs else ())):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        mark = "[green]yes[/]" if finding.works else "[red]fault[/]" if finding.fault else "[yellow]no[/]"
        cells = (finding.part, finding.seen, *((finding.needed_for,) if needs else ()))
        table.add_row(mark, *(Text(cell) for cell in cells))
    Console().print(table)
