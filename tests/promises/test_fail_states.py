"""docs/operations/fail-states.md: every fault has tests that run, and the words of the screen."""

import re

import pytest

from access.display.words import words_of
from models.events import AlarmReason, NoticeReason
from tests.conftest import ROOT
from tests.promises.test_troubleshooting import CODES, TEST_NAME, check_test, rows_of

PAGE = (ROOT / "docs" / "operations" / "fail-states.md").read_text(encoding="utf-8")
FAULTS_PART, _, TESTS_PART = PAGE.partition("\n## Tests behind each fault\n")
FAULTS = [row for row in rows_of(FAULTS_PART) if len(row) == 4]
TESTS_OF = rows_of(TESTS_PART)
METRICS = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")


def test_every_fault_stands_there_once_and_has_tests() -> None:
    names = [row[0] for row in FAULTS]
    assert len(names) > 50
    assert len(set(names)) == len(names)
    assert [row[0] for row in TESTS_OF] == names
    assert all(all(row) for row in FAULTS)


@pytest.mark.parametrize("row", TESTS_OF, ids=lambda row: row[0])
def test_every_fault_is_brought_about_by_tests_that_run_and_assert(row: list[str]) -> None:
    named = re.findall(TEST_NAME, row[1])
    assert row[1] == ", ".join(f"`{file}::{name}`" for file, name in named)
    assert len(set(named)) == len(named) > 0
    for file, name in named:
        check_test(file, name)


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row[0])
def test_what_the_visitor_sees_is_said_by_the_screen_in_these_words(row: list[str]) -> None:
    words = words_of("en")
    known = set(words["headline"].values()) | set(words["message"].values())
    assert set(re.findall(r'"([^"]+)"', row[2])) <= known


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row[0])
def test_every_code_exists(row: list[str]) -> None:
    named = {word for cell in row for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", cell)}
    events = {str(reason) for kind in (AlarmReason, NoticeReason) for reason in kind}
    metrics = {word for word in named if word.startswith("doorward_")}
    assert named - metrics <= CODES | events
    assert all(metric.removesuffix("_total") in METRICS for metric in metrics)
