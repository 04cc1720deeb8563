"""Files are written whole or not at all, and never wider than asked."""

import os
from pathlib import Path

import pytest

from models.storage.files import write_atomically


def test_a_private_file_is_private_before_anything_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(b"an older one that others could read")
    path.chmod(0o644)
    opened: list[tuple[int, int]] = []
    wrap = os.fdopen

    def look_then_wrap(descriptor: int, mode: str) -> object:
        opened.append((os.fstat(descriptor).st_mode & 0o777, os.fstat(descriptor).st_size))
        return wrap(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", look_then_wrap)
    before = os.umask(0)
    try:
        write_atomically(path, b"a face", 0o600)
    finally:
        os.umask(before)
    assert opened == [(0o600, 0)]
    assert path.read_bytes() == b"a face"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_other_files_have_the_rights_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640
