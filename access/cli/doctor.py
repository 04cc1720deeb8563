"""The command `doctor`: checks every part of a door on its own, so that one fault does not hide another.

It creates nothing and fetches nothing.
"""

import dataclasses
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from access.cameras import open_camera, shown_camera
from models.cli.output import LineType, console_of
from models.clock import SystemClock
from models.errors import CameraLostError, DoorwardError, StorageFullError
from models.release.store import PRETRAINED_ID, check_release
from models.release.weights import check_weights
from models.rules.door_mode import covers, door_mode
from models.rules.policy import OPEN_SITE
from models.rules.request import DoorState
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
        "version": _version,
        "weights": _weights,
        "key and database": _register,
        "rules": _rules,
        "lock": _lock,
        "release": _release,
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


def _version(_settings: Settings) -> str:
    return f"Doorward {version('doorward')} under Python {platform.python_version()}"


def _weights(settings: Settings) -> str:
    check_weights(settings.weights.folder)
    return f"the networks are in {settings.weights.folder}, their hashes are right"


def _register(settings: Settings) -> str:
    with open_register(settings) as register:
        people = [person for person in register.people() if person.status == "active"]
    return f"the register opens with its key; people who may be recognised: {len(people)}"


def _rules(settings: Settings) -> str:
    with open_register(settings) as register:
        access = register.access_snapshot()
    door, at = settings.door.id, SystemClock().now().astimezone(settings.site.time_zone)
    state = DoorState(lockdowns=access.lockdowns, fire_release=covers(access.fire_doors, door))
    mode = door_mode(access.policy, door, at, state)
    if access.policy == OPEN_SITE:
        return "NO RULES: whoever is enrolled passes by the face (docs/how-to/set-access-rules.md)"
    rules = [rule for rule in access.policy.rules if covers(rule.doors, door)]
    if not rules:
        return f"NOBODY PASSES: no rule names the door {door}"
    return f"rules that name the door {door}: {len(rules)}; the door is {mode} now"


def _lock(settings: Settings) -> str:
    if settings.panel.kind != "none":
        return "another panel decides and moves the lock"
    if settings.lock.kind == "simulated":
        return "NOTHING MOVES: the lock is simulated; set lock.kind (docs/how-to/connect-a-lock.md)"
    return f"{settings.lock.kind}; it is not tried here, a running kiosk holds it"


def _release(settings: Settings) -> str:
    with open_register(settings) as register:
        active = register.active_release_id() or PRETRAINED_ID
        if active == PRETRAINED_ID:
            return "the pretrained network is in use"
        _, record = check_release(settings, register, active)
    if record.override_reason is not None:
        return f"USED WITHOUT THE GATE'S VERDICT: {active}, {record.override_reason}"
    return f"{active} is in use, every file as it was made"


def _index(settings: Settings) -> str:
    _weights(settings)  # without them opening the site would fetch them
    _register(settings)
    with open_site(settings) as site:
        view = site.view()
    return f"templates: {len(view.gallery)}; threshold {view.threshold.value:.3f}"


def _disk(settings: Settings) -> str:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        raise StorageFullError(f"only {free / 1e6:.0f} MB are free under {folder}: make room for the events")
    return f"{free / 1e9:.1f} GB are free under {folder}"


def _clock(settings: Settings) -> str:
    now = SystemClock().now()
    if now < BUILT_AT:
        raise DoorwardError(f"the clock says {now:%Y-%m-%d}: set it, events carry its time")
    return f"{now.astimezone(settings.site.time_zone):%Y-%m-%d %H:%M:%S %Z}"


def _camera(settings: Settings) -> str:
    shown = shown_camera(settings.camera)
    with open_camera(settings.camera, SystemClock()) as camera:
        frame = camera.read()
    if frame is None:
        raise CameraLostError(f"{shown} delivered no picture")
    height, width = frame.image.shape[:2]
    delivers = f"{shown} delivers {width}x{height}"
    if settings.camera.kind == "synthetic":
        return f"NOBODY REAL IS SEEN: {delivers}; set camera.source (docs/how-to/connect-a-camera.md)"
    return delivers


@app.command()
def doctor(
    ctx: typer.Context,
    camera: Annotated[
        bool, typer.Option(metavar="", help="Open the configured camera too; a running kiosk holds it.")
    ] = True,
) -> None:
    """Check every part of this door: ok, or what to do. Creates and fetches nothing.

    Exit status 1 when something is wrong.
    """
    console = console_of(ctx)
    results = examine(console.settings, with_camera=camera)
    table = Table("part", "", "what was found", box=None)
    for result in results:
        state = "[green]ok[/]" if result.ok else "[bold red]fault[/]"
        table.add_row(result.part, state, escape(result.detail))
        console.emit(LineType.CHECK, dataclasses.asdict(result))
    console.show(table)
    if not all(result.ok for result in results):
        raise typer.Exit(1)
