"""A site in miniature: a network of one layer, people who are patterns of colour, a trainer that only copies.

Everything around the network is the real thing: register, releases, gate, promotion.
"""

import random
import uuid
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from enrollment.retraining.gate import GateLimits
from enrollment.retraining.general_faces import CropsByPerson, FacesByPerson, GeneralFaces
from enrollment.retraining.retrain import Challenger
from models.domain import COSINE, FaceCrop, ImageArray, PersonId
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.register.records import EnrolledFace, Purpose, ReleaseRecord
from models.register.register import Register
from models.release.manifest import PREPROCESSING, Manifest
from models.release.promotion import promote
from models.release.store import PRETRAINED_ID, Release, Strangers, releases_folder, save_release
from models.settings.settings import Settings
from tests.models.release.test_store import NOON

KEY = bytes(range(32))
DIMENSION = 24
CONSENT = "I agree."
LIMITS = GateLimits(draws_beyond=1, max_fmr=1.0, min_erring=0)
"""A gate that judges the few people of a small site."""


def write_network(path: Path, seed: int = 0, blindness: float = 0.0) -> Path:
    """A random projection of 7x7 mean colours; `blindness` 1 sees nothing but a constant."""
    rng = np.random.default_rng(seed)
    weight = (1 - blindness) * rng.normal(size=(147, DIMENSION)).astype(np.float32)
    nodes = [
        helper.make_node("Sub", ["crop", "grey"], ["a"]),
        helper.make_node("AveragePool", ["a"], ["b"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["b"], ["c"], axis=1),
        helper.make_node("Gemm", ["c", "weight", "bias"], ["embedding"]),
    ]
    constants = [
        numpy_helper.from_array(np.float32(127.5), "grey"),
        numpy_helper.from_array(weight.astype(np.float32), "weight"),
        numpy_helper.from_array(np.full(DIMENSION, 0.1, np.float32), "bias"),
    ]
    crop = helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["n", 3, 112, 112])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIMENSION])
    graph = helper.make_graph(nodes, "small", [crop], [embedding], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(model)
    return path


def photos(seed: int, count: int, noise: float = 25.0) -> ImageArray:
    """uint8 (count, 112, 112, 3): a pattern per seed, and noise per photo."""
    rng = np.random.default_rng(seed)
    pattern = rng.uniform(60, 200, (7, 7, 3))
    shots = pattern + rng.normal(0, noise, (count, 7, 7, 3))
    return np.clip(shots, 0, 255).repeat(16, axis=1).repeat(16, axis=2).astype(np.uint8)


def dim(photos: ImageArray, view: int) -> ImageArray:
    """A camera that gives darker pictures."""
    return (photos * (0.9 - 0.1 * view)).astype(np.uint8)


def people(first_seed: int, count: int, each: int = 4) -> CropsByPerson:
    return {f"person {seed}": photos(seed, each) for seed in range(first_seed, first_seed + count)}


def faces(first_seed: int, count: int, each: int = 4) -> FacesByPerson:
    """The same people, as a gate takes them."""
    drawn = people(first_seed, count, each)
    return {name: [FaceCrop(image) for image in images] for name, images in drawn.items()}


def small_general(rehearsed: int = 24, judging: int = 48) -> GeneralFaces:
    return GeneralFaces(people(1000, rehearsed, each=2), faces(2000, judging, each=2))


def open_register(settings: Settings) -> Register:
    return Register.open(settings.storage.database, KEY)


def small_release(folder: Path, release_id: str = PRETRAINED_ID, seed: int = 0) -> Release:
    """A small network that stands for the pretrained one."""
    path = write_network(folder / f"small-{seed}.onnx", seed)
    return Release(release_id, f"small-{seed}", path)


def add_release(
    settings: Settings,
    register: Register,
    seed: int = 0,
    *,
    passed: bool = True,
    trained_on: tuple[PersonId, ...] = (),
    **network: float,
) -> str:
    """Save a small network as a release and record it, compared with the release in use."""
    path = write_network(settings.home / "champion.onnx", seed, **network)
    manifest = Manifest(
        network="sface",
        model_id=f"small-{seed}",
        parent=register.active_release_id() or PRETRAINED_ID,
        created_at=NOON,
        evaluation={},
        files={},
        preprocessing=PREPROCESSING,
        metric=COSINE,
    )
    best = np.random.default_rng(seed).normal(0.3, 0.1, 100).astype(np.float32)
    manifest = save_release(releases_folder(settings), path, Strangers(best, 50), manifest)
    register.record_release(
        ReleaseRecord(
            manifest.release_id,
            manifest.sha256,
            manifest.parent,
            passed,
            {},
            None,
            trained_on,
            manifest.created_at,
        )
    )
    return manifest.release_id


def activate_champion(settings: Settings, register: Register, seed: int = 0, **network: float) -> str:
    """Save a small network as a release and make it the active one."""
    release_id = add_release(settings, register, seed, **network)
    promote(settings, register, release_id)
    return release_id


def enrol(
    register: Register,
    release: Release,
    people: CropsByPerson | FacesByPerson,
    *,
    training: bool = True,
) -> None:
    encoder = FlippedEncoder(OpenVinoEncoder(release.encoder_path, release.model_id))
    purposes = {Purpose.RECOGNITION} | ({Purpose.TRAINING} if training else set())
    for name, pictures in people.items():
        crops = [each if isinstance(each, FaceCrop) else FaceCrop(each) for each in pictures]
        enrolled = [EnrolledFace(*pair) for pair in zip(crops, encoder.embed(crops), strict=True)]
        # Ids decide who is held out: the same ones in every test run.
        ids = random.Random(name)
        with mock.patch("uuid.uuid4", lambda: uuid.UUID(int=ids.getrandbits(128))):  # noqa: B023
            register.add_person(name, enrolled, CONSENT, purposes)


def copy_trainer(seed: int = 0, blindness: float = 0.0, helped: bool = True):
    """A trainer that learns nothing and hands over a network of that seed."""

    def train(site: CropsByPerson, general: CropsByPerson, scratch: Path) -> Challenger:
        assert not set(site) & set(general)
        curve = [(1.0, 2.0), (2.0, 1.0)]
        network = write_network(scratch / "challenger.onnx", seed, blindness)
        return Challenger("small", network, {"loss": curve}, {"strategy": "copy"}, helped)

    return train
