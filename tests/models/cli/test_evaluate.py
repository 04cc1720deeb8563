"""The commands on people who do not exist: every figure they print is checked against what must come out."""

import json

import cv2
import pytest
import typer
from typer.testing import CliRunner

from models.cli.evaluate import app
from models.cli.output import Console
from models.errors import CalibrationError, ImageError, InputError
from models.settings.load import load_settings
from models.site import open_register
from models.synthetic.people import SyntheticPerson
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def folders(tmp_path_factory, weights):
    """Six people of three photographs, three strangers, and pairs of them."""
    base = tmp_path_factory.mktemp("photos")
    for seed in range(9):
        name = f"Person{seed}"
        person = SyntheticPerson(seed)
        for number in range(3):
            part = "strangers" if seed >= 6 else "gallery" if number < 2 else "probes"
            for folder in (part, "all"):
                target = base / folder / name / f"{name}_{number + 1:04d}.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(target), person.portrait(250, number))
    lines = ["2\t3"]
    for first in (0, 3):
        lines += [f"Person{seed}\t1\t2" for seed in range(first, first + 3)]
        lines += [f"Person{seed}\t1\tPerson{seed + 3}\t2" for seed in range(first, first + 3)]
    (base / "pairs.txt").write_text("\n".join(lines) + "\n")
    return base


@pytest.fixture
def doorward(tmp_path, monkeypatch):
    """Runs a command in a fresh home with the working copy's weights; gives its JSON lines or its text."""
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(ROOT / ".doorward" / "weights"))
    with open_register(load_settings(tmp_path / "home"), create=True):
        pass

    def run(*words, as_json=True):
        shell = typer.Typer()

        @shell.callback()
        def options(ctx: typer.Context) -> None:
            ctx.obj = Console(home=tmp_path / "home", config=None, json=as_json)

        shell.registered_commands += app.registered_commands
        shell.registered_groups += app.registered_groups
        result = CliRunner().invoke(shell, [str(word) for word in words])
        if result.exception is not None:
            raise result.exception
        return [json.loads(line) for line in result.stdout.splitlines()] if as_json else result.stdout

    return run


@pytest.mark.slow
def test_pairs_are_judged_and_drawn(doorward, folders, tmp_path):
    words = ["evaluate", "pairs", "--pairs", folders / "pairs.txt", "--images", folders / "all"]
    [record] = doorward(*words, "--out", tmp_path / "plots")
    assert (record["pairs"], record["photos"], record["fta"]) == (12, 15, 0.0)
    assert record["fta_interval"][1] > 0
    assert record["accuracy"] == pytest.approx(sum(record["accuracy_by_fold"]) / 2)
    assert record["accuracy"] > 0.9
    for name in ("det.png", "roc.png", "scores.png"):
        assert cv2.imread(str(tmp_path / "plots" / name)).shape == (720, 960, 3)
    other = [*words, "--calibrate-on", folders / "pairs.txt"]
    assert doorward(*other)[0]["threshold_from"].endswith("pairs.txt")
    assert "12 pairs" in doorward(*words, as_json=False)


@pytest.mark.slow
def test_the_enrolled_are_found_and_strangers_are_not(doorward, folders):
    words = ["evaluate", "identification"]
    for part in ("gallery", "probes", "strangers"):
        words += [f"--{part}", folders / part]
    [record] = doorward(*words, "--target-fpir", "0.01")
    assert (record["people"], record["probes"], record["strangers"]) == (6, 6, 9)
    assert (record["fnir"], record["wrong_person"]) == (0.0, 0.0)
    assert record["fnir_interval"][1] > 0
    assert record["target_fpir"] == 0.01
    assert any("too few" in warning for warning in record["warnings"])
    assert "6 enrolled" in doorward(*words, as_json=False)
    stricter = doorward(*words, "--target-fpir", "0.0001")[0]
    assert stricter["threshold"] > record["threshold"]


def test_sets_that_overlap_are_refused(doorward, folders):
    gallery = ["evaluate", "identification", "--gallery", folders / "gallery"]
    with pytest.raises(CalibrationError, match="strangers who are enrolled"):
        doorward(*gallery, "--probes", folders / "probes", "--strangers", folders / "probes")
    with pytest.raises(CalibrationError, match="not in the gallery"):
        doorward(*gallery, "--probes", folders / "all", "--strangers", folders / "strangers")
    others = ["--probes", folders / "probes", "--strangers", folders / "strangers"]
    with pytest.raises(CalibrationError, match="tested as well"):
        doorward(*gallery, *others, "--calibrate-on", folders / "strangers")
    with pytest.raises(ImageError, match="one folder per person"):
        doorward(*gallery, "--probes", folders / "nothing", "--strangers", folders / "strangers")


def test_calibrating_an_empty_site_shows_the_first_days_thresholds(doorward):
    [shown] = doorward("calibrate", "--dry-run")
    [kept] = doorward("calibrate")
    assert shown == kept
    assert kept["people"] == 0
    assert kept["identify"]["target"] == 0.001
    assert kept["identify"]["expected"] <= 0.001001
    assert kept["warnings"]
    assert "days" in doorward("calibrate", as_json=False)


def test_what_if_needs_a_log_and_a_date(doorward):
    with pytest.raises(CalibrationError, match="no decision"):
        doorward("whatif", "--target-far", "0.01", "--since", "2026-01-01")
    with pytest.raises(InputError, match="no date"):
        doorward("whatif", "--target-far", "0.01", "--since", "yesterday")
