"""A site with people who do not exist, on disk as a real one is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from models.domain import ImageArray
from models.register.records import EnrolledFace, Person
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.settings.settings import Settings
from models.site import Site, open_site


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    """A test that sets logging up must not leave its captured stream to the next."""
    yield
    structlog.reset_defaults()


Enrol = Callable[[Site, str, list[ImageArray]], Person]


@pytest.fixture
def settings(tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Defaults, in a fresh home, with the working copy's weights."""
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.sface.parent))
    return load_settings(tmp_path / "home")


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    """A site with nobody enrolled."""
    with open_site(settings, create=True) as site:
        yield site


@pytest.fixture
def enrol() -> Enrol:
    """Puts a person into the register, without the desk and its rules."""

    def enrol(site: Site, name: str, pictures: list[ImageArray]) -> Person:
        faces = [site.analyser.only_face(picture) for picture in pictures]
        return site.register.add_person(
            name, [EnrolledFace(face.crop, face.embedding) for face in faces], "I agree to this test."
        )

    return enrol
