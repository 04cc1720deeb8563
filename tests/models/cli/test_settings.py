"""`doorward config show`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cli.output import Console
from models.cli.settings import app
from models.settings.load import load_settings
from models.settings.settings import setting_keys


def show(home: Path, *, as_json: bool) -> str:
    console = Console(home=home, config=None, json=as_json)
    result = CliRunner().invoke(app, ["config", "show"], obj=console, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_every_setting_is_shown_with_the_value_in_force(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text("[door]\nunlock_s = 7\n")
    rows = [json.loads(line) for line in show(tmp_path, as_json=True).splitlines()]
    shown = [row["setting"] for row in rows]
    assert shown == [key for key in setting_keys() if key in shown]
    absent = set(setting_keys()) - set(shown)
    assert {key for key in absent if key.split(".")[0] not in {"lock", "reader", "panel"}} == {
        "camera.width",
        "camera.height",
        "camera.timestamps",
        "camera.lost_s",
        "camera.frozen_s",
    }, "only what a synthetic camera has not"
    assert {"lock.kind", "reader.kind", "panel.kind"} <= set(shown)
    assert {row["setting"]: row["value"] for row in rows}["door.unlock_s"] == 7


def test_config_show_prints_a_settings_file_without_json(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text('[camera]\nsource = "device:1"\n[site]\nname = "Zoë [x]"\n')
    before = load_settings(tmp_path)
    (tmp_path / "doorward.toml").write_text(show(tmp_path, as_json=False))
    assert load_settings(tmp_path) == before
    assert before.camera.kind == "device"


@pytest.mark.parametrize("as_json", [True, False])
def test_config_show_hides_the_password_of_a_camera(tmp_path: Path, as_json: bool) -> None:
    (tmp_path / "doorward.toml").write_text(
        '[camera]\nsource = "rtsp://admin:h@nter/2@camera.lan:554/live"\n'
    )
    shown = show(tmp_path, as_json=as_json)
    assert "rtsp://***@camera.lan:554/live" in shown
    assert "nter" not in shown
    assert "admin" not in shown
