"""A register of its own for every test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.register.register import Register
from models.storage.keys import KeyFile


@pytest.fixture
def key_file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys" / "register.key")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "register.sqlite"


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty register: copying it is quicker than running the migrations."""
    home = tmp_path_factory.mktemp("empty-home")
    Register.open(home / "register.sqlite", KeyFile(home / "keys" / "register.key")).close()
    return home


@pytest.fixture
def register(empty_home: Path, tmp_path: Path, database: Path, key_file: KeyFile) -> Iterator[Register]:
    shutil.copytree(empty_home, tmp_path, dirs_exist_ok=True)
    with Register.open(database, key_file, busy_timeout_s=0.2) as opened:
        yield opened
