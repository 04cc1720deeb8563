"""The catalogues: every language says everything, and nothing that nobody asks for."""

import re
from typing import get_args

import pytest

from access.display.state import MESSAGE_KEYS, Direction, DisplayMode
from access.display.words import FOLDER, words_of
from models.settings.display import Language
from tests.conftest import ROOT

LANGUAGES: tuple[Language, ...] = get_args(Language)
PAGE = ROOT / "access" / "display"
WITHOUT_HEADLINE = {DisplayMode.LOOKING, DisplayMode.GUIDE, DisplayMode.CHALLENGE}
"""Modes whose message is the headline."""


def test_there_is_a_catalogue_for_each_language_of_the_settings() -> None:
    assert {file.stem for file in FOLDER.glob("*.toml")} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_is_said_and_nothing_else(language: Language) -> None:
    words = words_of(language)
    assert set(words) == {"page", "headline", "message", "challenge"}
    assert set(words["headline"]) == set(DisplayMode)
    assert set(words["message"]) == set(MESSAGE_KEYS)
    assert set(words["challenge"]) == set(Direction)
    empty = {key for key, text in words["headline"].items() if not text}
    assert empty == WITHOUT_HEADLINE
    assert all(text.strip() for part in ("page", "message", "challenge") for text in words[part].values())


def test_the_page_asks_for_the_words_that_the_catalogue_has() -> None:
    script = (PAGE / "static" / "display.js").read_text(encoding="utf-8")
    page = (PAGE / "templates" / "display.html").read_text(encoding="utf-8")
    asked = set(re.findall(r"\bpage\.(\w+)", script + page))
    asked |= set(re.findall(r"const \{ (\w+) \} = words\(\)\.page", script))
    asked |= {"clear", "enter"} if "page[key.dataset.word]" in script and "'clear' if" in page else set()
    for language in LANGUAGES:
        assert set(words_of(language)["page"]) == asked


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_places_to_fill_in(language: Language) -> None:
    def places(of: Language) -> dict[str, list[str]]:
        return {
            f"{part}.{key}": re.findall(r"\{(\w+)\}", text)
            for part, texts in words_of(of).items()
            for key, text in texts.items()
        }

    assert places(language) == places("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_short_enough_for_the_screen(language: Language) -> None:
    words = words_of(language)
    assert max(len(text) for text in words["headline"].values()) <= 30
    assert max(len(text) for text in words["message"].values()) <= 60


def test_the_page_has_a_colour_and_a_sign_for_each_outcome() -> None:
    page = (PAGE / "templates" / "display.html").read_text(encoding="utf-8")
    style = (PAGE / "static" / "display.css").read_text(encoding="utf-8")
    with_picture_or_pad = WITHOUT_HEADLINE | {DisplayMode.PIN}
    signs = set(re.findall(r'data-for="(\w+)"', page))
    assert signs == set(DisplayMode) - with_picture_or_pad
    shown = set(re.findall(r'body\[data-mode="(\w+)"\] #sign \[data-for="\1"\]', style))
    assert shown == signs
    coloured = {
        mode for line in style.splitlines() if "--tone:" in line for mode in re.findall(r'mode="(\w+)"', line)
    }
    assert coloured == signs - {DisplayMode.IDLE, DisplayMode.CARD}
