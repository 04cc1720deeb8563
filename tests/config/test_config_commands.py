"""`doorward config show`."""

import json
from pathlib import Path

from typer.testing import CliRunner

from models.config_commands import app
from models.console import Console
from models.settings import setting_keys


def show(home: Path, *, as_json: bool) -> str:
    console = Console(home=home, config=None, json=as_json)
    result = CliRunner().invoke(app, ["config", "show"], obj=console, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_every_setting_is_shown_with_the_value_in_force(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text("[door]\nunlock_s = 7\n")
    rows = [json.loads(line) for line in show(tmp_path, as_json=True).splitlines()]
    assert [row["setting"] for row in rows] == setting_keys()
    assert {row["setting"]: row["value"] for row in rows}["door.unlock_s"] == 7


def test_for_people_it_is_a_table(tmp_path: Path) -> None:
    out = show(tmp_path, as_json=False)
    assert "door.unlock_s" in out
    assert "home:" in out
