"""Every kind of camera and lock has settings, a maker, a contract test and a section of the reference."""

import json
import re

import pytest

from access.cameras import CAMERAS
from access.hardware import HARDWARE
from models.domain import LockState
from models.settings.base import KIND, Section, kind_of
from models.settings.settings import sections
from tests.conftest import ROOT
from tests.contracts.test_camera import MAKERS
from tests.contracts.test_lock import KINDS

REFERENCE = ROOT / "docs" / "reference"
PAGES = {"camera": "cameras.md", "lock": "hardware.md"}
ROW = re.compile(r"^\| `(\w+)` \| (\S+) \| \S.* \|$", re.MULTILINE)


def classes_of(section: str) -> dict[str | None, type[Section]]:
    return {kind_of(each): each for each in sections()[section]}


def documented(section: str) -> dict[str, str]:
    """The text of each `## kind` of a page."""
    _, *parts = re.split(
        r"^## ", (REFERENCE / PAGES[section]).read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}


def test_the_kinds_of_cameras_are_the_same_everywhere() -> None:
    assert set(classes_of("camera")) == set(CAMERAS) == set(MAKERS) == set(documented("camera"))


def test_the_kinds_of_locks_are_the_same_everywhere() -> None:
    assert set(classes_of("lock")) == set(HARDWARE) == KINDS == set(documented("lock"))


@pytest.mark.parametrize("section", PAGES)
def test_the_page_lists_every_setting_of_each_kind_with_its_default(section: str) -> None:
    pages = documented(section)
    for kind, settings in classes_of(section).items():
        expected = {
            key: "required" if field.is_required() else json.dumps(field.default, default=str)
            for key, field in settings.model_fields.items()
            if key != KIND
        }
        listed = {key: default.strip("`") for key, default in ROW.findall(pages[str(kind)])}
        assert listed == expected, kind


def test_the_states_of_a_lock_are_listed() -> None:
    text = (REFERENCE / PAGES["lock"]).read_text(encoding="utf-8").split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == set(LockState)
