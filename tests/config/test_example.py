from pathlib import Path

from models.config import load_settings

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "doorward.example.toml"


def test_the_example_that_we_ship_is_accepted(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, EXAMPLE)
    assert settings.camera.source == "rtsp://camera.local/stream1"
    assert settings.promise.strangers_per_day == 40
