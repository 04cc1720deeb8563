import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import ReleaseError
from models.register.register import Register
from models.release import store
from models.release.manifest import MANIFEST_NAME, PREPROCESSING, Manifest, Thresholds, verify_release
from models.release.store import (
    ENCODER_NAME,
    PRETRAINED_ID,
    active_release,
    list_releases,
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
        thresholds=Thresholds(identify=0.6, verify=0.5, duplicate=0.55),
        parent=PRETRAINED_ID,
        created_at=created_at,
        evaluation={"site_fnmr": 0.01},
        files={},
        preprocessing=PREPROCESSING,
    )


def test_a_saved_release_comes_back_whole(settings: Settings, encoder: Path) -> None:
    release_id = save_release(releases_folder(settings), encoder, manifest())
    release = load_release(settings, release_id)
    assert release.release_id == release_id
    assert release.encoder_path.read_bytes() == encoder.read_bytes()
    saved = verify_release(release.encoder_path.parent)
    assert saved.parent == PRETRAINED_ID
    assert saved.evaluation == {"site_fnmr": 0.01}
    assert saved.preprocessing == PREPROCESSING


def test_releases_are_listed_oldest_first(settings: Settings, encoder: Path) -> None:
    assert list_releases(settings) == []
    folder = releases_folder(settings)
    newer = save_release(folder, encoder, manifest(NOON + timedelta(days=1)))
    older = save_release(folder, encoder, manifest(NOON))
    assert [release_id for release_id, _ in list_releases(settings)] == [older, newer]


def test_ids_differ_when_anything_differs(settings: Settings, encoder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another network")
    folder = releases_folder(settings)
    ids = {
        save_release(folder, encoder, manifest()),
        save_release(folder, other, manifest()),
        save_release(folder, encoder, manifest(model_id="sface-site-2")),
    }
    assert len(ids) == 3


@pytest.mark.parametrize("name", [ENCODER_NAME, MANIFEST_NAME])
def test_an_altered_file_is_refused(settings: Settings, encoder: Path, name: str) -> None:
    release_id = save_release(releases_folder(settings), encoder, manifest())
    path = releases_folder(settings) / release_id / name
    path.write_bytes(path.read_bytes().replace(b"a network", b"A network").replace(b"0.6", b"0.1"))
    with pytest.raises(ReleaseError, match="altered"):
        load_release(settings, release_id)


@pytest.mark.parametrize("name", [ENCODER_NAME, MANIFEST_NAME])
def test_an_absent_file_is_refused(settings: Settings, encoder: Path, name: str) -> None:
    release_id = save_release(releases_folder(settings), encoder, manifest())
    (releases_folder(settings) / release_id / name).unlink()
    with pytest.raises(ReleaseError, match=r"incomplete|no release"):
        load_release(settings, release_id)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", json.dumps({"format": 99}).encode()])
def test_a_malformed_manifest_is_refused(settings: Settings, encoder: Path, content: bytes) -> None:
    release_id = save_release(releases_folder(settings), encoder, manifest())
    (releases_folder(settings) / release_id / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(ReleaseError, match=r"manifest|version"):
        load_release(settings, release_id)


def test_a_release_that_does_not_exist_is_named(settings: Settings) -> None:
    with pytest.raises(ReleaseError, match="no release nothing"):
        load_release(settings, "nothing")


def test_a_full_disk_leaves_no_trace(
    settings: Settings, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", interrupt)
    with pytest.raises(ReleaseError, match="No space left"):
        save_release(releases_folder(settings), encoder, manifest())
    assert list(releases_folder(settings).iterdir()) == []


def test_a_killed_runs_draft_is_no_release_and_is_swept(settings: Settings) -> None:
    draft = releases_folder(settings) / f"{store.DRAFT_PREFIX}killed"
    draft.mkdir(parents=True)
    (draft / ENCODER_NAME).write_bytes(b"half")
    assert list_releases(settings) == []
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


def test_a_manifest_that_does_not_name_the_network_is_refused(settings: Settings) -> None:
    bare = manifest()  # names no file, so that no hash would be compared
    folder = releases_folder(settings) / bare.release_id
    folder.mkdir(parents=True)
    (folder / MANIFEST_NAME).write_bytes(bare.to_bytes())
    (folder / ENCODER_NAME).write_bytes(b"any network")
    with pytest.raises(ReleaseError, match=r"does not name encoder\.onnx"):
        load_release(settings, bare.release_id)


@pytest.mark.parametrize("form", ["/{0}", "../{1}/{0}", "{0}/", "{0}/../{0}", "", ".", "..", "{0}\n"])
def test_an_id_that_is_a_path_leaves_no_folder(settings: Settings, encoder: Path, form: str) -> None:
    release_id = save_release(releases_folder(settings), encoder, manifest())
    elsewhere = releases_folder(settings)
    name = form.format(f"{elsewhere}/{release_id}" if form.startswith("/") else release_id, elsewhere.name)
    with pytest.raises(ReleaseError, match="there is no release"):
        load_release(settings, name)
