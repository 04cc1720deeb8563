"""`Console`: how a command writes: JSON lines for programs, rich text for people, progress on stderr."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import typer
from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from models.ports import Camera, Clock
from models.progress import Advance
from models.settings.load import load_settings
from models.settings.settings import Settings

CAMERA_GROUP = "doorward.camera"


class LineType(StrEnum):
    """What a line of JSON is: its `type`. docs/reference/json.md lists the keys of each."""

    ACCEPTED_BACKUP = "accepted_backup"
    ACCESS = "access"
    ACCESS_CHANGE = "access_change"
    ADDRESS = "address"
    AUDIT_CHAIN = "audit_chain"
    AUDIT_CHECKPOINT = "audit_checkpoint"
    AUDIT_EXPORT = "audit_export"
    AUDIT_FILE = "audit_file"
    AUDIT_PROBLEM = "audit_problem"
    AUDIT_PROOF = "audit_proof"
    BACKUP = "backup"
    CALIBRATION = "calibration"
    CARD = "card"
    CHANGE = "change"
    CHECK = "check"
    CONSENT = "consent"
    DEMO_ACT = "demo_act"
    DELIVERY = "delivery"
    DEMO_SUMMARY = "demo_summary"
    DEMO_VISIT = "demo_visit"
    ENROLMENT = "enrolment"
    ENROLMENT_SUMMARY = "enrolment_summary"
    ERASURE = "erasure"
    ERROR = "error"
    EVALUATION_IDENTIFICATION = "evaluation_identification"
    EVALUATION_PAIRS = "evaluation_pairs"
    EVENT = "event"
    EXPORT = "export"
    FORGOTTEN_DOOR = "forgotten_door"
    FORGIVEN = "forgiven"
    GROUPS = "groups"
    HOLIDAY = "holiday"
    KEY = "key"
    LOCKOUT = "lockout"
    NETWORK = "network"
    ORDER = "order"
    OSDP_KEY = "osdp_key"
    PERSON = "person"
    PHOTO = "photo"
    RELEASE = "release"
    RETRAINING = "retraining"
    RULES = "rules"
    RULES_FILE = "rules_file"
    SETTING = "setting"
    SYNTHETIC = "synthetic"
    WARNING = "warning"
    WEIGHTS = "weights"
    WHY = "why"
    WHATIF = "whatif"
    WOULD = "would"


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

    def emit(self, kind: LineType, record: Mapping[str, Any], text: RenderableType | None = None) -> None:
        """Write one result: a JSON line with --json, else `text` (nothing when it is None)."""
        if self.json:
            typer.echo(json_line(kind, record))
        elif text is not None:
            self.show(text)

    def show(self, text: RenderableType) -> None:
        """Write something for people; nothing with --json."""
        if not self.json:
            RichConsole(highlight=False, soft_wrap=isinstance(text, str)).print(text)

    def note(self, message: str) -> None:
        """Tell people on stderr what is going on; nothing with --json."""
        if not self.json:
            typer.echo(message, err=True)

    def warn(self, message: str) -> None:
        """Tell of something that did not stop the command, on stderr: it is no result."""
        line = json_line(LineType.WARNING, {"message": message}) if self.json else f"Warning: {message}"
        typer.echo(line, err=True)

    def open_camera(self, clock: Clock) -> Camera:
        """The door's configured camera, not opened yet.

        Found by its entry point: cameras belong to `access`, which enrolment does not import (docs/adr/0002).
        """
        (maker,) = entry_points(group=CAMERA_GROUP)
        camera: Camera = maker.load()(self.settings.camera, clock)
        return camera

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator[Advance]:
        """A progress bar on stderr, see `models.progress.Progress`."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with RichProgress(
            *columns, console=RichConsole(stderr=True), disable=self.json, transient=True
        ) as bar:
            task = bar.add_task(description, total=total)

            def advance(steps: int = 1) -> None:
                bar.advance(task, steps)

            yield advance


def json_line(kind: LineType, record: Mapping[str, Any]) -> str:
    """One line of JSON with its `type` first. Raises ValueError for a number that JSON does not have."""
    return json.dumps({"type": str(kind), **record}, default=str, allow_nan=False)


def console_of(ctx: typer.Context) -> Console:
    """The console that the shell put into the command's context."""
    console = ctx.find_object(Console)
    assert console is not None, "commands run inside the doorward shell"  # noqa: S101
    return console
