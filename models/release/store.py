"""`save_release`, `load_release`, `active_release`: releases on disk, each a folder, whole or absent.

    <home>/releases/<release id>/manifest.json    what it is, what it measured, the hash of every other file
    <home>/releases/<release id>/encoder.onnx     the network as the kiosk runs it

A release's id ends in the hash of its manifest, and the manifest holds the hashes of the files: the id, which
the register keeps, thus fixes every byte. Which release is active stands in the register together with the
templates, so that network and templates change in one transaction (`models.release.promotion`).
"""

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import ReleaseError
from models.register.register import Register
from models.release.manifest import (
    ENCODER_NAME,
    MANIFEST_NAME,
    RELEASE_ID,
    Manifest,
    read_manifest,
    verify_release,
)
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import ensure_weights
from models.settings.settings import Settings
from models.storage.files import sha256_of, sync_folder

PRETRAINED_ID = f"pretrained-{SFACE_MODEL_ID}"
DRAFT_PREFIX = ".draft-"


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
    return Release(release_id, manifest.model_id, folder / ENCODER_NAME)


def active_release(settings: Settings, register: Register) -> Release:
    """Load the active release, every file checked.

    Raises:
        ReleaseError: it is absent, incomplete or altered.
        WeightsError: it is the pretrained one, and its weights cannot be had.
        RegisterError: the register cannot be read.
    """
    return load_release(settings, register.active_release_id() or PRETRAINED_ID)


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


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
