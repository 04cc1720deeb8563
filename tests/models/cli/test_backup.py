"""A backup is made, put in place of the register, and used only after it was accepted."""

import json
from pathlib import Path

import pytest

from models.cli.app import main
from models.settings.load import load_settings
from models.site import open_register
from tests.models.register.faces import face


def run(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> tuple[int, dict[str, object]]:
    with pytest.raises(SystemExit) as leaving:
        main(["--home", str(home), "--json", *words])
    out, err = capsys.readouterr()
    return int(leaving.value.code or 0), json.loads((out + err).splitlines()[-1])


def test_a_restored_backup_is_used_once_it_is_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(tmp_path)
    with open_register(settings, create=True) as register:
        ada = register.add_person("Ada", [face(1)], "I agree.")
        assert run(capsys, tmp_path, "backup", str(tmp_path / "copy.sqlite"))[0] == 0
        register.erase(ada.person_id)
    (tmp_path / "copy.sqlite").replace(settings.storage.database)
    status, refused = run(capsys, tmp_path, "people")
    assert (status, refused["error"]) == (1, "register_rolled_back")
    status, accepted = run(capsys, tmp_path, "accept-backup")
    assert (status, accepted["type"], accepted["people"]) == (0, "accepted_backup", 1)
    status, person = run(capsys, tmp_path, "people")
    assert (status, person["name"]) == (0, "Ada")


def test_without_a_register_there_is_nothing_to_accept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, refused = run(capsys, tmp_path, "accept-backup")
    assert (status, refused["error"]) == (1, "register_absent")
    assert list(tmp_path.iterdir()) == []
