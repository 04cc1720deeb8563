import dataclasses
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.errors import ReleaseError
from models.evaluation.reference import reference_for
from models.register.records import ReleaseRecord
from models.register.register import Register
from models.release import store
from models.release.manifest import (
    FILES,
    MANIFEST_NAME,
    PREPROCESSING,
    STRANGERS_NAME,
    Manifest,
)
from models.release.store import (
    ENCODER_NAME,
    PRETRAINED_ID,
    Strangers,
    active_release,
    check_release,
    load_release,
    pretrained_release,
    releases_folder,
    remove_drafts,
    save_release,
)
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.settings.settings import Settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home")


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    path = tmp_path / "challenger.onnx"
    path.write_bytes(b"a network" * 1000)
    return path


def manifest(created_at: datetime = NOON, model_id: str = "sface-site-1") -> Manifest:
    return Manifest(
        network="sface",
        model_id=model_id,
        parent=PRETRAINED_ID,
        created_at=created_at,
        evaluation={"site_fnmr": 0.01},
        files={},
        preprocessing=PREPROCESSING,
    )


STRANGERS = Strangers(np.linspace(0.1, 0.5, 40, dtype=np.float32), searched=20)


@pytest.fixture
def register(settings: Settings) -> Iterator[Register]:
    with Register.open(settings.storage.database, bytes(32)) as register:
        yield register


def record(register: Register, manifest: Manifest) -> str:
    register.record_release(
        ReleaseRecord(
            manifest.release_id, manifest.sha256, manifest.parent, True, {}, None, (), manifest.created_at
        )
    )
    return manifest.release_id


def make(settings: Settings, register: Register, encoder: Path, made: Manifest | None = None) -> str:
    """Save and record a release; returns its id."""
    return record(register, save_release(releases_folder(settings), encoder, STRANGERS, made or manifest()))


def test_a_saved_release_comes_back_whole(settings: Settings, register: Register, encoder: Path) -> None:
    release_id = make(settings, register, encoder)
    release = load_release(settings, register, release_id)
    assert release.release_id == release_id
    assert release.encoder_path.read_bytes() == encoder.read_bytes()
    saved, _ = check_release(settings, register, release_id)
    assert saved.parent == PRETRAINED_ID
    assert saved.evaluation == {"site_fnmr": 0.01}
    assert saved.preprocessing == PREPROCESSING
    assert set(saved.files) == {path.name for path in release.encoder_path.parent.iterdir()} - {MANIFEST_NAME}


def test_an_own_release_brings_its_own_strangers(
    settings: Settings, register: Register, encoder: Path
) -> None:
    release = load_release(settings, register, make(settings, register, encoder))
    tail = reference_for(release)
    assert tail is not None
    assert tail.searches == 40
    # One stranger in four scores above 0.4 in a gallery of 20.
    assert tail.fpir(0.4, 20) == pytest.approx(0.25, abs=0.05)


def test_too_few_strangers_make_no_release(settings: Settings, encoder: Path) -> None:
    few = Strangers(STRANGERS.best[:29], searched=15)
    with pytest.raises(ReleaseError, match=r"only 29 strangers.*--general"):
        save_release(releases_folder(settings), encoder, few, manifest())
    assert not releases_folder(settings).exists()


def test_ids_differ_when_anything_differs(settings: Settings, encoder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another network")
    folder = releases_folder(settings)
    ids = {
        save_release(folder, encoder, STRANGERS, manifest()).release_id,
        save_release(folder, other, STRANGERS, manifest()).release_id,
        save_release(folder, encoder, STRANGERS, manifest(model_id="sface-site-2")).release_id,
    }
    assert len(ids) == 3


@pytest.mark.parametrize("name", [ENCODER_NAME, STRANGERS_NAME, MANIFEST_NAME])
def test_an_altered_file_is_refused(settings: Settings, register: Register, encoder: Path, name: str) -> None:
    release_id = make(settings, register, encoder)
    path = releases_folder(settings) / release_id / name
    content = path.read_bytes()
    path.write_bytes(content.replace(b"site-1", b"site-2") if name == MANIFEST_NAME else content[:-1] + b"x")
    with pytest.raises(ReleaseError, match="altered"):
        load_release(settings, register, release_id)


@pytest.mark.parametrize("name", [ENCODER_NAME, STRANGERS_NAME, MANIFEST_NAME])
def test_an_absent_file_is_refused(settings: Settings, register: Register, encoder: Path, name: str) -> None:
    release_id = make(settings, register, encoder)
    (releases_folder(settings) / release_id / name).unlink()
    with pytest.raises(ReleaseError, match=r"incomplete|no release"):
        load_release(settings, register, release_id)


def test_a_file_that_is_not_part_of_a_release_is_refused(
    settings: Settings, register: Register, encoder: Path
) -> None:
    release_id = make(settings, register, encoder)
    (releases_folder(settings) / release_id / "encoder.bin").write_bytes(b"weights beside the network")
    with pytest.raises(ReleaseError, match=r"encoder\.bin is not part of it"):
        load_release(settings, register, release_id)


@pytest.mark.parametrize("files", [{}, {ENCODER_NAME: "0" * 64}, dict.fromkeys([*FILES, "more"], "0" * 64)])
def test_a_manifest_that_does_not_name_the_files_is_refused(
    settings: Settings, register: Register, files: dict[str, str]
) -> None:
    made = dataclasses.replace(manifest(), files=files)
    folder = releases_folder(settings) / record(register, made)
    folder.mkdir(parents=True)
    (folder / MANIFEST_NAME).write_bytes(made.to_bytes())
    (folder / ENCODER_NAME).write_bytes(b"any network")
    with pytest.raises(ReleaseError, match=r"does not name encoder\.onnx, strangers\.npz"):
        load_release(settings, register, made.release_id)


def test_a_release_that_was_not_made_here_is_refused(
    settings: Settings, register: Register, encoder: Path
) -> None:
    """Anybody who can write the folder can make one whose hashes agree with one another."""
    planted = save_release(releases_folder(settings), encoder, STRANGERS, manifest())
    with pytest.raises(ReleaseError, match=f"no release {planted.release_id} in the register"):
        load_release(settings, register, planted.release_id)


def test_another_manifest_under_a_known_id_is_refused(
    settings: Settings, register: Register, encoder: Path
) -> None:
    """The id holds 64 bits of the hash; the register has all 256."""
    release_id = make(settings, register, encoder)
    other = save_release(releases_folder(settings), encoder, STRANGERS, manifest(model_id="planted"))
    shutil.rmtree(releases_folder(settings) / release_id)
    (releases_folder(settings) / other.release_id).rename(releases_folder(settings) / release_id)
    with pytest.raises(ReleaseError, match="not the one it was made with"):
        load_release(settings, register, release_id)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", json.dumps({"format": 99}).encode()])
def test_a_malformed_manifest_is_refused(
    settings: Settings, register: Register, encoder: Path, content: bytes
) -> None:
    release_id = make(settings, register, encoder)
    (releases_folder(settings) / release_id / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(ReleaseError, match=r"manifest|version"):
        load_release(settings, register, release_id)


def test_a_release_that_does_not_exist_is_named(settings: Settings, register: Register) -> None:
    with pytest.raises(ReleaseError, match="no release nothing"):
        load_release(settings, register, "nothing")


def test_a_full_disk_leaves_no_trace(
    settings: Settings, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", interrupt)
    with pytest.raises(ReleaseError, match="No space left"):
        save_release(releases_folder(settings), encoder, STRANGERS, manifest())
    assert list(releases_folder(settings).iterdir()) == []


def test_a_killed_runs_draft_is_no_release_and_is_swept(settings: Settings) -> None:
    draft = releases_folder(settings) / f"{store.DRAFT_PREFIX}killed"
    draft.mkdir(parents=True)
    (draft / ENCODER_NAME).write_bytes(b"half")
    remove_drafts(releases_folder(settings))
    assert not draft.exists()


def test_the_pretrained_release_is_the_published_network(
    tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    release = pretrained_release(load_settings(home=tmp_path))
    assert release.release_id == PRETRAINED_ID
    assert release.encoder_path == weights.sface


def test_without_a_promotion_the_pretrained_release_is_active(
    settings: Settings, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    settings = load_settings(home=settings.home)
    with Register.open(settings.storage.database, bytes(32)) as register:
        assert active_release(settings, register) == pretrained_release(settings)


@pytest.mark.parametrize("form", ["/{0}", "../{1}/{0}", "{0}/", "{0}/../{0}", "", ".", "..", "{0}\n"])
def test_an_id_that_is_a_path_leaves_no_folder(
    settings: Settings, register: Register, encoder: Path, form: str
) -> None:
    release_id = make(settings, register, encoder)
    elsewhere = releases_folder(settings)
    name = form.format(f"{elsewhere}/{release_id}" if form.startswith("/") else release_id, elsewhere.name)
    with pytest.raises(ReleaseError, match="there is no release"):
        load_release(settings, register, name)
