"""The report of an initialisation: what became of every tensor of its source. There is one only for a load that succeeded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

MOST_NAMES_SHOWN = 3


@dataclass(frozen=True)
class LoadReport:
    """What happened to each tensor of a source.

    Attributes:
        source: Name or path of the source.
        loaded: Backbone tensors that were set.
        left_out: Tensors of the source that were not used, and why.
        prefix: Prefix that was removed from the source's names.
        notes: What else was done, such as a position embedding interpolated.
        warnings: What is allowed but rarely intended, such as another side than the weights were trained at.
    """

    source: str
    loaded: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def print(self, console: Console) -> None:
        """Print in a few lines what was loaded and what was not."""
        name = escape(self.source)
        if not self.loaded:
            console.print(f"initialisation [bold]{name}[/]: random weights, nothing loaded")
            return
        renamed = f", prefix '{self.prefix}' removed" if self.prefix else ""
        console.print(f"initialisation [bold]{name}[/]: {len(self.loaded)} tensors loaded, 0 missing{renamed}")
        for line in self.left_out_lines():
            console.print(f"  left out: {line}", markup=False)
        for note in self.notes:
            console.print(f"  {note}", markup=False)
        for warning in self.warnings:
            console.print(f"  [yellow]warning:[/] {escape(warning)}")

    def left_out_lines(self) -> list[str]:
        """What was left out, a line per tensor, or a line per reason where many share one."""
        by_reason: dict[str, list[str]] = {}
        for name, reason in self.left_out.items():
            by_reason.setdefault(reason, []).append(name)
        lines = []
        for reason, names in by_reason.items():
            if len(names) <= MOST_NAMES_SHOWN:
                lines += [f"{name} ({reason})" for name in names]
            else:
                lines.append(f"{len(names)} tensors, {names[0]} to {names[-1]} ({reason})")
        return lines
