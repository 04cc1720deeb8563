"""`embed_with_both`: embeds the same faces with champion and challenger, both as doors run them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from enrollment.retraining.gate import FaceSet, IntArray, Verdict
from enrollment.retraining.general_faces import CropsByPerson
from models.domain import COSINE, FaceCrop, FloatArray, ImageArray
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.ports import Encoder
from models.release.manifest import PREPROCESSING, Manifest, Thresholds
from models.release.networks import SFACE
from models.release.store import Release
from models.storage.files import sha256_of

MAX_THRESHOLD = 0.95
CAMERA_VIEWS = 1
"""Camera views of each photo of the site's held-out people."""

CameraView = Callable[[ImageArray, int], ImageArray]
"""Maps photos, uint8 (N, 112, 112, 3) RGB, to what a camera makes of them, in the same form.

The number draws another camera view of the same photos.
"""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedEmbeddings:
    """The embeddings of both networks.

    Attributes:
        model_id: of the challenger, with a hash of its bytes.
        site: the site's held-out people, their photos and then the camera views.
        site_crops: the same crops, uint8 (N, 112, 112, 3), RGB.
        general: people who have nothing to do with the site.
    """

    model_id: str
    site: FaceSet
    site_crops: ImageArray
    general: FaceSet


def embed_with_both(
    champion: Release, challenger: Path, site: CropsByPerson, general: CropsByPerson, camera_view: CameraView
) -> ComparedEmbeddings:
    """Embed both sets of people with both networks.

    Args:
        champion: the active release.
        challenger: the trained network, an ONNX file.
        site: the held-out people of the site.
        general: people who have nothing to do with the site.
        camera_view: of the site's camera, applied to the held-out people's photos.

    Raises:
        ModelError: a network cannot be run.
        EmbeddingError: an embedding is not finite or has no direction.
    """
    cores = len(os.sched_getaffinity(0))  # no visitor waits here: use all of them
    model_id = f"{SFACE.name}-{sha256_of(challenger)[:16]}"
    encoders = (
        FlippedEncoder(OpenVinoEncoder(champion.encoder_path, champion.model_id, cores, at_once=cores)),
        FlippedEncoder(OpenVinoEncoder(challenger, model_id, cores, at_once=cores)),
    )
    photos, owners = _flatten(site)
    crops = np.concatenate([photos, *(camera_view(photos, view) for view in range(CAMERA_VIEWS))])
    once = np.arange(len(photos))
    faces = FaceSet(
        *_embed(crops, encoders),
        people=np.tile(owners, 1 + CAMERA_VIEWS),
        view_of=np.tile(once, 1 + CAMERA_VIEWS),
    )
    others, whose = _flatten(general)
    return ComparedEmbeddings(model_id, faces, crops, FaceSet(*_embed(others, encoders), people=whose))


def _flatten(people: CropsByPerson) -> tuple[ImageArray, IntArray]:
    owners = np.repeat(np.arange(len(people)), [len(images) for images in people.values()])
    return np.concatenate(list(people.values())), owners


def _embed(crops: ImageArray, encoders: tuple[Encoder, Encoder]) -> tuple[FloatArray, FloatArray]:
    faces = [FaceCrop(crop) for crop in crops]
    champion, challenger = (
        np.stack([embedding.vector for embedding in encoder.embed(faces)]) for encoder in encoders
    )
    return champion, challenger


def challenger_manifest(
    now: datetime, champion: Release, compared: ComparedEmbeddings, verdict: Verdict
) -> Manifest:
    """Build the manifest of a challenger that passed the gate."""
    return Manifest(
        network=SFACE.name,
        model_id=compared.model_id,
        thresholds=Thresholds(0.55, 0.5, 0.55),
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
