"""`Settings`: every table of the settings file. docs/reference/settings.md lists them for an operator."""

from pathlib import Path

from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from models.settings.base import Section, section_classes
from models.settings.camera import CameraSettings, SyntheticCameraSettings
from models.settings.decision import DecisionSettings
from models.settings.display import DisplaySettings
from models.settings.door import DoorSettings
from models.settings.error_rates import ErrorRateSettings
from models.settings.faces import DetectorSettings, QualitySettings
from models.settings.integrations import MqttSettings, Webhooks, WebhookSettings
from models.settings.lock import LockSettings, SimulatedLockSettings
from models.settings.log import LogSettings
from models.settings.metrics import MetricsSettings
from models.settings.networks import EncoderSettings, WeightsSettings
from models.settings.osdp import NoPanelSettings, PanelSettings
from models.settings.reader import NoReaderSettings, ReaderSettings
from models.settings.site import SiteSettings
from models.settings.storage import StorageSettings

ENV_PREFIX = "DOORWARD_"
ENV_DELIMITER = "__"


class Settings(BaseSettings):
    """All settings. Relative paths in it lie under `home`; `load_settings` has made them absolute."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter=ENV_DELIMITER, extra="forbid", frozen=True
    )

    home: Path
    site: SiteSettings = SiteSettings()
    door: DoorSettings = DoorSettings()
    camera: CameraSettings = SyntheticCameraSettings()
    lock: LockSettings = SimulatedLockSettings()
    reader: ReaderSettings = NoReaderSettings()
    panel: PanelSettings = NoPanelSettings()
    detector: DetectorSettings = DetectorSettings()
    quality: QualitySettings = QualitySettings()
    decision: DecisionSettings = DecisionSettings()
    error_rates: ErrorRateSettings = ErrorRateSettings()
    weights: WeightsSettings = WeightsSettings()
    encoder: EncoderSettings = EncoderSettings()
    storage: StorageSettings = StorageSettings()
    display: DisplaySettings = DisplaySettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    mqtt: MqttSettings = MqttSettings()
    webhook: Webhooks = ()

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


def sections() -> dict[str, tuple[type[Section], ...]]:
    """The tables of the settings file by name; where a table may be of several kinds, a class for each."""
    found = {name: section_classes(field.annotation) for name, field in Settings.model_fields.items()}
    return {name: classes for name, classes in found.items() if classes}


LISTS: dict[str, type[Section]] = {"webhook": WebhookSettings}
"""Tables that may stand several times, as `[[webhook]]`; the environment cannot set them."""


def keys_of(section: str) -> list[str]:
    """The keys of a table, those of every kind, in the order of the file."""
    classes = sections()[section]
    return list(dict.fromkeys(key for each in classes for key in each.model_fields))


def setting_keys() -> list[str]:
    """Every setting as `section.key`, in the order of the file."""
    return [f"{name}.{key}" for name in sections() for key in keys_of(name)]


def variable_name(key: str) -> str:
    """The environment variable of a setting: `door.unlock_s` is `DOORWARD_DOOR__UNLOCK_S`."""
    return ENV_PREFIX + key.replace(".", ENV_DELIMITER).upper()
