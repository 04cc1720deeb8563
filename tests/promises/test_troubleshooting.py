"""What the page about bad input promises: every row names tests that exist and test something."""

import re

import pytest

from models import errors
from models.domain import DenyReason
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| when", "| ---"))
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_is_held_true_by_tests(row: list[str]) -> None:
    assert len(row) == 5
    assert all(row)
    named = re.findall(r"`([a-z_/]+/test_[a-z_]+\.py)`", row[4])
    assert row[4] == ", ".join(f"`{name}`" for name in named)
    for name in named:
        source = (ROOT / "tests" / name).read_text(encoding="utf-8")
        assert re.search(r"^def test_", source, flags=re.MULTILINE), f"{name} tests nothing"


def test_every_failure_that_the_page_names_exists() -> None:
    assert len(ROWS) > 25
    words = set(re.findall(r"`(\w+Error)`", PAGE)) | set(re.findall(r"`(\w+_fault)`", PAGE))
    assert words
    assert all(hasattr(errors, word) or word in set(DenyReason) for word in words)
