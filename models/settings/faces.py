"""`DetectorSettings` and `QualitySettings`: the tables `[detector]` and `[quality]`."""

from typing import Self

from pydantic import Field, model_validator

from models.settings.base import Section


class DetectorSettings(Section):
    """Finding faces."""

    score: float = Field(default=0.7, gt=0, lt=1)
    """Detections below this confidence are ignored."""
    max_side: int = Field(default=640, ge=120, le=4096)
    """Pictures are shrunk to this longer side, in pixels, before faces are looked for."""
    min_box_px: float = Field(default=32.0, ge=0)
    """Faces whose box is lower than this many pixels are passers-by: they are not followed."""


class QualitySettings(Section):
    """What counts as good enough at the door; enrolment is stricter."""

    min_face_px: float = Field(default=48.0, ge=0)
    """Height of the face in the picture, in pixels."""
    min_sharpness: float = Field(default=15.0, ge=0)
    """Variance of the Laplacian of the aligned grey crop."""
    max_yaw_deg: float = Field(default=50.0, gt=0, le=90)
    """How far the head may be turned sideways, in degrees."""
    max_pitch_deg: float = Field(default=40.0, gt=0, le=90)
    """How far the head may be raised or lowered, in degrees."""
    max_roll_deg: float = Field(default=35.0, gt=0, le=180)
    """How far the head may be tilted, in degrees."""
    min_brightness: float = Field(default=35.0, ge=0, le=255)
    """Mean luma of the face below this is too dark."""
    max_brightness: float = Field(default=225.0, ge=0, le=255)
    """Mean luma of the face above this is too bright."""
    min_contrast: float = Field(default=14.0, ge=0)
    """Standard deviation of the luma of the face."""
    min_inside: float = Field(default=0.85, ge=0, le=1)
    """Share of the face that must lie inside the picture."""
    min_structure: float = Field(default=0.15, ge=0, le=1)
    """How much structure eyes and mouth must show; less means that something covers them."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.min_brightness >= self.max_brightness:
            raise ValueError("min_brightness must be below max_brightness")
        return self
