"""What an operator writes is either meant and in force, or refused with advice."""

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ConfigError
from models.settings.base import KIND
from models.settings.load import OTHER_VARIABLES, default_home, load_settings
from models.settings.settings import LISTS, keys_of, sections, setting_keys, variable_name
from models.vision.quality import DOOR
from tests.conftest import ROOT

DOCS = ROOT / "docs" / "reference" / "settings.md"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DOORWARD_")]:
        monkeypatch.delenv(name)


def write(home: Path, text: str) -> Path:
    (home / "doorward.toml").write_text(text)
    return home


def test_without_a_file_everything_is_default_and_nothing_is_created(tmp_path: Path) -> None:
    home = tmp_path / "nobody-made-this"
    settings = load_settings(home)
    assert settings.home == home
    assert settings.door.unlock_s == 5.0
    assert settings.storage.database == str(home / "register.sqlite")
    assert settings.storage.key_file == home / "keys" / "register.key"
    assert settings.weights.folder == home / "weights"
    assert not home.exists()


def test_the_file_changes_the_default_and_the_environment_changes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = write(tmp_path, '[door]\nid = "workshop"\nunlock_s = 7\n')
    assert load_settings(home).door.unlock_s == 7
    monkeypatch.setenv("DOORWARD_DOOR__UNLOCK_S", "9.5")
    door = load_settings(home).door
    assert (door.id, door.unlock_s) == ("workshop", 9.5)


def test_the_home_given_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_HOME", str(tmp_path / "from-environment"))
    assert load_settings().home == tmp_path / "from-environment"
    assert load_settings(tmp_path / "given").home == tmp_path / "given"


def test_the_default_home_is_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert load_settings().home == tmp_path / "doorward"
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/invalid")
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    assert default_home() == tmp_path / "ada" / ".local" / "share" / "doorward"


def test_absolute_paths_are_left_alone(tmp_path: Path) -> None:
    home = write(tmp_path, f'[storage]\nkey_file = "{tmp_path}/usb/site.key"\n')
    assert load_settings(home).storage.key_file == tmp_path / "usb" / "site.key"


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("[door]\nunlock_z = 7\n", "door.unlock_z", "door.unlock_s"),
        ("[dor]\nunlock_s = 7\n", "dor.unlock_s", "door.unlock_s"),
        ("[door]\ntarget_far = 0.1\n", "door.target_far", "error_rates.target_far"),
        ("unlock_s = 7\n", "unlock_s", "door.unlock_s"),
        ("[cmera]\n", "cmera", "camera"),
        ('home = "/tmp"\n', "home", ""),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(
    tmp_path: Path, text: str, unknown: str, nearest: str
) -> None:
    with pytest.raises(ConfigError, match=rf"no setting {re.escape(unknown)}; did you mean {nearest}"):
        load_settings(write(tmp_path, text))


@given(name=st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=20))
def test_no_unknown_name_is_ever_ignored(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    home = write(tmp_path_factory.mktemp("home"), f"[door]\n{name} = 1\n")
    if name in keys_of("door"):
        return
    with pytest.raises(ConfigError, match=name):
        load_settings(home)


@pytest.mark.parametrize(
    "name",
    [
        "DOORWARD_DOOR__UNLOCK_Z",
        "DOORWARD_UNLOCK_S",
        "DOORWARD_DOOR",
        "doorward_door__x",
        "DOORWARD_DOOR__PORT",
        "DOORWARD_LOCK__SERVICE_PORT",
        "DOORWARD_PORT_80",
        "DOORWARD_HOST",
    ],
)
def test_an_unknown_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "7")
    with pytest.raises(ConfigError, match=rf"{name} is no setting; did you mean DOORWARD_"):
        load_settings(tmp_path)


def test_the_variables_that_are_no_settings_are_let_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OTHER_VARIABLES - {"DOORWARD_CONFIG"}:
        monkeypatch.setenv(name, str(tmp_path))
    assert load_settings().home == tmp_path


@pytest.mark.parametrize("service", ["DOORWARD", "DOORWARD_NORTH_2"])
def test_what_kubernetes_says_of_a_service_with_our_name_is_let_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    link = "tcp://10.0.0.11:8080"
    for name, value in {
        "SERVICE_HOST": "10.0.0.11",
        "SERVICE_PORT": "8080",
        "SERVICE_PORT_HTTP": "8080",
        "PORT": link,
        "PORT_8080_TCP": link,
        "PORT_8080_TCP_PROTO": "tcp",
        "PORT_8080_TCP_PORT": "8080",
        "PORT_8080_TCP_ADDR": "10.0.0.11",
    }.items():
        monkeypatch.setenv(f"{service}_{name}", value)
    assert load_settings(tmp_path).home == tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[door]\nunlock_s = "soon"\n', r"door.unlock_s = 'soon': .*valid number.*DOORWARD_DOOR__UNLOCK_S"),
        ("[door]\nunlock_s = -1\n", r"door.unlock_s = -1: .*greater than 0"),
        ("[door]\nunlock_s = nan\n", r"door.unlock_s = nan: .*finite number"),
        ("[door]\nunlock_s = inf\n", r"door.unlock_s = inf"),
        ('[lock]\nkind = "rope"\n', r"lock.kind = 'rope': .*'simulated'"),
        ("[decision]\nmin_frames = 2.5\n", r"decision.min_frames = 2.5: .*integer"),
        ("[error_rates]\ntarget_far = 0\n", r"error_rates.target_far = 0"),
        ("door = 5\n", r"door = 5"),
        ('[site]\ntime_zone = "Mars/Base"\n', r"site.time_zone = 'Mars/Base': invalid timezone"),
        ('[site]\ntime_zone = "../UTC"\n', r"site.time_zone = '../UTC'"),
        ("[decision]\nwindow_s = 12\n", r"visit_s is 10.0, less than window_s, 12.0: .*make visit_s longer"),
        ("[quality]\nmin_brightness = 200\nmax_brightness = 100\n", r"min_brightness.*max_brightness"),
    ],
)
def test_a_wrong_value_names_the_key_the_value_and_what_is_allowed(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_settings(write(tmp_path, text))


def test_the_time_zone_is_the_machines_unless_it_is_named(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "other").site.time_zone is None
    assert load_settings(write(tmp_path, '[site]\ntime_zone = "Europe/Berlin"\n')).site.time_zone == ZoneInfo(
        "Europe/Berlin"
    )


def test_a_file_that_is_not_toml_or_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not TOML"):
        load_settings(write(tmp_path, "door: front"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path, tmp_path / "absent.toml")
    (tmp_path / "doorward.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_settings(tmp_path)


def test_settings_cannot_be_changed_at_run_time(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.door.unlock_s = 60.0  # type: ignore[misc]


def test_the_quality_settings_are_the_doors_limits(tmp_path: Path) -> None:
    assert load_settings(tmp_path).quality.model_dump() == asdict(DOOR)


def test_the_documentation_lists_every_setting_with_its_default() -> None:
    documented: dict[str, list[str]] = {}
    section = ""
    for line in DOCS.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif section in {*sections(), *LISTS} and (row := re.match(r"\| `(\w+)` \| (\S+) \| \S", line)):
            documented.setdefault(f"{section}.{row[1]}", []).append(row[2].strip("`"))
    assert {key: set(defaults) for key, defaults in documented.items()} == defaults_by_key()


def defaults_by_key() -> dict[str, set[str]]:
    """The defaults of every setting, one for each kind that has another; `required` where there is none."""
    found: dict[str, set[str]] = {}
    for name, classes in [*sections().items(), *((name, (kind,)) for name, kind in LISTS.items())]:
        for key, field in [item for each in classes for item in each.model_fields.items()]:
            default = "required" if field.is_required() else json.dumps(field.default, default=str)
            if key == KIND and len(classes) > 1:
                default = "found"
            found.setdefault(f"{name}.{key}", set()).add("unset" if default == "null" else default)
    return found


def test_the_documentation_lists_every_other_variable() -> None:
    text = DOCS.read_text()
    assert [name for name in sorted(OTHER_VARIABLES) if f"`{name}`" not in text] == []


def test_every_setting_has_its_own_variable() -> None:
    names = [variable_name(key) for key in setting_keys()]
    assert len(set(names) | OTHER_VARIABLES) == len(names) + len(OTHER_VARIABLES)


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("[promise]\ntarget_fpir = 0.1\n", "error_rates.target_far"),
        ("[promise]\n", "error_rates"),
        ("[detector]\nmin_face_px = 20\n", "detector.min_box_px"),
        ("[decision]\nmin_likeness = 0.3\n", "decision.same_face_score"),
    ],
)
def test_an_old_name_is_refused_with_the_new_one(tmp_path: Path, text: str, renamed: str) -> None:
    with pytest.raises(ConfigError, match=rf"is called {re.escape(renamed)} now"):
        load_settings(write(tmp_path, text))


def test_an_old_variable_is_refused_with_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_PROMISE__TARGET_FPIR", "0.1")
    with pytest.raises(ConfigError, match="is called DOORWARD_ERROR_RATES__TARGET_FAR now"):
        load_settings(tmp_path)


def test_the_quality_limit_of_the_same_name_has_kept_it(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "[quality]\nmin_face_px = 60\n")).quality.min_face_px == 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[camera]\nsource = "rtsp://camera/1"\nwidth = 1280\n',
            r"camera.width = 1280: a camera of kind stream has no such setting, only one of kind device",
        ),
        (
            '[camera]\nkind = "film"\nsource = 0\n',
            r"camera.kind = 'film': input should be 'device', 'stream'",
        ),
        ("[camera]\nsource = 0\nwidth = 3\n", r"camera.width = 3: .*greater than or equal to 64"),
        ('[camera]\nsource = "webcam"\n', r"camera: the source 'webcam' is not one of: a device number"),
        ("[camera]\nsource = true\n", r"camera: the source"),
    ],
)
def test_a_setting_of_one_kind_of_camera_is_explained_without_the_kind_in_its_name(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_settings(write(tmp_path, text))


def test_the_environment_names_a_camera_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = write(tmp_path, "[camera]\nsource = 0\nwidth = 1280\n")
    monkeypatch.setenv("DOORWARD_CAMERA__SOURCE", "/dev/video2")
    monkeypatch.setenv("DOORWARD_CAMERA__STALE_S", "0.25")
    camera = load_settings(home).camera
    assert (camera.kind, camera.source, camera.stale_s) == ("device", "/dev/video2", 0.25)
