"""`recalibrate_or_warn`: finds the thresholds again when people come or go."""

from models.errors import DoorwardError
from models.progress import Note
from models.release.store import PRETRAINED_ID, load_release
from models.site import Site


def recalibrate_or_warn(site: Site, warn: Note) -> None:
    """Find the thresholds for the people enrolled now.

    Where that cannot be done, the door uses the stricter of the release's thresholds and the last ones found,
    and a warning says so: the change of people is kept either way.
    """
    # SciPy's statistics take a second to import, and most commands do without them.
    from models.evaluation.recalibration import recalibrate

    try:
        release = load_release(site.settings, site.register.active_release_id() or PRETRAINED_ID)
        recalibrate(site.register, release, site.settings)
    except DoorwardError as error:
        warn(f"the thresholds stay conservative: {error}; then run doorward calibrate")
