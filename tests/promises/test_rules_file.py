"""docs/reference/rules-file.md lists every key with its default, and its examples together are one file."""

import json
import re
import tomllib

import pytest

from models.errors import RulesError
from models.rules.document import DAY_NAMES, policy_from_text
from models.rules.form import TABLES, PolicyForm, defaults_of, keys_of
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "reference" / "rules-file.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (\S[^|]*) \| \S.* \|$", re.MULTILINE)
EXAMPLE = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL))


def section(name: str) -> str:
    return PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]


def spelled(default: object) -> str:
    """A default as the page has it."""
    if default is None:
        return "no limit"
    if isinstance(default, list):
        default = ["+".join(sorted(way)) for way in default]
    if isinstance(default, frozenset):
        default = sorted(default)
    return f"`{json.dumps(default)}`"


@pytest.mark.parametrize("table", TABLES)
def test_the_page_lists_every_key_of_each_table_with_its_default(table: str) -> None:
    defaults = {key: spelled(default) for key, default in defaults_of(TABLES[table]).items()}
    expected = {key: defaults.get(key, "required") for key in keys_of(TABLES[table])}
    assert dict(ROW.findall(section(table))) == expected


def test_every_key_is_in_an_example_and_the_examples_are_a_file_that_can_be_read() -> None:
    policy_from_text(EXAMPLE, doors=["front", "lab", "back"])
    record = tomllib.loads(EXAMPLE)
    assert set(record) == set(keys_of(PolicyForm))
    for table, form in TABLES.items():
        assert {key for entry in record[table] for key in entry} == set(keys_of(form)), table


def test_every_top_level_key_has_a_section_and_every_day_is_named() -> None:
    for key in keys_of(PolicyForm):
        assert section(key)
    assert all(f"`{day}`" in section("schedules") for day in DAY_NAMES)


def test_the_mistakes_that_the_page_shows_are_said_so() -> None:
    text = '[[rule]]\nname = "Cleaners"\ngroup = "cleaner"\ndoors = "*"\n'
    for wrong in (f'{text}scheduel = "always"\n', f'groups = ["cleaners"]\n{text}'):
        with pytest.raises(RulesError) as caught:
            policy_from_text(wrong)
        assert str(caught.value) in section("What a mistake looks like")
