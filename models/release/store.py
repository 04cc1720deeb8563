"""Releases on disk: a network, its preprocessing and its thresholds, as one folder that is whole or absent.

    <home>/releases/<release id>/manifest.json    what it is, what it measured, the hash of every other file
    <home>/releases/<release id>/encoder.onnx     the network as the kiosk runs it

A release's id ends in the hash of its manifest, and the manifest holds the hashes of the files: whoever knows
the id (the register does) knows every byte. Which release is active stands in the register, together with the
templates, so that network, thresholds and templates change in one transaction (`models.release.promotion`).
"""

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from models.domain import COSINE, Threshold
from models.errors import ModelMismatchError, ReleaseError
from models.register.records import Calibration, ThresholdPurpose
from models.register.register import Register
from models.release.files import sha256_of, sync_folder
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import ensure_weights
from models.settings import Settings

PRETRAINED_ID = f"pretrained-{SFACE_MODEL_ID}"
MANIFEST_NAME = "manifest.json"
ENCODER_NAME = "encoder.onnx"
DRAFT_PREFIX = ".draft-"
MANIFEST_FORMAT = 1
ID_HASH_DIGITS = 16

PREPROCESSING = {
    "alignment": "five-point similarity to the 112x112 template",
    "input": "float32 (N, 3, 112, 112), RGB, 0 to 255",
    "normalisation": "in the network: (x - 127.5) / 128",
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores at or above which a face is accepted: 1:N at the door, 1:1, and as a duplicate at enrolment."""

    identify: float
    verify: float
    duplicate: float


UNCALIBRATED = Thresholds(identify=0.55, verify=0.50, duplicate=0.55)
"""For the pretrained network before any calibration: well above its textbook 0.363, so that a new door errs
on the side of staying shut."""


@dataclass(frozen=True, slots=True)
class Release:
    """A network with the thresholds that belong to its scores.

    Attributes:
        release_id: what events and the register call it.
        model_id: what its embeddings carry; never shared by two networks.
        encoder_path: the ONNX file.
        metric: of its scores, `models.domain.COSINE`.
        threshold: 1:N, at the door.
        verify_threshold: 1:1.
        duplicate_threshold: at or above it a newcomer is taken for someone enrolled.
    """

    release_id: str
    model_id: str
    encoder_path: Path
    metric: str
    threshold: Threshold
    verify_threshold: Threshold
    duplicate_threshold: Threshold

    def with_thresholds(self, thresholds: Thresholds) -> "Release":
        """The same network under other thresholds."""
        return dataclasses.replace(self, **_as_thresholds(thresholds, self.model_id))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release says of itself.

    Attributes:
        network: name in `models.release.networks`.
        model_id: of its embeddings.
        thresholds: found when it was made.
        parent: the release it was trained from and compared with; roll back goes there.
        created_at: with its zone.
        evaluation: what the gate measured; numbers by name.
        files: SHA-256 by file name.
        preprocessing: from a picture to the network's input, in words.
        metric: of its scores.
    """

    network: str
    model_id: str
    thresholds: Thresholds
    parent: str
    created_at: datetime
    evaluation: Mapping[str, Any]
    files: Mapping[str, str]
    preprocessing: Mapping[str, str]
    metric: str = COSINE

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal manifests give equal bytes."""
        record = dataclasses.asdict(self) | {
            "created_at": self.created_at.isoformat(),
            "format": MANIFEST_FORMAT,
        }
        return json.dumps(record, indent=1, sort_keys=True, allow_nan=False).encode()

    @property
    def release_id(self) -> str:
        """Time and hash of the manifest."""
        digest = hashlib.sha256(self.to_bytes()).hexdigest()[:ID_HASH_DIGITS]
        return f"{self.created_at:%Y%m%dT%H%M%SZ}-{digest}"


def releases_folder(settings: Settings) -> Path:
    """Where releases lie; may be absent."""
    return settings.home / "releases"


def pretrained_release(settings: Settings) -> Release:
    """The network as fetched, with conservative thresholds; fetches the weights when they are absent.

    Raises:
        WeightsError: they cannot be had.
    """
    weights = ensure_weights(settings.weights.folder, settings.weights.source)
    return Release(
        PRETRAINED_ID,
        SFACE_MODEL_ID,
        weights.sface,
        COSINE,
        **_as_thresholds(UNCALIBRATED, SFACE_MODEL_ID),
    )


def save_release(folder: Path, encoder: Path, manifest: Manifest) -> str:
    """Add a release to `folder`; it appears there whole or not at all. Returns its id.

    Args:
        folder: of all releases; made when absent.
        encoder: the ONNX file to copy.
        manifest: its `files` are ignored: the hash is taken of what is written.

    Raises:
        ReleaseError: it cannot be written.
    """
    draft = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=folder))
        shutil.copyfile(encoder, draft / ENCODER_NAME)
        manifest = dataclasses.replace(manifest, files={ENCODER_NAME: sha256_of(draft / ENCODER_NAME)})
        (draft / MANIFEST_NAME).write_bytes(manifest.to_bytes())
        for path in draft.iterdir():
            _sync_file(path)
        draft.chmod(0o755)
        draft.rename(folder / manifest.release_id)
        sync_folder(folder)
        return manifest.release_id
    except OSError as error:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
        raise ReleaseError(f"the release cannot be written to {folder}: {error.strerror}") from error


def load_release(settings: Settings, release_id: str) -> Release:
    """The release of that id, every byte checked.

    Raises:
        ReleaseError: absent, incomplete or altered.
        WeightsError: the pretrained release's weights cannot be had.
    """
    if release_id == PRETRAINED_ID:
        return pretrained_release(settings)
    manifest = verify_release(releases_folder(settings) / release_id)
    return Release(
        release_id,
        manifest.model_id,
        releases_folder(settings) / release_id / ENCODER_NAME,
        manifest.metric,
        **_as_thresholds(manifest.thresholds, manifest.model_id),
    )


def active_release(settings: Settings, register: Register) -> Release:
    """The release in use, every byte checked, under its newest calibration.

    A door that must not mix parts reads `Register.snapshot` instead and applies `calibrated_release` to it.

    Raises:
        ReleaseError: it is absent, incomplete or altered.
        WeightsError: it is the pretrained one, and its weights cannot be had.
        RegisterError: the register cannot be read.
    """
    release = load_release(settings, register.active_release_id() or PRETRAINED_ID)
    calibrations = register.latest_calibrations(release.release_id)
    return calibrated_release(release, calibrations, register.gallery_revision())


def calibrated_release(
    release: Release, calibrations: Mapping[ThresholdPurpose, Calibration], gallery_revision: int
) -> Release:
    """`release` under calibrated thresholds.

    A threshold found for another gallery than today's is only trusted to be stricter than the release's own.

    Raises:
        ModelMismatchError: a calibration is of another network.
    """
    own = {
        ThresholdPurpose.IDENTIFY: release.threshold,
        ThresholdPurpose.VERIFY: release.verify_threshold,
        ThresholdPurpose.DUPLICATE: release.duplicate_threshold,
    }
    for purpose, calibration in calibrations.items():
        found = calibration.threshold
        if (found.model_id, found.metric) != (release.model_id, release.metric):
            raise ModelMismatchError(
                f"a calibration of {found.model_id} cannot be used with {release.model_id}: calibrate again"
            )
        fresh = calibration.gallery_revision == gallery_revision
        if fresh or found.value > own[purpose].value:
            own[purpose] = found
    return dataclasses.replace(
        release,
        threshold=own[ThresholdPurpose.IDENTIFY],
        verify_threshold=own[ThresholdPurpose.VERIFY],
        duplicate_threshold=own[ThresholdPurpose.DUPLICATE],
    )


def verify_release(folder: Path) -> Manifest:
    """Check a release's folder against its name and its manifest; returns the manifest.

    Raises:
        ReleaseError: absent, incomplete or altered.
    """
    manifest = read_manifest(folder)
    if manifest.release_id != folder.name:
        raise ReleaseError(f"release {folder.name} is altered: its manifest is not the one it was made with")
    for name, promised in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ReleaseError(f"release {folder.name} is incomplete: {name} is absent; roll back to another")
        if sha256_of(path) != promised:
            raise ReleaseError(f"release {folder.name} is altered: {name} has changed; roll back to another")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest in `folder`, as it stands there.

    Raises:
        ReleaseError: there is none, or it is not one.
    """
    try:
        record = json.loads((folder / MANIFEST_NAME).read_bytes())
        if record.pop("format") != MANIFEST_FORMAT:
            raise ReleaseError(f"release {folder.name} was made by another version of Doorward")
        record["thresholds"] = Thresholds(**record["thresholds"])
        record["created_at"] = datetime.fromisoformat(record["created_at"])
        return Manifest(**record)
    except FileNotFoundError as error:
        raise ReleaseError(f"there is no release {folder.name}: see doorward releases list") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(f"release {folder.name} has no readable manifest") from error


def list_releases(settings: Settings) -> list[tuple[str, Manifest]]:
    """Id and manifest of every saved release, oldest first; the pretrained one is not among them.

    Raises:
        ReleaseError: a manifest cannot be read.
    """
    found = [(folder.name, read_manifest(folder)) for folder in _saved(releases_folder(settings))]
    return sorted(found, key=lambda item: (item[1].created_at, item[0]))


def remove_drafts(folder: Path) -> None:
    """Remove what a killed run left half-written. Call it only while no other run can be writing."""
    for draft in folder.glob(f"{DRAFT_PREFIX}*"):
        shutil.rmtree(draft, ignore_errors=True)


def _saved(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _as_thresholds(values: Thresholds, model_id: str) -> dict[str, Any]:
    return {
        "threshold": Threshold(values.identify, COSINE, model_id),
        "verify_threshold": Threshold(values.verify, COSINE, model_id),
        "duplicate_threshold": Threshold(values.duplicate, COSINE, model_id),
    }


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
