"""Killed before any statement, the register holds all of a change or nothing of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT


def states_after_kills(action: str, folder: Path) -> list[dict[str, Any]]:
    """What the register held after each kill; the last one is after the action was let run to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.register.killing", action, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    states = [json.loads(line) for line in done.stdout.splitlines()]
    assert [state.pop("killed") for state in states] == [True] * (len(states) - 1) + [False]
    return states


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "fewest_kills", "before", "after"),
    [
        (
            "enrol",
            10,
            {"people": {"Ada": 1}, "crops": 1, "consents": 1},
            {"people": {"Ada": 1, "Grace": 2}, "crops": 3, "consents": 2},
        ),
        (
            "erase",
            6,
            {"people": {"Ada": 1}, "crops": 1, "consents": 1},
            {"people": {}, "crops": 0, "consents": 0},
        ),
    ],
)
def test_a_killed_change_is_whole_or_absent(
    tmp_path: Path, action: str, fewest_kills: int, before: dict[str, Any], after: dict[str, Any]
) -> None:
    states = states_after_kills(action, tmp_path)
    assert len(states) > fewest_kills
    start = states[0]
    for state in states:
        assert state in (start, states[-1])
    assert {key: start[key] for key in before} == before
    assert {key: states[-1][key] for key in after} == after


@pytest.mark.slow
def test_a_killed_promotion_has_changed_nothing_that_doors_see_or_all(tmp_path: Path) -> None:
    states = states_after_kills("activate", tmp_path)
    assert len(states) > 6
    prepared = [state.pop("next") for state in states]
    assert (states[0]["active"], states[-1]["active"]) == (None, "release-b")
    for state, templates in zip(states, prepared, strict=True):
        assert state in (states[0], states[-1])
        assert templates == 1 or state == states[0]


@pytest.mark.slow
@pytest.mark.parametrize("action", ["rotate", "create"])
def test_a_killed_rotation_or_first_start_changes_nothing_that_can_be_read(
    tmp_path: Path, action: str
) -> None:
    states = states_after_kills(action, tmp_path)
    assert len(states) > 6
    assert all(state == states[0] for state in states)
