"""`open_desk` and `open_roster`: build from settings what enrolment and changes of people need."""

from collections.abc import Iterator
from contextlib import contextmanager

from enrollment.enrol import EnrolmentService
from enrollment.people import Roster
from enrollment.thresholds import recalibrate_or_warn
from models.progress import Note
from models.settings.settings import Settings
from models.site import open_site
from models.vision.quality import ENROLMENT


@contextmanager
def open_desk(settings: Settings, warn: Note, *, create: bool = True) -> Iterator[EnrolmentService]:
    """Open the site's register and give the service that enrols people in it.

    Args:
        settings: of the site.
        warn: is given what the operator should know.
        create: make the register when there is none.

    Raises:
        RegisterAbsentError: there is no register, and it is not to be made.
        RegisterError, EncryptionKeyError, WeightsError, ReleaseError, ModelError: a part cannot be opened.
    """
    with open_site(settings, create=create) as site:
        yield EnrolmentService(
            site.register,
            site.analyser_with(ENROLMENT),
            site.release,
            site.thresholds,
            lookalike_margin=settings.decision.min_margin,
            after_change=lambda: recalibrate_or_warn(site, warn),
        )


@contextmanager
def open_roster(settings: Settings, warn: Note) -> Iterator[Roster]:
    """Open the site's register and give its people. Raises RegisterError, EncryptionKeyError."""
    with open_site(settings) as site:
        yield Roster(site.register, lambda: recalibrate_or_warn(site, warn))
