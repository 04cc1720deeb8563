"""`open_desk` and `open_roster`: thresholds after a change of people, and enrolment of real faces."""

from pathlib import Path

import pytest

from enrollment.bulk import enrol_folders
from enrollment.desk import open_desk, open_roster, recalibrate_or_warn
from models.errors import CalibrationError
from models.evaluation import recalibration
from models.register.records import PersonStatus
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.settings.settings import Settings
from models.site import open_register, open_site
from models.vision.pictures import read_picture
from tests.models.register.faces import face

SFACE = "sface-2021dec"


@pytest.fixture
def settings(tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    return load_settings(tmp_path / "home")


def fail(*_: object) -> None:
    raise CalibrationError("people change too fast")


def test_people_change_even_where_no_threshold_can_be_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalibration, "recalibrate", fail)
    with open_register(settings, create=True) as register:
        register.add_person("Ada", [face(1, SFACE)], "I agree.")
    warnings: list[str] = []
    with open_roster(settings, warnings.append) as roster:
        assert roster.revoke("Ada").status is PersonStatus.REVOKED
    (warning,) = warnings
    assert "was not measured again" in warning
    assert "people change too fast" in warning


def test_the_tail_is_fitted_again_when_a_tenth_of_the_people_is_new(settings: Settings) -> None:
    fitted_at = []
    with open_site(settings, create=True) as site:
        for number in range(30):
            site.register.add_person(f"Person {number}", [face(number, SFACE)], "I agree.")
            recalibrate_or_warn(site, pytest.fail)
            latest = site.register.latest_calibration(site.release.release_id)
            assert latest is not None
            fitted_at.append(latest.people)
    assert sorted(set(fitted_at)) == [*range(1, 11), 12, 14, 16, 18, 20, 23, 26, 29]


@pytest.mark.slow
@pytest.mark.shared
def test_real_people_are_enrolled_by_one_photo_and_found_by_another(settings: Settings, shared: Path) -> None:
    images = shared / "data" / "lfw_dev" / "images"
    several = [folder for folder in sorted(images.iterdir()) if len(list(folder.iterdir())) > 1]
    people, strangers = several[:20], several[20:60]
    with open_desk(settings, lambda _: None) as service:
        options = {"photos_per_person": 1, "largest_face": True}
        results = list(enrol_folders(service, people, "test", **options))  # type: ignore[arg-type]
    assert sum(result.enrolment is not None for result in results) >= 19
    with open_site(settings, create=True) as site:
        view, analyser = site.view(), site.analyser
        names = {one.person_id: one.name for one in site.register.people()}

        def found(folder: Path) -> str | None:
            best = view.gallery.search(
                analyser.analyse(read_picture(sorted(folder.iterdir())[1]))[0].embedding
            ).best
            assert best is not None
            accepted = view.threshold.accepts(best.score, view.gallery.scale)
            return names[best.person_id] if accepted else None

        outcomes = [found(folder) for folder in people]
        right = sum(
            outcome == folder.name.replace("_", " ") for outcome, folder in zip(outcomes, people, strict=True)
        )
        assert right >= 17
        assert right == sum(outcome is not None for outcome in outcomes), "nobody is taken for another"
        assert [found(folder) for folder in strangers] == [None] * len(strangers)
