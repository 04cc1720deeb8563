"""The decision trace of a synthetic clip, kept: a change of any stage shows here.

After an intended change write it anew: `python -m tests.golden.test_golden`, and read the difference.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from access.assembly import build_open_loop
from access.cameras.synthetic import SyntheticCamera
from access.record import MemoryAudit
from access.replay import run_through
from models.clock import SimulatedClock
from models.events import DoorEvent
from models.register.records import EnrolledFace
from models.settings.load import load_settings
from models.settings.networks import WeightsSettings
from models.settings.settings import Settings
from models.site import Site, open_site
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene, Stop
from tests.conftest import ROOT

TRACE = ROOT / "tests" / "golden" / "decisions.jsonl"
FPS = 8.0
PEOPLE = {"Ada": SyntheticPerson(501), "Bo": SyntheticPerson(502), "Cyd": SyntheticPerson(503)}
STRANGER = SyntheticPerson(599)
FAR_AWAY = (Stop(0.0, 0.3, 0.4, 0.075), Stop(1.0, 0.7, 0.4, 0.075))
LEFT = (Stop(0.0, 0.28, 0.4, 0.3), Stop(1.0, 0.3, 0.4, 0.3))
RIGHT = (Stop(0.0, 0.72, 0.4, 0.3), Stop(1.0, 0.7, 0.4, 0.3))

SCENE = Scene(
    (
        Appearance(PEOPLE["Ada"], 0.0, 2.4, seed=1),
        Appearance(STRANGER, 3.4, 2.4, seed=2),
        Appearance(PEOPLE["Bo"], 6.8, 2.4, seed=3, path=FAR_AWAY),
        Appearance(PEOPLE["Cyd"], 10.2, 2.4, seed=4, path=LEFT),
        Appearance(STRANGER, 10.2, 2.4, seed=5, path=RIGHT),
        Appearance(PEOPLE["Bo"], 13.6, 0.3, seed=6),
    ),
    background_seed=5,
)
"""An enrolled person, a stranger, somebody too far away, two at once, and somebody who only passes by."""


def trace(settings: Settings) -> list[dict[str, Any]]:
    """The decisions on the scene, people by name."""
    with open_site(settings, create=True) as site:
        names = _enrol(site)
        clock = SimulatedClock()
        loop, _ = build_open_loop(site, clock, MemoryAudit())
        with SyntheticCamera(SCENE, clock, FPS) as camera:
            return [_kept(event, names) for event in run_through(camera, loop)]


def _kept(event: DoorEvent, names: dict[str, str]) -> dict[str, Any]:
    """What is the same on every machine: no ids, no times of day, numbers to 3 places."""
    record = event.to_record()
    numbers = {key: record[key] for key in ("clip_s", "score", "runner_up_score", "margin", "threshold")}
    return (
        {key: record[key] for key in ("track", "outcome", "reason", "advice", "frames", "release")}
        | {key: None if value is None else round(value, 3) for key, value in numbers.items()}
        | {
            "person_name": names.get(event.person_id or ""),
            "runner_up_name": names.get(event.runner_up_id or ""),
        }
    )


def _enrol(site: Site) -> dict[str, str]:
    names = {}
    for name, person in PEOPLE.items():
        faces = [site.analyser.only_face(person.portrait(seed=seed)) for seed in (1, 2)]
        enrolled = [EnrolledFace(face.crop, face.embedding) for face in faces]
        names[str(site.register.add_person(name, enrolled, "I do not exist.").person_id)] = name
    return names


@pytest.mark.slow
def test_the_decisions_on_the_synthetic_clip_are_those_kept(settings: Settings) -> None:
    kept = [json.loads(line) for line in TRACE.read_text(encoding="utf-8").splitlines()]
    now = trace(settings)
    assert len(now) == len(kept)
    for record, expected in zip(now, kept, strict=True):
        assert record.keys() == expected.keys()
        for key, value in expected.items():
            # Networks differ in the last digits from one processor to the next.
            assert record[key] == (pytest.approx(value, abs=0.02) if isinstance(value, float) else value), key


def main() -> None:
    """Write the trace anew."""
    weights = WeightsSettings(folder=ROOT / ".doorward" / "weights")
    with tempfile.TemporaryDirectory() as home:
        records = trace(load_settings(Path(home)).model_copy(update={"weights": weights}))
    TRACE.parent.mkdir(exist_ok=True)
    TRACE.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


if __name__ == "__main__":
    main()
