"""`recalibrate`: finds the thresholds again when people or the release change, and stores them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from models.clock import SystemClock
from models.errors import CalibrationError
from models.evaluation.calibration import CalibratedThreshold, ErrorRateTargets, ThresholdSet, calibrate
from models.evaluation.reference import reference_for, synthetic_cohort
from models.ports import Clock
from models.register import records
from models.register.records import ThresholdPurpose
from models.register.register import Register
from models.release.manifest import Thresholds
from models.release.store import Release
from models.settings.settings import Settings

MAX_ATTEMPTS = 3


def error_rate_targets(settings: Settings) -> ErrorRateTargets:
    """Return the target error rates of the settings."""
    section = settings.error_rates
    return ErrorRateTargets(
        target_fpir=section.target_fpir,
        target_fmr_verify=section.target_fmr_verify,
        target_fpir_duplicates=section.target_fpir_duplicates,
        confidence=section.confidence,
        strangers_per_day=section.strangers_per_day,
    )


def calibrate_gallery(register: Register, release: Release, settings: Settings) -> tuple[ThresholdSet, int]:
    """Find the thresholds for today's gallery, without storing them.

    Returns:
        the thresholds, and the revision of the register that they were found at.

    Raises:
        CalibrationError, ModelMismatchError, EmbeddingError: as `calibrate`.
        RegisterError: the register cannot be read.
    """
    snapshot = register.snapshot(release.release_id, release.model_id)
    defaults = Thresholds(
        release.threshold.value, release.verify_threshold.value, release.duplicate_threshold.value
    )
    found = calibrate(
        snapshot.templates,
        release.model_id,
        error_rate_targets(settings),
        defaults,
        reference=reference_for(release.model_id),
        synthetic=synthetic_cohort(release.model_id),
    )
    return found, snapshot.gallery_revision


def recalibrate(
    register: Register, release: Release, settings: Settings, clock: Clock | None = None
) -> ThresholdSet:
    """Find the thresholds for today's gallery and store them; call it when people or the release change.

    It takes well under a second for a thousand people.

    Raises:
        CalibrationError: people change faster than thresholds can be found; call it again.
        ModelMismatchError, EmbeddingError: a template cannot be used.
        RegisterError: the register cannot be read or written. The old thresholds stand in each case.
    """
    now = (clock or SystemClock()).now()
    attempts_left = MAX_ATTEMPTS
    while True:
        found, revision = calibrate_gallery(register, release, settings)
        attempts_left -= 1
        try:
            register.save_calibration(*_records(found, release, revision, now))
            return found
        except CalibrationError:
            # Somebody was enrolled or left between reading and writing.
            if not attempts_left:
                raise


def _records(
    found: ThresholdSet, release: Release, revision: int, now: datetime
) -> list[records.Calibration]:
    summary = {
        "people": found.people,
        "templates": found.templates,
        "searches": dict(found.searches),
        "confidence": found.confidence,
        "warnings": list(found.warnings),
    }
    door = {
        "fnir": found.fnir,
        "fnir_interval": None if found.fnir_interval is None else asdict(found.fnir_interval),
        "days_to_false_accept": found.days_to_false_accept,
        "days_to_false_accept_at_least": found.days_to_false_accept_at_least,
    }
    parts: list[tuple[ThresholdPurpose, CalibratedThreshold, Mapping[str, Any]]] = [
        (ThresholdPurpose.IDENTIFY, found.identify, door),
        (ThresholdPurpose.VERIFY, found.verify, {}),
        (ThresholdPurpose.DUPLICATE, found.duplicate, {}),
    ]
    return [
        records.Calibration(
            release_id=release.release_id,
            purpose=purpose,
            threshold=calibrated.threshold,
            gallery_revision=revision,
            details=summary | threshold_record(calibrated) | dict(extra),
            created_at=now,
        )
        for purpose, calibrated, extra in parts
    ]


def threshold_record(found: CalibratedThreshold) -> dict[str, Any]:
    """Return a calibrated threshold as a dictionary for JSON."""
    return {
        "target": found.target,
        "expected": found.expected,
        "bound": found.bound,
        "threshold": found.threshold.value,
        "by_source": dict(found.by_source),
    }
