"""Measures a kiosk: time from start to the first decision, memory, and the time of each stage.

    python -m benchmarks.kiosk [--seconds S] [--people N] [--weights FOLDER] [--json]

Starts `python -m access.kiosk` as a process of its own on a 640x480 clip of an enrolled person who stands at
the door (real time, 12.5 pictures a second), with N other people enrolled. Measured from the outside: seconds
from the start of the process to the first decision in its log, and the resident memory until its end. The
stages' milliseconds are medians over the frames of the same scene, run through the loop in this process as
fast as it goes. Limits to hold: 3 s and 400 MB.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from access.assembly import build_open_loop
from access.cameras.clip import ClipCamera
from access.record import MemoryAudit
from models.clock import SimulatedClock
from models.domain import Embedding, FaceCrop
from models.register.records import EnrolledFace
from models.release.weights import ensure_weights
from models.settings.decision import DecisionSettings
from models.settings.load import load_settings
from models.settings.settings import Settings
from models.site import open_site
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene, Stop, write_clip

MAX_FIRST_DECISION_S = 3.0
MAX_MEMORY_MB = 400.0
FPS = 12.5
PERSON = SyntheticPerson(501)
STANDING = (Stop(0.0, 0.5, 0.4, 0.34), Stop(1.0, 0.52, 0.4, 0.35))


def enrol(settings: Settings, others: int) -> None:
    """Enrol the person of the clip, and others who are random unit vectors."""
    rng = np.random.default_rng(0)
    with open_site(settings, create=True) as site:
        face = site.analyser.only_face(PERSON.portrait(seed=1))
        site.register.add_person("visitor", [EnrolledFace(face.crop, face.embedding)], "I do not exist.")
        blank = FaceCrop(np.zeros((112, 112, 3), np.uint8))
        for number in range(others):
            vector = rng.normal(size=face.embedding.dimension)
            unit = (vector / np.linalg.norm(vector)).astype(np.float32)
            face_of_noise = EnrolledFace(blank, Embedding(unit, face.embedding.model_id))
            site.register.add_person(f"random {number}", [face_of_noise], "A random vector.")


def measure_process(settings: Settings, clip: Path) -> dict[str, float]:
    """Run a kiosk process on a clip; returns seconds to the first decision and the highest memory in MB."""
    environment = os.environ | {
        "DOORWARD_HOME": str(settings.home),
        "DOORWARD_WEIGHTS__FOLDER": str(settings.weights.folder),
        "DOORWARD_CAMERA__SOURCE": f"clip:{clip}",
        "DOORWARD_CAMERA__STALE_S": "5",
        "DOORWARD_LOG__FORMAT": "json",
    }
    started = time.monotonic()
    command = [sys.executable, "-m", "access.kiosk"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    peak = [0.0]
    watcher = threading.Thread(target=watch_memory, args=(process.pid, peak), daemon=True)
    watcher.start()
    first_s = math.nan
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["event"] == "decision" and math.isnan(first_s):
            first_s = time.monotonic() - started
    if process.wait() != 0:
        raise SystemExit("the kiosk ended with an error")
    watcher.join()
    return {"first_decision_s": round(first_s, 2), "resident_mb": round(peak[0], 1)}


def watch_memory(pid: int, peak: list[float]) -> None:
    """Record the largest resident set in MB until the process ends."""
    try:
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            peak[0] = max(peak[0], process.memory_info().rss / 1e6)
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        pass


def measure_stages(settings: Settings, clip: Path) -> dict[str, float]:
    """Return the median milliseconds of each stage, for a door that decides on every frame."""
    spent: dict[str, list[float]] = defaultdict(list)

    clock = SimulatedClock()
    with open_site(settings.model_copy(update={"decision": no_rest(settings)})) as site:
        loop, _ = build_open_loop(site, clock, MemoryAudit())
        with ClipCamera(clip, clock) as camera:
            while (frame := camera.read()) is not None:
                for event in loop.step(frame):
                    for name, value in event.stages_ms.items():
                        spent[name].append(value)
    return {name: round(statistics.median(values), 2) for name, values in spent.items()}


def no_rest(settings: Settings) -> DecisionSettings:
    """Return limits with which a door decides on every frame: one picture suffices, also after a grant."""
    return settings.decision.model_copy(update={"min_frames": 1, "cooldown_s": 0.0})


def main() -> None:
    """Measure and print; exit status 1 when a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--weights", type=Path, default=Path(".doorward/weights"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ensure_weights(options.weights)
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(Path(folder) / "home")
        weights = settings.weights.model_copy(update={"folder": options.weights.absolute()})
        settings = settings.model_copy(update={"weights": weights})
        clip = Path(folder) / "visit.mp4"
        visit = Appearance(PERSON, 0.0, options.seconds, seed=1, path=STANDING)
        write_clip(Scene((visit,)), clip, fps=FPS)
        enrol(settings, options.people)
        result = measure_process(settings, clip)
        stages = measure_stages(settings, clip)
    total = sum(stages.values())
    result |= {"frame_ms": round(total, 2), "frames_per_s": round(1000 / total, 1)}
    ok = result["first_decision_s"] < MAX_FIRST_DECISION_S and result["resident_mb"] < MAX_MEMORY_MB
    if options.json:
        print(json.dumps(result | {"stages_ms": stages, "people": options.people + 1, "ok": ok}))
    else:
        show(result, stages, total)
    raise SystemExit(0 if ok else 1)


def show(result: dict[str, float], stages: dict[str, float], total: float) -> None:
    """Return two tables: of the process, and of the stages of a frame."""
    process = Table("measure", "value", "limit", box=None)
    process.add_row("start to first decision", f"{result['first_decision_s']:.2f} s", "3 s")
    process.add_row("resident memory, at most", f"{result['resident_mb']:.0f} MB", "400 MB")
    process.add_row("frame with one face", f"{result['frame_ms']:.1f} ms", "")
    parts = Table("stage", "ms (median)", "share", box=None)
    for name, value in stages.items():
        parts.add_row(name, f"{value:.2f}", f"{value / total:.0%}")
    console = Console()
    console.print(process)
    console.print(parts)


if __name__ == "__main__":
    main()
