"""`embed_all`: embeds the same faces with challenger, champion and pretrained network, as doors run them."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from enrollment.retraining.gate import (
    BoolArray,
    FaceSet,
    GateLimits,
    IntArray,
    JudgedSet,
    Verdict,
    pairs_across,
)
from enrollment.retraining.general_faces import FacesByPerson
from models.domain import COSINE, FaceCrop, FloatArray, ImageArray
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.evaluation.searches import search_cohort
from models.gallery.fusion import fuse
from models.gallery.mean import GalleryMean
from models.ports import Encoder
from models.release.manifest import PREPROCESSING, Manifest
from models.release.store import PRETRAINED_ID, Release, Strangers
from models.storage.files import sha256_of

CAMERA_VIEWS = 1
"""Camera views of each photo of the site's held-out people."""
SEARCHED_EVERY = 3
"""One person in so many makes the gallery in which the others are searched as strangers."""

CHAMPION, CHALLENGER, PRETRAINED = "champion", "challenger", "pretrained"

CameraView = Callable[[ImageArray, int], ImageArray]
"""Maps photos, uint8 (N, 112, 112, 3) RGB, to what a camera makes of them, in the same form.

The number draws another camera view of the same photos. What happens to a photo depends on its place alone,
so that both crops of a face look as one camera would show them.
"""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedEmbeddings:
    """The embeddings of all networks.

    Attributes:
        network: name of the challenger's backbone.
        model_id: of the challenger, with a hash of its bytes.
        sets: what the challenger must pass.
        site: the site's held-out people, photos and then camera views; the opponent is the champion.
        site_crops: the same crops, uint8 (N, 112, 112, 3), RGB.
        general: people in general, likewise; None when only the site's people judge.
        strangers: people whom the challenger was not trained on, searched with it.
    """

    network: str
    model_id: str
    sets: tuple[JudgedSet, ...]
    site: FaceSet
    site_crops: ImageArray
    general: FaceSet | None
    strangers: Strangers


def embed_all(
    champion: Release,
    pretrained: Release,
    challenger: Path,
    site: FacesByPerson,
    general: FacesByPerson | None,
    *,
    camera_view: CameraView,
    limits: GateLimits,
    network: str,
) -> ComparedEmbeddings:
    """Embed all people with all networks, under the normalisation of the door's gallery.

    Args:
        champion: the active release.
        pretrained: the second opponent, so that small losses do not add up over the years; where it is the
            champion there is one opponent.
        challenger: the trained network, an ONNX file.
        site: the held-out people of the site.
        general: real people who have nothing to do with the site and were not rehearsed; None leaves the
            verdict to the site's people.
        camera_view: of the site's camera, applied to the held-out people's photos.
        limits: with the margin of each set.
        network: name of the challenger's backbone.

    Raises:
        ModelError: a network cannot be run.
        EmbeddingError: an embedding is not finite or has no direction.
    """
    cores = len(os.sched_getaffinity(0))  # no visitor waits here: use all of them
    model_id = f"{network}-{sha256_of(challenger)[:16]}"
    paths = {CHAMPION: (champion.encoder_path, champion.model_id), CHALLENGER: (challenger, model_id)}
    if champion.release_id != PRETRAINED_ID:
        paths[PRETRAINED] = (pretrained.encoder_path, pretrained.model_id)
    encoders = {
        name: FlippedEncoder(OpenVinoEncoder(path, model, cores, at_once=cores))
        for name, (path, model) in paths.items()
    }
    photos, owners = _flatten(site)
    faces = [*photos, *(face for view in range(CAMERA_VIEWS) for face in _seen(photos, camera_view, view))]
    raw = _embed(faces, encoders)
    site_sets = _sets(
        raw, np.tile(owners, 1 + CAMERA_VIEWS), np.tile(np.arange(len(photos)), 1 + CAMERA_VIEWS)
    )
    judged = [JudgedSet(_named("site", name), each, limits.site_margin) for name, each in site_sets.items()]
    general_sets: Mapping[str, FaceSet] = {}
    unknown, whose = raw[CHALLENGER][: len(photos)], owners
    if general is not None:
        others, whose = _flatten(general)
        raw = _embed(others, encoders)
        general_sets = _sets(raw, whose, None)
        unknown = raw[CHALLENGER]
        margin = limits.general_margin
        judged += [JudgedSet(_named("general", name), each, margin) for name, each in general_sets.items()]
    return ComparedEmbeddings(
        network,
        model_id,
        tuple(judged),
        site_sets[CHAMPION],
        np.stack([face.image for face in faces]),
        general_sets.get(CHAMPION),
        search_strangers(unknown, whose),
    )


def non_mated_of(people: FacesByPerson, views: int) -> int:
    """Count the comparisons of different people among photos and camera views, as `FaceSet.pairs` does."""
    photos = np.array([len(faces) for faces in people.values()], float)
    return int((1 + 2 * views) * pairs_across(photos))


def search_strangers(vectors: FloatArray, owners: IntArray) -> Strangers:
    """Search people among others whom they are not, one picture of each, as the door searches.

    Args:
        vectors: float32 (N, D), unit vectors.
        owners: int64 (N,), who is on each; the first picture of everybody is used.
    """
    first = vectors[np.unique(owners, return_index=True)[1]]
    enrolled = np.arange(len(first)) % SEARCHED_EVERY == 0
    mean = GalleryMean.of(first[enrolled])
    best = search_cohort(mean.remove(first[~enrolled]), mean.remove(first[enrolled]))
    return Strangers(best.astype(np.float32), int(enrolled.sum()))


def strangers_among(people: int) -> int:
    """Return how many strangers `search_strangers` searches among so many people."""
    return people - -(-people // SEARCHED_EVERY)


def _flatten(people: FacesByPerson) -> tuple[list[FaceCrop], IntArray]:
    owners = np.repeat(np.arange(len(people)), [len(faces) for faces in people.values()])
    return [face for faces in people.values() for face in faces], owners


def _seen(photos: Sequence[FaceCrop], camera_view: CameraView, view: int) -> list[FaceCrop]:
    """Return what the camera makes of both crops of each photo."""
    images = camera_view(np.stack([face.image for face in photos]), view)
    # Where there is no second crop the first stands in its place, so that every photo keeps its number.
    seconds = camera_view(
        np.stack([face.image if face.second is None else face.second for face in photos]), view
    )
    return [
        FaceCrop(image, None if face.second is None else second)
        for face, image, second in zip(photos, images, seconds, strict=True)
    ]


def _embed(faces: Sequence[FaceCrop], encoders: Mapping[str, Encoder]) -> dict[str, FloatArray]:
    return {
        name: np.stack([embedding.vector for embedding in encoder.embed(list(faces))])
        for name, encoder in encoders.items()
    }


def _sets(
    vectors: Mapping[str, FloatArray], people: IntArray, view_of: IntArray | None
) -> dict[str, FaceSet]:
    """Return the set for each opponent of the challenger, the champion first."""
    everything = FaceSet(vectors[CHAMPION], vectors[CHALLENGER], people, view_of)
    centred = {name: _centred(each, people, ~everything.is_view) for name, each in vectors.items()}
    return {
        name: dataclasses.replace(everything, champion=centred[name], challenger=centred[CHALLENGER])
        for name in centred
        if name != CHALLENGER
    }


def _centred(vectors: FloatArray, people: IntArray, is_photo: BoolArray) -> FloatArray:
    """Remove the mean of the people, as the door's gallery does: (N, D) -> (N, D + 1)."""
    fused = [fuse(vectors[is_photo & (people == person)]) for person in np.unique(people)]
    return GalleryMean.of(np.stack(fused)).remove(vectors)


def _named(people: str, opponent: str) -> str:
    return people if opponent == CHAMPION else f"{people}, against the pretrained network,"


def challenger_manifest(
    now: datetime, champion: Release, compared: ComparedEmbeddings, verdict: Verdict
) -> Manifest:
    """Build the manifest of a challenger."""
    return Manifest(
        network=compared.network,
        model_id=compared.model_id,
        parent=champion.release_id,
        created_at=now.replace(microsecond=0),
        evaluation=verdict.as_record(),
        files={},
        preprocessing=PREPROCESSING,
        metric=COSINE,
    )
