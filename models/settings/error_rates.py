"""`ErrorRateSettings`: the table `[error_rates]`, from which thresholds are found."""

from pydantic import Field

from models.settings.base import Section


class ErrorRateSettings(Section):
    """How often an error may happen; thresholds are found from it."""

    target_far: float = Field(default=0.001, gt=0, lt=1)
    """Share of strangers' visits that may open the door (FAR), each as long as `decision.visit_s`."""
    confidence: float = Field(default=0.95, gt=0.5, le=0.99)
    """How sure it must be that these rates are kept."""
    target_fmr_verify: float = Field(default=1e-4, gt=0, lt=1)
    """Share of impostors a 1:1 check may accept (FMR)."""
    target_fpir_duplicates: float = Field(default=0.001, gt=0, lt=1)
    """Share of newcomers that enrolment may take for someone enrolled."""
    strangers_per_day: float = Field(default=20.0, gt=0)
    """Strangers who come to this door in a day; says how many days lie between two errors."""
