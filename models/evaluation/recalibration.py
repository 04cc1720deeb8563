"""`site_thresholds`, `recalibrate`: a site's thresholds from its register, and fitting them again."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from models.clock import SystemClock
from models.domain import ScoreKind, ScoreScale
from models.evaluation.calibration import ThresholdSet, calibrate
from models.evaluation.reference import reference_for, synthetic_cohort
from models.evaluation.tail import SearchTail
from models.evaluation.thresholds import (
    CalibratedThreshold,
    ErrorRateTargets,
    StrangerSource,
    Thresholds,
)
from models.ports import Clock
from models.register.records import Calibration
from models.register.register import Register
from models.release.store import Release
from models.settings.settings import Settings

REFIT_GROWTH = 0.1
"""What was fitted is fitted again when so large a share of the people has come or gone since."""


def error_rate_targets(settings: Settings) -> ErrorRateTargets:
    """Return the target error rates of the settings."""
    section = settings.error_rates
    return ErrorRateTargets(
        target_far=section.target_far,
        visit_s=settings.decision.visit_s,
        target_fmr_verify=section.target_fmr_verify,
        target_fpir_duplicates=section.target_fpir_duplicates,
        confidence=section.confidence,
        strangers_per_day=section.strangers_per_day,
    )


def site_thresholds(release: Release, calibration: Calibration | None, settings: Settings) -> Thresholds:
    """Return what a site's thresholds are looked up from; it takes no longer for a larger gallery.

    Args:
        release: the active one.
        calibration: the newest of it; None before the first.
        settings: of the site.

    Raises:
        CalibrationError: what is stored is damaged, or it is not known how strangers score with the release.
        ReleaseError: the release's scores of strangers cannot be read.
    """
    reference = reference_for(release)
    sources = [] if reference is None else [StrangerSource("reference", reference)]
    if calibration is not None:
        sources += [
            StrangerSource(name, SearchTail.from_record(record), float(record["photos_each"]))
            for name, record in sorted(calibration.tails.items())
        ]
    scale = ScoreScale(ScoreKind.CENTRED, release.model_id)
    return Thresholds(scale, error_rate_targets(settings), tuple(sources))


def calibrate_gallery(register: Register, release: Release, settings: Settings) -> tuple[ThresholdSet, int]:
    """Fit how high strangers score in today's gallery, without storing it.

    Returns:
        the thresholds, and the revision of the register that they were found at.

    Raises:
        CalibrationError, ModelMismatchError, EmbeddingError: as `calibrate`.
        RegisterError: the register cannot be read.
    """
    snapshot = register.snapshot(release.release_id, release.model_id)
    record = register.release_record(release.release_id)
    found = calibrate(
        snapshot.templates,
        release.model_id,
        error_rate_targets(settings),
        reference=reference_for(release),
        synthetic=synthetic_cohort(release.model_id),
        min_margin=settings.decision.min_margin,
        trained_on=() if record is None else record.trained_on,
    )
    return found, snapshot.gallery_revision


def recalibrate(
    register: Register, release: Release, settings: Settings, clock: Clock | None = None
) -> ThresholdSet:
    """Fit how high strangers score in today's gallery, and store it.

    It takes well under a second for a thousand people, and grows with their number in proportion.

    Raises:
        CalibrationError, ModelMismatchError, EmbeddingError: as `calibrate`.
        RegisterError: the register cannot be read or written. What was stored stands in each case.
    """
    found, revision = calibrate_gallery(register, release, settings)
    register.save_calibration(
        Calibration(
            release_id=release.release_id,
            model_id=release.model_id,
            gallery_revision=revision,
            people=found.people,
            tails={
                source.name: source.tail.to_record() | {"photos_each": source.photos_each}
                for source in found.fitted
            },
            details=_details(found),
            created_at=(clock or SystemClock()).now(),
        )
    )
    return found


def recalibrate_if_due(register: Register, release: Release, settings: Settings) -> ThresholdSet | None:
    """Fit again where a tenth of the people has come or gone since; None where it is not due yet.

    So the work for each person who is enrolled does not grow: ten times as many people, a tenth as often.
    Thresholds for the gallery of the moment do not wait for it. Raises as `recalibrate`.
    """
    newest = register.latest_calibration(release.release_id)
    people = register.count_people()
    if newest is None or abs(people - newest.people) > REFIT_GROWTH * newest.people:
        return recalibrate(register, release, settings)
    return None


def _details(found: ThresholdSet) -> dict[str, Any]:
    return {
        "templates": found.templates,
        "confidence": found.confidence,
        "identify": threshold_record(found.identify),
        "verify": threshold_record(found.verify),
        "duplicate": threshold_record(found.duplicate),
        "fnir": found.fnir,
        "fnir_interval": None if found.fnir_interval is None else asdict(found.fnir_interval),
        "warnings": list(found.warnings),
    }


def threshold_record(found: CalibratedThreshold) -> dict[str, Any]:
    """Return a calibrated threshold as a dictionary for JSON."""
    by_source: Mapping[str, float] = found.by_source
    return {
        "target": found.target,
        "expected": found.expected,
        "bound": found.bound,
        "threshold": found.threshold.value,
        "by_source": dict(by_source),
    }
