"""`Manifest`: the manifest.json of a release; `verify_release` checks a release's folder against it."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from models.domain import COSINE
from models.errors import ReleaseError
from models.storage.files import sha256_of

MANIFEST_NAME = "manifest.json"
MANIFEST_FORMAT = 1
ID_HASH_DIGITS = 16
RELEASE_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}", re.ASCII)
ENCODER_NAME = "encoder.onnx"
"""The network, which every release has."""

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


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a release.

    Attributes:
        network: name in `models.release.networks`.
        model_id: of its embeddings.
        thresholds: found when it was made.
        parent: the release it was compared with; a rollback makes that one active again.
        created_at: with its zone.
        evaluation: what the gate measured; numbers by name of the set.
        files: SHA-256 by file name.
        preprocessing: from a picture to the network's input, described in words.
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
        """Return canonical JSON: equal manifests give equal bytes."""
        record = dataclasses.asdict(self) | {
            "created_at": self.created_at.isoformat(),
            "format": MANIFEST_FORMAT,
        }
        return json.dumps(record, indent=1, sort_keys=True, allow_nan=False).encode()

    @property
    def release_id(self) -> str:
        """The release's id: time and hash of the manifest."""
        digest = hashlib.sha256(self.to_bytes()).hexdigest()[:ID_HASH_DIGITS]
        return f"{self.created_at:%Y%m%dT%H%M%SZ}-{digest}"


def verify_release(folder: Path) -> Manifest:
    """Check a release's folder against its name and its manifest; returns the manifest.

    Raises:
        ReleaseError: absent, incomplete or altered.
    """
    manifest = read_manifest(folder)
    if ENCODER_NAME not in manifest.files:
        raise ReleaseError(f"release {folder.name} is altered: its manifest does not name {ENCODER_NAME}")
    if manifest.release_id != folder.name:
        raise ReleaseError(f"release {folder.name} is altered: its manifest is not the one it was made with")
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ReleaseError(f"release {folder.name} is incomplete: {name} is absent; roll back to another")
        if sha256_of(path) != expected:
            raise ReleaseError(f"release {folder.name} is altered: {name} has changed; roll back to another")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in `folder`, without checking the other files.

    Raises:
        ReleaseError: there is none, or it is not a manifest of this version.
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
