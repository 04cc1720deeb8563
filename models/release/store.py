"""`save_release`, `load_release`, `active_release`: releases on disk, each a folder, whole or absent.

    <home>/releases/<release id>/manifest.json    what it is, what it measured, the hash of every other file
    <home>/releases/<release id>/encoder.onnx     the network as the kiosk runs it
    <home>/releases/<release id>/strangers.npz    the best scores of strangers who were searched with it

The register has the hash of the manifest of every release that was made here, and the manifest holds the
hashes of the other files: a folder that anybody else put there is not loaded. Which release is active stands
in the register together with the templates, so that both change in one transaction
(`models.release.promotion`).
"""

import dataclasses
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.domain import FloatArray
from models.errors import ReleaseError
from models.register.records import ReleaseRecord
from models.register.register import Register
from models.release.manifest import (
    ENCODER_NAME,
    MANIFEST_NAME,
    RELEASE_ID,
    STRANGERS_NAME,
    Manifest,
    verify_release,
)
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import ensure_weights
from models.settings.settings import Settings
from models.storage.files import sha256_of, sync_folder

PRETRAINED_ID = f"pretrained-{SFACE_MODEL_ID}"
DRAFT_PREFIX = ".draft-"
MIN_STRANGERS = 30
"""Searches of strangers that a release must bring: from fewer no rate of strangers can be told."""


@dataclass(frozen=True, slots=True)
class Release:
    """A network, ready to be loaded.

    Attributes:
        release_id: as in events and in the register.
        model_id: of its embeddings; never shared by two networks.
        encoder_path: the ONNX file.
        strangers_path: the file with the scores of strangers; None for the pretrained network, whose scores
            are in the package.
    """

    release_id: str
    model_id: str
    encoder_path: Path
    strangers_path: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """Searches for people who were in no gallery.

    Attributes:
        best: float32 (S,), the best score of each search.
        searched: number of people in the gallery.
    """

    best: FloatArray
    searched: int


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
    """Return the pretrained network; fetches the weights when they are absent.

    Raises:
        WeightsError: they cannot be had.
    """
    weights = ensure_weights(settings.weights.folder, settings.weights.source)
    return Release(PRETRAINED_ID, SFACE_MODEL_ID, weights.sface)


def save_release(folder: Path, encoder: Path, strangers: Strangers, manifest: Manifest) -> Manifest:
    """Add a release to `folder`; it appears there whole or not at all.

    It can be loaded once `Register.record_release` has stored the manifest's hash.

    Args:
        folder: of all releases; made when absent.
        encoder: the ONNX file to copy.
        strangers: searched with it.
        manifest: its `files` are ignored: the hashes are taken of what is written.

    Returns:
        the manifest as it was written; its id is the name of the release's folder.

    Raises:
        ReleaseError: it cannot be written, or there are too few searches.
    """
    if len(strangers.best) < MIN_STRANGERS:
        raise ReleaseError(
            f"only {len(strangers.best)} strangers were searched, and {MIN_STRANGERS} are needed to find "
            "thresholds: name a folder of more real people with --general"
        )
    draft: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=folder))
        shutil.copyfile(encoder, draft / ENCODER_NAME)
        with (draft / STRANGERS_NAME).open("wb") as file:
            np.savez_compressed(
                file, best=strangers.best.astype(np.float32), searched=np.int64(strangers.searched)
            )
        files = {name: sha256_of(draft / name) for name in (ENCODER_NAME, STRANGERS_NAME)}
        manifest = dataclasses.replace(manifest, files=files)
        (draft / MANIFEST_NAME).write_bytes(manifest.to_bytes())
        for name in (*files, MANIFEST_NAME):
            _sync_file(draft / name)
        draft.chmod(0o755)
        draft.rename(folder / manifest.release_id)
        sync_folder(folder)
        return manifest
    except OSError as error:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
        raise ReleaseError(f"the release cannot be written to {folder}: {error.strerror}") from error


def load_release(settings: Settings, register: Register, release_id: str) -> Release:
    """Load a release, with every file checked by its hash.

    Raises:
        ReleaseError: not made at this site, absent, incomplete or altered.
        WeightsError: the pretrained release's weights cannot be had.
        RegisterError: the register cannot be read.
    """
    if release_id == PRETRAINED_ID:
        return pretrained_release(settings)
    manifest, _ = check_release(settings, register, release_id)
    folder = release_folder(settings, release_id)
    return Release(release_id, manifest.model_id, folder / ENCODER_NAME, folder / STRANGERS_NAME)


def check_release(settings: Settings, register: Register, release_id: str) -> tuple[Manifest, ReleaseRecord]:
    """Check every byte of a saved release; returns its manifest and what the register has of it.

    Raises:
        ReleaseError: not made at this site, absent, incomplete or altered.
        RegisterError: the register cannot be read.
    """
    folder = release_folder(settings, release_id)
    record = register.release_record(release_id)
    if record is None:
        raise ReleaseError(f"there is no release {release_id} in the register: see doorward releases list")
    return verify_release(folder, record.manifest_sha256), record


def active_release(settings: Settings, register: Register) -> Release:
    """Load the active release, every file checked.

    Raises:
        ReleaseError: it is not recorded, absent, incomplete or altered.
        WeightsError: it is the pretrained one, and its weights cannot be had.
        RegisterError: the register cannot be read.
    """
    return load_release(settings, register, register.active_release_id() or PRETRAINED_ID)


def remove_drafts(folder: Path) -> None:
    """Remove releases that a killed run left half-written. Call it only while no other run can be writing."""
    for draft in folder.glob(f"{DRAFT_PREFIX}*"):
        shutil.rmtree(draft, ignore_errors=True)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
