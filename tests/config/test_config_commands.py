"""`doorward config show`."""

import json
from pathlib import Path

import pytest

from models.cli import main
from models.settings import setting_keys


def test_every_setting_is_shown_with_the_value_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "doorward.toml").write_text("[door]\nunlock_s = 7\n")
    with pytest.raises(SystemExit) as leaving:
        main(["--home", str(tmp_path), "--json", "config", "show"])
    assert leaving.value.code == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["setting"] for row in rows] == setting_keys()
    assert {row["setting"]: row["value"] for row in rows}["door.unlock_s"] == 7


def test_for_people_it_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--home", str(tmp_path), "config", "show"])
    out = capsys.readouterr().out
    assert "door.unlock_s" in out
    assert "DOORWARD_DOOR__UNLOCK_S" in out
