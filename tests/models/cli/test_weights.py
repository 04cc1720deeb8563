import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cli.output import Console
from models.cli.weights import app
from models.errors import WeightsUnavailableError
from models.release.networks import KNOWN_NETWORKS
from models.release.weights import WeightFiles


def test_list_tells_licence_and_hash_of_every_network(tmp_path: Path) -> None:
    console = Console(home=tmp_path, config=None, json=True)
    result = CliRunner().invoke(app, ["weights", "list"], obj=console)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["name"] for record in records] == [network.name for network in KNOWN_NETWORKS]
    assert all(record["licence"] and record["allows"] and not record["here"] for record in records)


def test_list_prints_a_table_of_networks(
    tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    result = CliRunner().invoke(app, ["weights", "list"], obj=Console(home=tmp_path, config=None, json=False))
    assert "sface (recognition), fetched" in result.stdout
    assert "Apache-2.0" in result.stdout


def test_fetch_takes_a_folder(tmp_path: Path, weights: WeightFiles) -> None:
    console = Console(home=tmp_path, config=None, json=True)
    source = str(weights.detector.parent)
    result = CliRunner().invoke(app, ["weights", "fetch", "--source", source], obj=console)
    record = json.loads(result.stdout)
    assert Path(record["sface"]).is_file()
    assert Path(record["sface"]).parent == tmp_path / "weights"


def test_fetch_fails_with_a_typed_error(tmp_path: Path) -> None:
    console = Console(home=tmp_path, config=None, json=True)
    result = CliRunner().invoke(app, ["weights", "fetch", "--source", "/nothing/here"], obj=console)
    assert isinstance(result.exception, WeightsUnavailableError)
    assert not (tmp_path / "weights").exists()
