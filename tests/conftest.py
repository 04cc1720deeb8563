"""What every test may ask for."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from models.cli import output
from models.cli.output import LineType, json_line
from models.release.weights import WeightFiles, ensure_weights

ROOT = Path(__file__).resolve().parent.parent

from tests.promises.reference import check_json_line  # noqa: E402 - it needs ROOT


@pytest.fixture(autouse=True)
def _json_lines_are_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a command writes with --json in any test has the keys that docs/reference/json.md lists."""

    def checked(kind: LineType, record: Mapping[str, Any]) -> str:
        check_json_line(kind, record)
        return json_line(kind, record)

    monkeypatch.setattr(output, "json_line", checked)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real faces; skips with a reason where it is absent, fails where it is required."""
    folder = Path(os.environ.get("DOORWARD_SHARED", ROOT.parent / "shared"))
    if not (folder / "data" / "lfw_dev" / "images").is_dir():
        if os.environ.get("DOORWARD_REQUIRE_SHARED"):
            pytest.fail(f"DOORWARD_REQUIRE_SHARED is set, but there are no real faces at {folder}")
        pytest.skip(f"no real faces at {folder.name}: set DOORWARD_SHARED to run this test")
    return folder


@pytest.fixture(scope="session")
def weights() -> WeightFiles:
    """The pretrained networks, fetched once for the working copy."""
    return ensure_weights(ROOT / ".doorward" / "weights")
