"""Kills re-training and promotion repeatedly, and checks what is left each time. A program of its own:

    python -m tests.enrollment.retraining.killing HOME KILLS SEED

It imports everything once and forks for each kill, so that a kill costs no start-up. Every child, also the
one that looks at the remains, opens the register anew. Prints one JSON object: what was killed where, and
what was found.
"""

import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from enrollment.retraining import retrain as retrain_module
from enrollment.retraining.gate import GateLimits
from enrollment.retraining.retrain import RetrainOptions, Stage, retrain
from models.clock import SystemClock
from models.domain import FaceCrop
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.register.records import Purpose
from models.release.promotion import promote
from models.release.store import active_release, check_release
from models.settings.load import load_settings
from models.settings.settings import Settings
from tests.enrollment.retraining.small import (
    activate_champion,
    copy_trainer,
    dim,
    enrol,
    open_register,
    people,
    small_general,
    small_release,
)

PEOPLE, PHOTOS = 16, 2
GENERAL = small_general(rehearsed=4, judging=45)
LIMITS = GateLimits(
    draws_beyond=1, max_fmr=1.0, min_erring=0, confidence=0.05, site_margin=1, general_margin=1
)

RETRAINS, PROMOTIONS = 1.2, 3
"""A child is killed within the time that so many runs take on this machine, measured before."""


def prepare(settings: Settings) -> None:
    """A site whose champion is in use, and a second release to promote."""
    with open_register(settings) as register:
        activate_champion(settings, register)
        enrol(register, active_release(settings, register), people(0, PEOPLE, each=PHOTOS))
        train_once(settings, seed=1)


def train_once(settings: Settings, seed: int, kill_at: Stage | None = None) -> None:
    """A whole run; dies by its own hand before the stage `kill_at`."""

    def at_stage(stage: Stage) -> None:
        if stage == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_register(settings) as register:
        retrain(
            settings,
            register,
            SystemClock(),
            train=copy_trainer(seed),
            general=lambda: GENERAL,
            camera_view=dim,
            options=RetrainOptions(limits=LIMITS, seed=seed),
            at_stage=at_stage,
        )


def promote_back_and_forth(settings: Settings, start: int, times: int | None = None) -> None:
    """Promote one saved release after the other, so many times or until killed."""
    with open_register(settings) as register:
        known = [record.release_id for record in register.release_records()]
        for number in itertools.count(start) if times is None else range(start, start + times):
            promote(settings, register, known[number % len(known)], override_reason="a test")


def check_state(settings: Settings) -> None:
    """Fail unless the register, the active release and the templates are whole and belong together."""
    with open_register(settings) as register:
        for record in register.release_records():
            check_release(settings, register, record.release_id)
        release = active_release(settings, register)
        templates = register.templates(release.model_id)
        crops = register.crops(Purpose.RECOGNITION)
        assert len(register.people()) == PEOPLE
        assert len(crops) == len(templates) == PEOPLE * PHOTOS
        encoder = FlippedEncoder(OpenVinoEncoder(release.encoder_path, release.model_id))
        for crop in crops[:: PHOTOS * 2]:
            fresh = encoder.embed([FaceCrop(crop.crop.image)])[0].vector
            own = [item.embedding.vector for item in templates if item.person_id == crop.person_id]
            assert max(float(np.dot(fresh, vector)) for vector in own) > 1 - 1e-5


def in_child(work: Callable[[], None], kill_after_s: float | None = None) -> int:
    """Fork, do the work there, kill it after a while if wanted; minus the signal, or the exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def seconds_of(work: Callable[[], None]) -> float:
    """How long it takes in a child."""
    started_s = time.monotonic()
    assert in_child(work) == 0
    return time.monotonic() - started_s


def main() -> None:
    """Kill as often as asked for."""
    home, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    home.mkdir(parents=True)
    pretrained = small_release(home)
    retrain_module.pretrained_release = lambda _settings: pretrained
    settings = load_settings(home=home)
    draw = random.Random(seed)
    assert in_child(lambda: prepare(settings)) == 0
    retrains_s = RETRAINS * seconds_of(lambda: train_once(settings, seed=2))
    promotions_s = seconds_of(lambda: promote_back_and_forth(settings, 0, PROMOTIONS))
    moves = 0
    killed: Counter[str] = Counter()
    broken: list[str] = []
    before = current(settings)
    for number in range(kills):
        if number % 4 == 0:
            stage = list(Stage)[number // 4 % len(Stage)]
            kind, status = stage.value, in_child(lambda: train_once(settings, number, stage))  # noqa: B023
        elif number % 4 == 1:
            wait_s = draw.uniform(0, retrains_s)
            kind = "retrain, any moment"
            status = in_child(lambda: train_once(settings, number), wait_s)  # noqa: B023
        else:
            wait_s = draw.uniform(0, promotions_s)
            kind = "promote, any moment"
            status = in_child(lambda: promote_back_and_forth(settings, number), wait_s)  # noqa: B023
        if status == -signal.SIGKILL:
            killed[kind] += 1
        elif status != 0:
            broken.append(f"{number} {kind}: the work itself failed")
        if in_child(lambda: check_state(settings)) != 0:
            broken.append(f"{number} {kind}: what was left is not whole")
        moves += current(settings) != before
        before = current(settings)
    print(json.dumps({"killed": killed, "broken": broken, "moves": moves}))


def current(settings: Settings) -> str:
    """The active release's id, read without OpenVINO, which must not start in the forking process."""
    with open_register(settings) as register:
        return register.active_release_id() or ""


if __name__ == "__main__":
    main()
