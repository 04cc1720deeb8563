"""Every kind of camera or lock has settings, a maker, a contract test, and a section of its page."""

import json
import re
from typing import Any

import pytest

from access.cameras import CAMERAS
from access.hardware import HARDWARE
from models.domain import LockState
from models.settings.base import Section, kind_of
from models.settings.settings import sections
from tests.contracts import test_camera, test_lock
from tests.promises.reference import FOLDER

KINDS = {
    "camera": ("cameras.md", CAMERAS, test_camera.PEERS),
    "lock": ("hardware.md", HARDWARE, test_lock.PEERS),
}


def section_of(page: str, kind: str) -> str:
    return (FOLDER / page).read_text(encoding="utf-8").split(f"\n## {kind}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("table", KINDS)
def test_every_kind_has_settings_a_maker_a_contract_test_and_a_section(table: str) -> None:
    page, makers, peers = KINDS[table]
    kinds = {kind_of(each) for each in sections()[table]}
    headings = set(re.findall(r"^## (\w+)$", (FOLDER / page).read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert kinds == set(makers) == set(peers) == headings


@pytest.mark.parametrize(
    ("page", "settings"),
    [(KINDS[table][0], each) for table in KINDS for each in sections()[table]],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_section_of_a_kind_lists_its_settings_with_their_defaults(
    page: str, settings: type[Section]
) -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\S+) \| \S", section_of(page, str(kind_of(settings))), flags=re.MULTILINE
    )
    expected: dict[str, Any] = {
        key: "required" if field.is_required() else json.dumps(field.default, default=str)
        for key, field in settings.model_fields.items()
    }
    assert {key: default.strip("`") for key, default in rows} == expected


def test_the_states_of_a_lock_are_listed() -> None:
    text = (FOLDER / "hardware.md").read_text(encoding="utf-8").split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == set(LockState)
