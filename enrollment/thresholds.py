"""`recalibrate_or_warn`: fits how strangers score again when people come or go."""

from models.errors import DoorwardError
from models.progress import Note
from models.site import Site


def recalibrate_or_warn(site: Site, warn: Note) -> None:
    """Fit again where it is due (`models.evaluation.recalibration.recalibrate_if_due`).

    Where that cannot be done, thresholds are looked up from what was fitted last, and a warning says so: the
    change of people is kept either way.
    """
    from models.evaluation.recalibration import recalibrate_if_due

    try:
        recalibrate_if_due(site.register, site.release, site.settings)
    except DoorwardError as error:
        warn(f"how alike people look to this camera was not measured again: {error}; run doorward calibrate")
