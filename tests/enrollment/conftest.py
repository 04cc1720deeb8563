"""A register of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.register.register import Register
from tests.enrollment.painted import PaintedDesk, desk


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    with Register.open(tmp_path / "register.sqlite", bytes(32)) as opened:
        yield opened


@pytest.fixture
def service(register: Register) -> PaintedDesk:
    return desk(register)
