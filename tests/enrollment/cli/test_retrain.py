import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.cli.app import build_app
from models.cli.output import Console
from models.errors import ReleaseError, TrainingError
from models.register.register import Register
from models.release.store import PRETRAINED_ID, active_release, pretrained_release
from models.release.weights import WeightFiles
from models.storage.keys import KeyFile
from tests.enrollment.retraining.small import activate_champion, add_release, enrol, people


@pytest.fixture
def console(tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    return Console(home=tmp_path, config=None, json=True)


@pytest.fixture
def register(console: Console) -> Register:
    storage = console.settings.storage
    with Register.open(storage.database, KeyFile(storage.key_file)) as register:
        yield register


def doorward(console: Console, *arguments: str) -> Result:
    options = ["--home", str(console.home), *(["--json"] if console.json else [])]
    return CliRunner().invoke(build_app(), [*options, *arguments])


def records(result: Result) -> list[dict]:
    assert result.exception is None, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_fresh_site_uses_the_pretrained_release(console: Console) -> None:
    assert records(doorward(console, "releases", "list")) == [
        {
            "type": "release",
            "release": PRETRAINED_ID,
            "active": True,
            "created_at": None,
            "passed": None,
            "override_reason": None,
        }
    ]


@pytest.mark.slow
def test_releases_are_listed_shown_and_rolled_back(console: Console, register: Register) -> None:
    enrol(register, pretrained_release(console.settings), people(0, 2))
    release_id = activate_champion(console.settings, register)
    listed = records(doorward(console, "releases", "list"))
    assert [record["active"] for record in listed] == [False, True]
    (shown,) = records(doorward(console, "releases", "show", release_id))
    assert shown["parent"] == PRETRAINED_ID
    assert (shown["passed"], shown["override_reason"], shown["trained_on"]) == (True, None, 0)
    assert records(doorward(console, "rollback")) == [
        {"type": "release", "release": PRETRAINED_ID, "active": True}
    ]
    assert active_release(console.settings, register).release_id == PRETRAINED_ID
    assert records(doorward(console, "promote", release_id)) == [
        {"type": "release", "release": release_id, "active": True}
    ]
    # The thresholds were found again for the release in use.
    assert register.latest_calibration(release_id) is not None


def test_people_read_plain_text(console: Console, register: Register) -> None:
    release_id = activate_champion(console.settings, register)
    plain = Console(home=console.home, config=None, json=False)
    assert f"* {release_id}  from {PRETRAINED_ID}" in doorward(plain, "releases", "list").stdout
    assert "The gate let it through." in doorward(plain, "releases", "show", release_id).stdout


@pytest.mark.slow
def test_a_release_used_without_a_verdict_is_marked_everywhere(console: Console, register: Register) -> None:
    release_id = add_release(console.settings, register, passed=False)
    refused = doorward(console, "promote", release_id)
    assert isinstance(refused.exception, ReleaseError)
    assert "not let through by the gate" in str(refused.exception)
    assert register.active_release_id() is None
    used = doorward(console, "promote", release_id, "--override", "a trial [red]")
    assert "not on the gate's: a trial [red]" in used.stderr
    assert register.active_release_id() == release_id
    listed = records(doorward(console, "releases", "list"))[-1]
    assert (listed["passed"], listed["override_reason"]) == (False, "a trial [red]")
    plain = Console(home=console.home, config=None, json=False)
    marked = "WITHOUT THE GATE'S VERDICT: a trial [red]"
    for command in (["list"], ["show", release_id]):
        assert marked in doorward(plain, "releases", *command).stdout
    assert any(
        check["part"] == "release" and marked.split(":", maxsplit=1)[0] in check["detail"]
        for check in map(json.loads, doorward(console, "doctor", "--no-camera").stdout.splitlines())
    )


def test_what_is_not_there_is_a_typed_error(console: Console, register: Register) -> None:
    assert isinstance(doorward(console, "promote", "nothing").exception, ReleaseError)
    assert isinstance(doorward(console, "releases", "show", "nothing").exception, ReleaseError)
    assert isinstance(doorward(console, "rollback").exception, ReleaseError)


def test_retraining_an_empty_site_is_a_clear_refusal(console: Console, register: Register) -> None:
    result = doorward(console, "retrain", "--steps", "1")
    assert isinstance(result.exception, TrainingError)
    assert "consent" in str(result.exception)


def test_an_unknown_strategy_is_wrong_usage(console: Console) -> None:
    result = doorward(console, "retrain", "--strategy", "magic")
    assert result.exit_code == 2
    assert "fine-tune-last" in result.output


def test_an_unknown_camera_is_wrong_usage(console: Console) -> None:
    result = doorward(console, "retrain", "--camera", "moon")
    assert result.exit_code == 2
    assert "night" in result.output


def test_an_unknown_backbone_is_wrong_usage(console: Console) -> None:
    result = doorward(console, "retrain", "--backbone", "perceptron")
    assert result.exit_code == 2
    assert "mobilenet_v3_small" in result.output
