"""`Site` and `SiteView`: a site's register, networks, gallery and thresholds, made from the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from models.domain import Threshold
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.errors import RegisterAbsentError, ReleaseError
from models.gallery.gallery import Gallery
from models.ports import Encoder
from models.register.access_records import AccessSnapshot
from models.register.register import Register
from models.release.store import PRETRAINED_ID, Release, load_release
from models.release.weights import ensure_weights
from models.settings.settings import Settings
from models.storage.keys import KeyFile
from models.vision.analysis import FaceAnalyser
from models.vision.detector import YuNetDetector
from models.vision.quality import QualityLimits

if TYPE_CHECKING:
    from models.evaluation.thresholds import GalleryThresholds, Thresholds

ATTEMPTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class SiteView:
    """What is in force now. Its parts belong together, and it is swapped as a whole.

    Gallery and access are read in a transaction each, so that new rules need not wait for a gallery.

    Attributes:
        revision: the register's gallery revision; another one means that a new view is due.
        release: the active release.
        encoder: its network, ready to run.
        gallery: the active people's templates made by it.
        thresholds: looked up for this gallery.
        access: rules, and what they know of everybody; a person of the gallery may be gone from it already.
    """

    revision: int
    release: Release
    encoder: Encoder
    gallery: Gallery
    thresholds: "GalleryThresholds"
    access: AccessSnapshot

    @property
    def threshold(self) -> Threshold:
        """The score that opens the door."""
        return self.thresholds.identify.threshold


class Site:
    """A site's register and networks. Open it with `open_site`.

    The network is loaded at first use, and again when another release has become active.
    """

    def __init__(self, settings: Settings, register: Register) -> None:
        self.settings = settings
        self.register = register
        self._loaded: tuple[Release, Encoder] | None = None

    def view(self) -> SiteView:
        """Release, network, gallery, thresholds and rules as they are now.

        Raises:
            WeightsError, ReleaseError, ModelError: the active release cannot be loaded.
            CalibrationError: there is no threshold for it.
            RegisterError: the register cannot be read.
        """
        # SciPy takes a while to import, and most commands do without it.
        from models.evaluation.recalibration import site_thresholds

        for _ in range(ATTEMPTS):
            release, encoder = self._load(self.register.active_release_id() or PRETRAINED_ID)
            snapshot = self.register.snapshot(release.release_id, release.model_id)
            if (snapshot.active_release_id or PRETRAINED_ID) == release.release_id:
                gallery = Gallery.build(snapshot.templates, release.model_id)
                thresholds = site_thresholds(release, snapshot.calibration, self.settings)
                return SiteView(
                    snapshot.gallery_revision,
                    release,
                    encoder,
                    gallery,
                    thresholds.for_gallery(gallery.size, gallery.photos_each),
                    self.access(),
                )
        raise ReleaseError("the active release changes faster than it can be loaded: try again")

    def gallery_revision(self) -> int:
        """The register's revision of people, templates, release and thresholds. Raises RegisterError."""
        return self.register.gallery_revision()

    def rules_revision(self) -> int:
        """The register's revision of rules, people, credentials and lockdowns. Raises RegisterError."""
        return self.register.rules_revision()

    def access(self) -> AccessSnapshot:
        """Rules, lockdowns, and what the rules know of everybody, as they are now. Raises RegisterError."""
        return self.register.access_snapshot()

    @property
    def release(self) -> Release:
        """The active release."""
        return self._load(self.register.active_release_id() or PRETRAINED_ID)[0]

    @property
    def encoder(self) -> Encoder:
        """The active release's network."""
        return self._load(self.register.active_release_id() or PRETRAINED_ID)[1]

    def thresholds(self) -> "Thresholds":
        """Look up thresholds of the active release from what this returns, for galleries of any size.

        Raises:
            WeightsError, ReleaseError, ModelError: the active release cannot be loaded.
            CalibrationError: it is not known how strangers score with it.
            RegisterError: the register cannot be read.
        """
        from models.evaluation.recalibration import site_thresholds

        release = self.release
        return site_thresholds(release, self.register.latest_calibration(release.release_id), self.settings)

    @cached_property
    def detector(self) -> YuNetDetector:
        """The face detector, as the settings want it."""
        weights = ensure_weights(self.settings.weights.folder, self.settings.weights.source)
        detector = self.settings.detector
        return YuNetDetector(weights.detector, detector.score, detector.max_side)

    @property
    def analyser(self) -> FaceAnalyser:
        """Takes pictures apart with the active network, under the door's limits of quality."""
        return self.analyser_with(QualityLimits(**self.settings.quality.model_dump()))

    def analyser_with(self, limits: QualityLimits) -> FaceAnalyser:
        """The same under other limits of quality."""
        return FaceAnalyser(self.detector, self.encoder, limits)

    def _load(self, release_id: str) -> tuple[Release, Encoder]:
        if self._loaded is None or self._loaded[0].release_id != release_id:
            release = load_release(self.settings, self.register, release_id)
            threads = self.settings.encoder.threads
            encoder = OpenVinoEncoder(release.encoder_path, release.model_id, threads)
            self._loaded = release, FlippedEncoder(encoder)
        return self._loaded


@contextmanager
def open_register(
    settings: Settings, *, create: bool = False, actor: str | None = None
) -> Iterator[Register]:
    """The site's register.

    Args:
        settings: of the site.
        create: make it, and its key, when there is none.
        actor: whom the change log names; None is the user whose process this is (`Register.open`).

    Raises:
        RegisterAbsentError: there is none, and it is not to be made.
        RegisterError, EncryptionKeyError: it cannot be opened.
    """
    if not create and not Path(settings.storage.database).exists():
        raise RegisterAbsentError(
            f"there is no register at {settings.storage.database}: name the right "
            "folder with --home, or enrol somebody with `doorward enroll`, which makes it"
        )
    storage = settings.storage
    with Register.open(storage.database, KeyFile(storage.key_file), actor=actor) as register:
        yield register


@contextmanager
def open_site(settings: Settings, *, create: bool = False, actor: str | None = None) -> Iterator[Site]:
    """The site with its register; `create`, `actor` and what is raised: as `open_register`."""
    with open_register(settings, create=create, actor=actor) as register:
        yield Site(settings, register)
