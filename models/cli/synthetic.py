"""Commands that draw people who do not exist, to try everything without anyone's biometrics."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer

from models.cli.output import LineType, console_of
from models.domain import ImageArray
from models.errors import InputError
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene, Truth, record_clip

VISIT_S = 6.0
GAP_S = 1.0

app = typer.Typer()
synthetic_app = typer.Typer(no_args_is_help=True, help="People who do not exist, to try things with.")
app.add_typer(synthetic_app, name="synthetic")

Seed = Annotated[int, typer.Option(min=0, help="The first person; the others follow by number.")]


@synthetic_app.command("people")
def draw_people(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write to; each person gets a folder in it.")],
    people: Annotated[int, typer.Option(min=1, help="How many people.")] = 20,
    photos: Annotated[int, typer.Option(min=1, help="How many photos of each.")] = 3,
    seed: Seed = 0,
) -> None:
    """Draw photos to enrol with: `doorward enroll --folder` takes the folder as it is."""
    console = console_of(ctx)
    with console.progress("Drawing people", people) as advance:
        for number in range(seed, seed + people):
            folder = out / f"synthetic-{number:04d}"
            for photo in range(photos):
                _write_picture(SyntheticPerson(number).portrait(seed=photo), folder / f"{photo + 1:02d}.png")
            advance(1)
    console.emit(
        LineType.SYNTHETIC,
        {"folder": out, "people": people, "photos": people * photos},
        f"{people} people are in {out}.",
    )


@synthetic_app.command("clip")
def draw_clip(
    ctx: typer.Context,
    *,
    out: Annotated[Path, typer.Option(help="The .mp4 to write; who is where goes into a .jsonl beside it.")],
    people: Annotated[int, typer.Option(min=1, help="How many people come, one after the other.")] = 3,
    seed: Seed = 0,
    fps: Annotated[float, typer.Option(min=1, max=60, help="Frames per second.")] = 15.0,
    flat: Annotated[bool, typer.Option(help="They hold up photographs of themselves instead.")] = False,
) -> None:
    """Draw a clip of people who come to the door: `doorward replay` takes it."""
    console = console_of(ctx)
    visits = tuple(
        Appearance(SyntheticPerson(seed + number), number * (VISIT_S + GAP_S), VISIT_S, seed=1, flat=flat)
        for number in range(people)
    )
    scene = Scene(visits, background_seed=seed)
    truth_path = out.with_suffix(".jsonl")
    with console.progress("Drawing frames", int(scene.duration_s * fps)) as advance:
        frames = 0
        with _writing(truth_path) as file:
            for index, truths in enumerate(record_clip(scene, out, fps)):
                file.write(json.dumps({"frame": index, "faces": [_record(truth) for truth in truths]}) + "\n")
                frames += 1
                advance(1)
    console.emit(
        LineType.SYNTHETIC,
        {"clip": out, "truth": truth_path, "frames": frames, "people": people},
        f"{people} people come to the door in {out}; who is where stands in {truth_path.name}.",
    )


def _writing(path: Path) -> Any:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _record(truth: Truth) -> dict[str, Any]:
    return {
        "person": truth.person_seed,
        "box": [round(side, 1) for side in asdict(truth.box).values()],
        "landmarks": truth.landmarks.round(1).tolist(),
        "pose_deg": [round(angle, 1) for angle in asdict(truth.pose).values()],
        "flat": truth.flat,
    }


def _write_picture(image: ImageArray, path: Path) -> None:
    data = cv2.imencode(path.suffix, image)[1].tobytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
