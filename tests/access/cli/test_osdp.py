"""The command `osdp install`, with a device at the other end of a cable."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from access.hardware.osdp_keys import read_key
from models.cli.app import main
from tests.access.hardware.osdp_peers import OTHER_KEY, Cable, DoorModule
from tests.promises.reference import check_json_line


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.close()


def run(home: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["--home", str(home), "--json", "osdp", "install", *arguments])
    return int(end.value.code or 0)


def test_it_gives_the_lock_a_key_beside_the_registers(
    tmp_path: Path, cable: Cable, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "doorward.toml").write_text(f'[lock]\nkind = "osdp"\nport = "{cable.ends[0]}"\n')
    module = DoorModule(cable.ends[1], key=None)
    assert run(tmp_path) == 0
    module.close()
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    check_json_line(line.pop("type"), line)
    assert line == {
        "table": "lock",
        "port": cable.ends[0],
        "address": 0,
        "key_file": str(tmp_path / "keys" / "osdp.key"),
    }
    assert module.key == read_key(tmp_path / "keys" / "osdp.key")


def test_a_device_with_another_key_is_a_failure_that_says_what_to_do(
    tmp_path: Path, cable: Cable, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "doorward.toml").write_text(f'[lock]\nkind = "osdp"\nport = "{cable.ends[0]}"\n')
    module = DoorModule(cable.ends[1], OTHER_KEY)
    assert run(tmp_path, "lock") == 1
    module.close()
    failure = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert failure["error"] == "lock_error"
    assert "install mode" in failure["message"]


@pytest.mark.parametrize("arguments", [(), ("lock",), ("panel",), ("camera",)])
def test_without_such_a_table_nothing_is_touched(
    tmp_path: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, *arguments) == 1
    failure = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert failure["error"] == "config_error"
    assert "kind is not osdp" in failure["message"]
    assert not (tmp_path / "keys").exists()
