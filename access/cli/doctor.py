"""The command `doctor`: checks every part of a door on its own, so that one fault does not hide another."""

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from access.cameras import open_camera
from models.cli.output import LineType, console_of
from models.clock import SystemClock
from models.errors import CameraLostError, DoorwardError, RegisterError, StorageFullError
from models.release.weights import ensure_weights
from models.settings.settings import Settings
from models.site import open_register, open_site

app = typer.Typer()

MIN_FREE_BYTES = 500_000_000
"""A year of events of a busy door, and room for a release."""

BUILT_AT = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock of a machine that runs this version can be earlier."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of one part found.

    Attributes:
        part: what was checked.
        ok: True when it is fit for work.
        detail: what it is, or what to do.
        error: the code of the failure.
    """

    part: str
    ok: bool
    detail: str
    error: str | None = None


def examine(settings: Settings, *, with_camera: bool = True) -> list[CheckResult]:
    """Look at every part of a door; never raises a DoorwardError, each becomes a result."""
    checks: dict[str, Callable[[Settings], str]] = {
        "weights": _weights,
        "key and database": _register,
        "index": _index,
        "disk": _disk,
        "clock": _clock,
    }
    if with_camera:
        checks["camera"] = _camera
    return [_look(part, check, settings) for part, check in checks.items()]


def _look(part: str, check: Callable[[Settings], str], settings: Settings) -> CheckResult:
    try:
        return CheckResult(part, True, check(settings))
    except DoorwardError as error:
        return CheckResult(part, False, str(error), error.code)


def _weights(settings: Settings) -> str:
    ensure_weights(settings.weights.folder, settings.weights.source)
    return f"the networks are in {settings.weights.folder}, their hashes are right"


def _register(settings: Settings) -> str:
    if not Path(settings.storage.database).exists():
        raise RegisterError("there is no register yet: `doorward enroll` makes it")
    with open_register(settings) as register:
        people = [person for person in register.people() if person.status == "active"]
    return f"the register opens with its key; {len(people)} people may be recognised"


def _index(settings: Settings) -> str:
    _register(settings)
    with open_site(settings) as site:
        gallery, threshold = site.gallery(), site.threshold()
    return f"{len(gallery)} templates of {len(gallery.people)} people; threshold {threshold.value:.3f}"


def _disk(settings: Settings) -> str:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        raise StorageFullError(f"only {free / 1e6:.0f} MB are free under {folder}: make room for the events")
    return f"{free / 1e9:.1f} GB are free under {folder}"


def _clock(_settings: Settings) -> str:
    now = SystemClock().now()
    if now < BUILT_AT:
        raise DoorwardError(f"the clock says {now:%Y-%m-%d}: set it, schedules and events depend on it")
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def _camera(settings: Settings) -> str:
    clock = SystemClock()
    with open_camera(settings.camera, clock) as camera:
        frame = camera.read()
    if frame is None:
        raise CameraLostError(f"{settings.camera.source} delivered no picture")
    height, width = frame.image.shape[:2]
    return f"{settings.camera.source} delivers {width}x{height}"


def check_record(result: CheckResult) -> dict[str, Any]:
    """A check, ready for JSON."""
    return dataclasses.asdict(result)


@app.command()
def doctor(
    ctx: typer.Context,
    camera: Annotated[bool, typer.Option(help="Open the configured camera too.")] = True,
) -> None:
    """Look at every part of this door: ok, or what to do. Exit status 1 when something is wrong."""
    console = console_of(ctx)
    results = examine(console.settings, with_camera=camera)
    table = Table("part", "", "what was found", box=None)
    for result in results:
        state = "[green]ok[/]" if result.ok else "[bold red]fault[/]"
        table.add_row(result.part, state, escape(result.detail))
        console.emit(LineType.CHECK, check_record(result))
    console.show(table)
    if not all(result.ok for result in results):
        raise typer.Exit(1)
