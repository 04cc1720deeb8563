"""How a command speaks: one JSON object per line for scripts, rich text for people, progress on stderr."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import typer
from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.config import Settings, load_settings


class Advance(Protocol):
    """Moves a progress bar on."""

    def __call__(self, steps: int = 1) -> None:
        """Move on by `steps`."""
        ...


@dataclass(frozen=True)
class Console:
    """What the global options of the command line say, and where output goes."""

    home: Path | None
    config: Path | None
    json: bool

    @cached_property
    def settings(self) -> Settings:
        """The settings, read at first use. Raises ConfigError."""
        return load_settings(self.home, self.config)

    def emit(self, record: Mapping[str, Any], text: RenderableType | None = None) -> None:
        """Write one result: `record` as a JSON line with --json, else `text` (nothing when it is None)."""
        if self.json:
            typer.echo(json.dumps(record, default=str, allow_nan=False))
        elif text is not None:
            RichConsole(highlight=False, soft_wrap=True).print(text)

    def warn(self, message: str) -> None:
        """Tell of something that did not stop the command, on stderr: it is no result."""
        typer.echo(json.dumps({"warning": message}) if self.json else f"Warning: {message}", err=True)

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator[Advance]:
        """A progress bar on stderr; yields a callable that advances it by a number of steps."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=RichConsole(stderr=True), disable=self.json, transient=True) as bar:
            task = bar.add_task(description, total=total)

            def advance(steps: int = 1) -> None:
                bar.advance(task, steps)

            yield advance


def console_of(ctx: typer.Context) -> Console:
    """The console that the shell put into the command's context."""
    console = ctx.find_object(Console)
    assert console is not None, "commands run inside the doorward shell"  # noqa: S101
    return console
