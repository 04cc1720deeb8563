"""`words_of`: everything that the screen says in a language, from `catalogue/`."""

import tomllib
from pathlib import Path

from models.settings.display import Language

FOLDER = Path(__file__).parent / "catalogue"

Words = dict[str, dict[str, str]]
"""`page`, `headline` (by mode), `message` (by message key) and `challenge` (by direction)."""


def words_of(language: Language) -> Words:
    """The catalogue of a language."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
