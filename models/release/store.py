"""`save_release`, `load_release`, `active_release`: releases on disk, each a folder, whole or absent.

    <home>/releases/<release id>/manifest.json    what it is, what it measured, the hash of every other file
    <home>/releases/<release id>/encoder.onnx     the network as the kiosk runs it

A release's id ends in the hash of its manifest, and the manifest holds the hashes of the files: the id, which
the register keeps, thus fixes every byte. Which release is active stands in the register together with the
templates, so that network, thresholds and templates change in one transaction (`models.release.promotion`).
"""

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.domain import COSINE, Threshold
from models.errors import ModelMismatchError, ReleaseError
from models.register.records import Calibration, ThresholdPurpose
from models.register.register import Register
from models.release.manifest import (
    ENCODER_NAME,
    MANIFEST_NAME,
    RELEASE_ID,
    Manifest,
    Thresholds,
    read_manifest,
    verify_release,
)
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import ensure_weights
from models.settings.settings import Settings
from models.storage.files import sha256_of, sync_folder

PRETRAINED_ID = f"pretrained-{SFACE_MODEL_ID}"
DRAFT_PREFIX = ".draft-"

UNCALIBRATED = Thresholds(identify=0.55, verify=0.50, duplicate=0.55)
"""For the pretrained network before any calibration: well above the published 0.363, so that a new door
rather refuses somebody enrolled than lets a stranger in."""


@dataclass(frozen=True, slots=True)
class Release:
    """A network with the thresholds that belong to its scores.

    Attributes:
        release_id: as in events and in the register.
        model_id: of its embeddings; never shared by two networks.
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


def releases_folder(settings: Settings) -> Path:
    """Return the folder of all releases; it may be absent."""
    return settings.home / "releases"


def release_folder(settings: Settings, release_id: str) -> Path:
    """The folder of a saved release; may be absent.

    Raises:
        ReleaseError: it is no id of a release; a path would leave the folder of all releases.
    """
    if not RELEASE_ID.fullmatch(release_id):
        raise ReleaseError(f"there is no release {release_id[:80]}: see doorward releases list")
    return releases_folder(settings) / release_id


def pretrained_release(settings: Settings) -> Release:
    """Return the pretrained network with conservative thresholds; fetches the weights when they are absent.

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
    """Load a release, with every file checked by its hash.

    Raises:
        ReleaseError: absent, incomplete or altered.
        WeightsError: the pretrained release's weights cannot be had.
    """
    if release_id == PRETRAINED_ID:
        return pretrained_release(settings)
    folder = release_folder(settings, release_id)
    manifest = verify_release(folder)
    return Release(
        release_id,
        manifest.model_id,
        folder / ENCODER_NAME,
        manifest.metric,
        **_as_thresholds(manifest.thresholds, manifest.model_id),
    )


def active_release(settings: Settings, register: Register) -> Release:
    """Load the active release, every file checked, with its newest calibrated thresholds.

    A door reads `Register.snapshot` instead and applies `calibrated_release` to it, so that all parts are of
    one moment.

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
    """Return `release` with calibrated thresholds.

    A threshold found for another gallery than today's counts only where it is stricter than the release's.

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


def list_releases(settings: Settings) -> list[tuple[str, Manifest]]:
    """List id and manifest of every saved release, oldest first, without the pretrained one.

    Raises:
        ReleaseError: a manifest cannot be read.
    """
    found = [(folder.name, read_manifest(folder)) for folder in _saved(releases_folder(settings))]
    return sorted(found, key=lambda item: (item[1].created_at, item[0]))


def remove_drafts(folder: Path) -> None:
    """Remove releases that a killed run left half-written. Call it only while no other run can be writing."""
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
