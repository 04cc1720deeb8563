from pathlib import Path

from models.settings.load import load_settings
from tests.conftest import ROOT

EXAMPLE = ROOT / "deploy" / "doorward.example.toml"


def test_the_example_that_we_ship_is_accepted(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, EXAMPLE)
    assert settings.camera.source == "rtsp://camera.local/stream1"
    assert settings.error_rates.strangers_per_day == 40
