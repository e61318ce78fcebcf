"""Progress while scenarios are measured: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text


def say(text: str) -> None:
    """A line on stderr."""
    click.echo(text, err=True)


class Steps:
    """Tells which of ``total`` scenarios is measured and how the ones before ended.

    Goes to stderr, so that a table or JSON on stdout stays what it is. A context manager.
    """

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._total, self._number, self._name = total, 0, ""
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            # Drawing takes CPU time from what is measured.
            refresh_per_second=2,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, name: str) -> None:
        """The next scenario is measured now."""
        self._number, self._name = self._number + 1, name
        if self._console.is_terminal:
            self._bar.update(self._task, description=name)
        else:
            self._print(f"[{self._number:2}/{self._total}] {name}")

    def say(self, text: str) -> None:
        """Something about the scenario under way: its verdict, or why it was left out."""
        if self._console.is_terminal:
            text = f"{self._name}: {text}"
        self._print(text if self._console.is_terminal else f"        {text}")

    def end(self) -> None:
        """The scenario under way is over."""
        self._bar.advance(self._task)

    def _print(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)
