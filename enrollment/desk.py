"""Puts the enrolment desk together, and finds the thresholds again when people come or go."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from enrollment.roster import Roster
from enrollment.service import EnrolmentService
from models.errors import DoorwardError
from models.release.store import PRETRAINED_ID, load_release
from models.settings import Settings
from models.site import Site, open_site
from models.vision.quality import ENROLMENT

Warn = Callable[[str], None]
"""Told what the operator should know."""


@contextmanager
def open_desk(settings: Settings, warn: Warn, *, one_by_one: bool = True) -> Iterator[EnrolmentService]:
    """The desk that admits people.

    Args:
        settings: of the site.
        warn: told what the operator should know.
        one_by_one: find the thresholds again after every change; otherwise once, when the desk closes.

    Raises:
        RegisterError, EncryptionKeyError, WeightsError, ReleaseError, ModelError: a part cannot be had.
    """
    with open_site(settings) as site:
        if not site.register.latest_calibrations(site.release.release_id):
            # The very first enrolment already needs to know which pictures are of one person.
            find_thresholds(site, warn)
        service = EnrolmentService(
            site.register,
            site.analyser_with(ENROLMENT),
            site.release,
            lookalike_margin=settings.decision.min_margin,
            after_change=(lambda: find_thresholds(site, warn)) if one_by_one else (lambda: None),
        )
        try:
            yield service
        finally:
            if not one_by_one:
                find_thresholds(site, warn)


@contextmanager
def open_roster(settings: Settings, warn: Warn) -> Iterator[Roster]:
    """The people of the site. Raises RegisterError, EncryptionKeyError."""
    with open_site(settings) as site:
        yield Roster(site.register, lambda: find_thresholds(site, warn))


def find_thresholds(site: Site, warn: Warn) -> None:
    """Find the thresholds for the people enrolled now.

    Where that cannot be done, the door falls back on the stricter of the release's thresholds and the last
    ones found, and a warning says so: a change of people stands, whatever becomes of the thresholds.
    """
    try:
        # SciPy takes a second to import, and not every desk has it.
        from models.evaluation.recalibration import recalibrate
    except ModuleNotFoundError as error:
        warn(f"the thresholds stay conservative: {error.name} is not installed (extra: doorward[evaluation])")
        return
    try:
        release = load_release(site.settings, site.register.active_release_id() or PRETRAINED_ID)
        recalibrate(site.register, release, site.settings)
    except DoorwardError as error:
        warn(f"the thresholds stay conservative: {error}; then run doorward calibrate")
