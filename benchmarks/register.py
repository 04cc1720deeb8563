"""Measures how long a door waits while templates are prepared and keys are changed, and how long it loads.

python -m benchmarks.register [CROPS]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from models.clock import SystemClock
from models.domain import DenyReason, Embedding, FaceCrop
from models.events import DoorEvent
from models.register.records import CropEmbedding, EnrolledFace
from models.register.register import Register
from models.storage.keys import KeyFile

CHUNK_CROPS = 32
PAUSE_S = 0.05
SAMPLE, MANY = 50, 20
MODEL, NEXT = "network-a", "network-b"


def embedding(rng: np.random.Generator, model_id: str) -> Embedding:
    """Return a random unit vector of 128 numbers."""
    vector = rng.normal(size=128)
    return Embedding((vector / np.linalg.norm(vector)).astype(np.float32), model_id)


def open_register(home: Path) -> Register:
    """Open the register of the folder."""
    return Register.open(home / "register.sqlite", KeyFile(home / "keys" / "register.key"))


def door(home: Path) -> None:
    """Write an event every `PAUSE_S` until stdin ends; then print the waits in seconds as JSON."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    waits, clock = [], SystemClock()
    with open_register(home) as register:
        print("ready", flush=True)
        while not ended.wait(PAUSE_S):
            reason = DenyReason.NOT_RECOGNISED
            event = DoorEvent(at=clock.now(), door="front", outcome="denied", reason=reason)
            started_s = time.perf_counter()
            register.append_event(event)
            waits.append(time.perf_counter() - started_s)
    print(json.dumps(waits))


class Door:
    """A door in a process of its own, while something else happens."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.register", "--door", str(home)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self._started_s = time.perf_counter()

    def report(self, what: str) -> None:
        """End it and print a row of the table."""
        took_s = time.perf_counter() - self._started_s
        waits = 1000 * np.array(json.loads(self._process.communicate("")[0]))
        p50, p99 = np.quantile(waits, [0.5, 0.99])
        print(
            f"| {what} | {took_s:.1f} s | {len(waits)} | {p50:.0f} ms | {p99:.0f} ms | {waits.max():.0f} ms |"
        )


def enrol(register: Register, rng: np.random.Generator, people: int, pictures: int) -> float:
    """Enrol people; return the median milliseconds for each."""
    picture, taken = np.zeros((112, 112, 3), np.uint8), [0.0]
    for _ in range(people):
        faces = [EnrolledFace(FaceCrop(picture, picture), embedding(rng, MODEL)) for _ in range(pictures)]
        started_s = time.perf_counter()
        register.add_person(f"Person {rng.integers(1 << 62)}", faces, "I agree.")
        taken.append(1000 * (time.perf_counter() - started_s))
    return float(np.median(taken[1:] or taken))


def measure(crops: int) -> None:
    """Print a table."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with open_register(home) as register:
            first = enrol(register, rng, SAMPLE, pictures=2)
            enrol(register, rng, max(0, crops - 4 * SAMPLE) // MANY, pictures=MANY)
            last = enrol(register, rng, SAMPLE, pictures=2)
            print(f"enrolling with two pictures: {first:.1f} ms at first, {last:.1f} ms at the end")
            loads = []
            for _ in range(3):
                started_s = time.perf_counter()
                register.snapshot("release", MODEL)
                loads.append(time.perf_counter() - started_s)
            print(f"loading {crops:,} templates: {min(loads):.2f} s\n")
            print("| a door writes events while | it takes | events | median | p99 | longest |")
            print("| --- | --- | --- | --- | --- | --- |")
            watched = Door(home)
            time.sleep(3.0)
            watched.report("nothing else happens")
            watched = Door(home)
            missing = register.crops_lacking_templates(NEXT)
            for start in range(0, len(missing), CHUNK_CROPS):
                stored = register.crops_by_id(missing[start : start + CHUNK_CROPS])
                embedded = [CropEmbedding(each.crop_id, embedding(rng, NEXT)) for each in stored]
                register.prepare_templates(NEXT, embedded)
            register.activate_release("next", NEXT)
            watched.report("a release is promoted (embedding takes no time)")
            watched = Door(home)
            register.rotate_key()
            watched.report("the key is changed")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crops", type=int, nargs="?", default=4_000, help="at least 200")
    parser.add_argument("--door", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.door is not None:
        door(options.door)
    else:
        measure(options.crops)


if __name__ == "__main__":
    main()
