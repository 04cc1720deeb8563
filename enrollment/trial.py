"""Champion and challenger on the same faces, both as doors run them."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from enrollment.gate import FaceSet, Verdict
from enrollment.people_in_general import CropsByPerson
from models.domain import COSINE, FaceCrop, FloatArray, ImageArray
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.evaluation.tail import Tail, fit_tail
from models.ports import Encoder
from models.release.files import sha256_of
from models.release.networks import SFACE
from models.release.store import PREPROCESSING, Manifest, Release, Thresholds

HIGHEST_THRESHOLD = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What both networks say.

    Attributes:
        model_id: of the challenger, drawn from its bytes.
        site: the site's people who were held out; site_crops: their crops, uint8 (N, 112, 112, 3), RGB.
        general: people who have nothing to do with the site.
    """

    model_id: str
    site: FaceSet
    site_crops: ImageArray
    general: FaceSet


def hold_trial(champion: Release, challenger: Path, site: CropsByPerson, general: CropsByPerson) -> Trial:
    """Embed both sets of people with both networks.

    Raises:
        ModelError: a network cannot be run.
        EmbeddingError: one answered with something that is no direction.
    """
    threads = len(os.sched_getaffinity(0))  # nobody waits at this door: take every core
    model_id = f"{SFACE.name}-{sha256_of(challenger)[:16]}"
    encoders = (
        FlippedEncoder(OpenVinoEncoder(champion.encoder_path, champion.model_id, threads)),
        FlippedEncoder(OpenVinoEncoder(challenger, model_id, threads)),
    )
    crops = np.concatenate(list(site.values()))
    return Trial(model_id, _embed_both(site, encoders), crops, _embed_both(general, encoders))


def _embed_both(people: CropsByPerson, encoders: tuple[Encoder, Encoder]) -> FaceSet:
    crops = [FaceCrop(crop) for images in people.values() for crop in images]

    def vectors(encoder: Encoder) -> FloatArray:
        return np.stack([embedding.vector for embedding in encoder.embed(crops)])

    labels = np.repeat(np.arange(len(people)), [len(images) for images in people.values()])
    return FaceSet(vectors(encoders[0]), vectors(encoders[1]), labels)


def challenger_manifest(now: datetime, champion: Release, trial: Trial, verdict: Verdict) -> Manifest:
    """The manifest of a challenger that passed the gate."""
    faces = trial.general
    tails = [_non_mated_tail(vectors, faces) for vectors in (faces.champion, faces.challenger)]
    values = (champion.threshold, champion.verify_threshold, champion.duplicate_threshold)
    return Manifest(
        network=SFACE.name,
        model_id=trial.model_id,
        thresholds=Thresholds(*(carry_threshold(each.value, *tails) for each in values)),
        parent=champion.release_id,
        created_at=now.replace(microsecond=0),
        evaluation={
            each.name: {
                "fmr": each.fmr,
                "champion_fnmr": each.champion_fnmr,
                "challenger_fnmr": each.challenger_fnmr,
                "worse_by_at_most": each.worse_by_at_most,
                "people": each.people,
            }
            for each in verdict.comparisons
        },
        files={},
        preprocessing=PREPROCESSING,
        metric=COSINE,
    )


def carry_threshold(value: float, champion: Tail, challenger: Tail) -> float:
    """The threshold as deep in the challenger's tail of non-mated scores as `value` is in the champion's.

    It holds until the new release is calibrated on the site's own gallery.
    """
    depth = (value - champion.start) / champion.scale
    return min(HIGHEST_THRESHOLD, challenger.start + depth * challenger.scale)


def _non_mated_tail(vectors: FloatArray, faces: FaceSet) -> Tail:
    first, second = np.triu_indices(len(vectors), 1)
    apart = faces.people[first] != faces.people[second]
    return fit_tail((vectors @ vectors.T)[first, second][apart])
