"""A register with Ada (1) and Bob (2), who may pass by the face; and settings of a site without anybody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.register.register import Register
from tests.access.conftest import settings  # noqa: F401 - a fixture
from tests.access.test_locked_out import KEY, enrol


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Register]:
    """The register as an operator has it open."""
    with Register.open(tmp_path / "register.sqlite", KEY) as opened:
        enrol(opened, "Ada", 1)
        enrol(opened, "Bob", 2)
        yield opened
