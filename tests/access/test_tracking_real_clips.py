"""The tracker on recorded people: no identity survives a cut, and nobody loses theirs without one."""

from pathlib import Path

import numpy as np
import pytest

from access.cameras.clip import ClipCamera
from access.tracking import Tracker
from models.clock import SimulatedClock
from models.encoders.openvino import OpenVinoEncoder
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import WeightFiles
from models.vision.alignment import align
from models.vision.detector import YuNetDetector

CUTS_S = (2.70, 7.03)


@pytest.mark.slow
@pytest.mark.shared
def test_a_cut_between_people_in_the_same_place_breaks_the_track(shared: Path, weights: WeightFiles) -> None:
    """Two cuts of this clip put another face where one was; the embeddings know, geometry must notice."""
    detector, encoder = YuNetDetector(weights.detector), OpenVinoEncoder(weights.sface, SFACE_MODEL_ID)
    tracker, latest, likeness = Tracker(), dict[int, np.ndarray](), list[float]()
    with ClipCamera(shared / "data" / "clips" / "several_people_stage.mp4", SimulatedClock()) as camera:
        while (frame := camera.read()) is not None and frame.captured_at_s < CUTS_S[-1] + 0.3:
            if min(abs(frame.captured_at_s - cut_s) for cut_s in CUTS_S) > 0.3:
                continue
            for track in tracker.update(detector.detect(frame.image), frame.captured_at_s):
                crop = align(frame.image, track.face.landmarks)
                vector = encoder.embed([crop])[0].vector
                if track.track_id in latest:
                    likeness.append(float(vector @ latest[track.track_id]))
                latest[track.track_id] = vector
    assert len(likeness) > 50
    assert min(likeness) > 0.5


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("every", [1, 3], ids=["30-fps", "10-fps"])
def test_one_person_is_one_track_at_any_frame_rate(shared: Path, weights: WeightFiles, every: int) -> None:
    detector, tracker, seen = YuNetDetector(weights.detector), Tracker(), set[int]()
    with ClipCamera(shared / "data" / "clips" / "one_person_live.mp4", SimulatedClock()) as camera:
        while (frame := camera.read()) is not None and frame.captured_at_s < 2.0:
            if frame.index % every == 0:
                faces = detector.detect(frame.image)
                seen |= {track.track_id for track in tracker.update(faces, frame.captured_at_s)}
    assert seen == {1}
