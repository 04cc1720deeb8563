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
MANIFEST_FORMAT = 2
ID_HASH_DIGITS = 16
RELEASE_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}", re.ASCII)
ENCODER_NAME = "encoder.onnx"
"""The network."""
STRANGERS_NAME = "strangers.npz"
"""The best scores of strangers who were searched with it."""
FILES = frozenset({ENCODER_NAME, STRANGERS_NAME})
"""The files of every release, beside its manifest."""

ROLL_BACK = "run doorward rollback"

PREPROCESSING = {
    "alignment": "five-point similarity to the 112x112 template",
    "input": "float32 (N, 3, 112, 112), RGB, 0 to 255",
    "normalisation": "in the network",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a release.

    Attributes:
        network: name of its backbone, one of `models.siamese.backbones.BACKBONES`.
        model_id: of its embeddings.
        parent: the release it was compared with; a rollback makes that one active again.
        created_at: with its zone.
        evaluation: what the gate measured; numbers by name of the set.
        files: SHA-256 by file name.
        preprocessing: from a picture to the network's input, described in words.
        metric: of its scores.
    """

    network: str
    model_id: str
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
        return f"{self.created_at:%Y%m%dT%H%M%SZ}-{self.sha256[:ID_HASH_DIGITS]}"

    @property
    def sha256(self) -> str:
        """SHA-256 of the manifest, 64 hexadecimal digits."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def verify_release(folder: Path, manifest_sha256: str) -> Manifest:
    """Check that a release's folder holds what was recorded when it was made, and nothing else.

    Args:
        folder: of the release.
        manifest_sha256: of its manifest, as the register has it.

    Returns:
        the manifest.

    Raises:
        ReleaseError: absent, incomplete or altered.
    """
    manifest = read_manifest(folder)
    altered = f"release {folder.name} is altered"
    if manifest.sha256 != manifest_sha256:
        raise ReleaseError(f"{altered}: its manifest is not the one it was made with; {ROLL_BACK}")
    if set(manifest.files) != FILES:
        raise ReleaseError(f"{altered}: its manifest does not name {', '.join(sorted(FILES))}; {ROLL_BACK}")
    present = {path.name for path in folder.iterdir()} - {MANIFEST_NAME}
    if present - FILES:
        raise ReleaseError(f"{altered}: {', '.join(sorted(present - FILES))} is not part of it; {ROLL_BACK}")
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ReleaseError(f"release {folder.name} is incomplete: {name} is absent; {ROLL_BACK}")
        if sha256_of(path) != expected:
            raise ReleaseError(f"{altered}: {name} has changed; {ROLL_BACK}")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in `folder`, without checking the other files.

    Raises:
        ReleaseError: there is none, or it is not a manifest of this version.
    """
    try:
        record = json.loads((folder / MANIFEST_NAME).read_bytes())
        if record.pop("format") != MANIFEST_FORMAT:
            raise ReleaseError(
                f"release {folder.name} was made by another version of Doorward: promote another one, or "
                "train it again"
            )
        record["created_at"] = datetime.fromisoformat(record["created_at"])
        return Manifest(**record)
    except FileNotFoundError as error:
        raise ReleaseError(f"there is no release {folder.name}: see doorward releases list") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(f"release {folder.name} has no readable manifest") from error
