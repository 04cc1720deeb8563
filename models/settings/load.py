"""`load_settings`: reads the settings from the environment and the settings file.

A value comes from, the first that has it: the environment (`DOORWARD_DOOR__UNLOCK_S=7`), the file
`doorward.toml` in the home, the default. A name that nobody knows is an error, never ignored: a mistyped
`unlock_z` must not leave a door on its default.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from models.errors import ConfigError
from models.settings.base import KIND, Section, kind_of, without_password
from models.settings.settings import (
    ENV_DELIMITER,
    ENV_PREFIX,
    LISTS,
    Settings,
    keys_of,
    sections,
    setting_keys,
    variable_name,
)

FILE_NAME = "doorward.toml"
OTHER_VARIABLES = frozenset(
    {
        "DOORWARD_HOME",
        "DOORWARD_CONFIG",
        "DOORWARD_SHARED",
        "DOORWARD_CHROMIUM",
        "DOORWARD_REQUIRE_SERVICES",
        "DOORWARD_REQUIRE_SHARED",
    }
)
"""Environment variables with our prefix that are no settings."""

SERVICE_LINK = re.compile(
    r"DOORWARD(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9]+)*|"
    r"PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
"""What Kubernetes sets in containers beside a service that is named doorward, or doorward-something."""

SECRETS = frozenset({"password", "key", "previous_key"})
"""Settings that no message shows, not even where they are wrong."""

RENAMED = {
    "promise": "error_rates",
    "promise.target_fpir": "error_rates.target_far",
    "error_rates.target_fpir": "error_rates.target_far",
    "detector.min_face_px": "detector.min_box_px",
    "decision.min_likeness": "decision.same_face_score",
}
"""Tables and settings that had another name once."""


def default_home() -> Path:
    """The platform's folder for a user's data: `$XDG_DATA_HOME/doorward`, else `~/.local/share/doorward`."""
    given = os.environ.get("XDG_DATA_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "share"
    return base / "doorward"


def load_settings(home: Path | None = None, config: Path | None = None) -> Settings:
    """Read the settings. Creates nothing.

    Args:
        home: where all state lives; default: `DOORWARD_HOME`, else `default_home()`.
        config: the settings file; default: `DOORWARD_CONFIG`, else the home's `doorward.toml` if it is there.

    Raises:
        ConfigError: the home is a file, the file cannot be read, a name is unknown, or a value is not
            allowed.
    """
    home = home or _path_from_environment("DOORWARD_HOME") or default_home()
    home = home.expanduser().absolute()
    if home.exists() and not home.is_dir():
        raise ConfigError(f"the home {home} is a file: name a folder with --home or DOORWARD_HOME")
    named = config or _path_from_environment("DOORWARD_CONFIG")
    path = named.expanduser() if named else home / FILE_NAME
    values = _read_toml(path) if named or path.exists() else {}
    _refuse_unknown_keys(values, path)
    _refuse_unknown_variables(os.environ)
    try:
        settings = Settings(home=home, **values)
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from error
    except SettingsError as error:  # a list in a variable that is no JSON
        raise ConfigError(
            f'{error}: in the environment a list is written as JSON, such as ["en", "de"]'
        ) from error
    return _under_home(settings)


def _path_from_environment(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} is not TOML: {error}") from error


def _refuse_unknown_keys(values: Mapping[str, Any], path: Path) -> None:
    known = sections()
    for key in _dotted(values):
        section, _, name = key.partition(".")
        if section in LISTS:
            _refuse_unknown_list_keys(section, values[section], path)
            continue
        renamed = _renamed(key)
        if renamed is not None:
            raise ConfigError(f"{path}: the setting {key} is called {renamed} now: write that")
        if section not in known or (name and name not in keys_of(section)):
            raise ConfigError(f"{path}: there is no setting {key}{_nearest(key)}")


def _refuse_unknown_list_keys(section: str, tables: Any, path: Path) -> None:
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        raise ConfigError(f"{path}: {section} is a table that may stand several times: write [[{section}]]")
    known = list(LISTS[section].model_fields)
    for key in (key for table in tables for key in table if key not in known):
        (nearest,) = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
        raise ConfigError(f"{path}: there is no setting {section}.{key}; did you mean {section}.{nearest}?")


def _renamed(key: str) -> str | None:
    """The present name of a setting that had another name once."""
    section, dot, name = key.partition(".")
    return RENAMED.get(key) or (f"{RENAMED[section]}{dot}{name}" if section in RENAMED else None)


def _dotted(values: Mapping[str, Any]) -> Iterator[str]:
    for section, table in values.items():
        if isinstance(table, Mapping) and table:
            yield from (f"{section}.{key}" for key in table)
        else:
            yield section


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {variable_name(key) for key in setting_keys()}
    for name in environment:
        upper = name.upper()
        renamed = _renamed(upper.removeprefix(ENV_PREFIX).replace(ENV_DELIMITER, ".").lower())
        if upper.startswith(ENV_PREFIX) and renamed is not None:
            raise ConfigError(f"the environment variable {name} is called {variable_name(renamed)} now")
        if upper in known or upper in OTHER_VARIABLES or SERVICE_LINK.fullmatch(name):
            continue
        if upper.startswith(ENV_PREFIX):
            nearest = difflib.get_close_matches(upper, sorted(known | OTHER_VARIABLES), n=1, cutoff=0.0)
            raise ConfigError(f"the environment variable {name} is no setting; did you mean {nearest[0]}?")


def _nearest(key: str) -> str:
    """Words that name the known setting most like `key`: a right name in the wrong section comes first."""
    name = key.rpartition(".")[2]
    keys = setting_keys()
    same_name = [known for known in keys if known.rpartition(".")[2] == name]
    nearest = same_name or difflib.get_close_matches(key, [*keys, *sections()], n=1, cutoff=0.0)
    return f"; did you mean {nearest[0]}?"


def _explain(error: ValidationError, path: Path) -> str:
    """One clause per wrong value: its name, what was given, what is allowed, and where it may stand."""
    return "; ".join(
        _explain_value(detail, path) for detail in error.errors(include_url=False, include_context=True)
    )


def _explain_value(detail: ErrorDetails, path: Path) -> str:
    parts = [str(part) for part in detail["loc"]]
    kinds = {kind_of(each): each for each in sections().get(parts[0], ())}
    kind = parts.pop(1) if len(kinds) > 1 and len(parts) > 1 and parts[1] in kinds else None
    if detail["type"] == "union_tag_invalid":
        parts.append(KIND)
        given, allowed = detail["ctx"]["tag"], f"input should be {detail['ctx']['expected_tags']}"
    else:
        given, allowed = detail["input"], detail["msg"][0].lower() + detail["msg"][1:]
    key = ".".join(parts)
    if parts[-1] in SECRETS:
        given = SecretStr("")
    if detail["type"] == "extra_forbidden" and kind is not None:
        having = ", ".join(str(name) for name, each in kinds.items() if parts[1] in each.model_fields)
        allowed = f"a {parts[0]} of kind {kind} has no such setting, only one of kind {having}"
    if (detail["type"] == "value_error" or parts[0] in LISTS) and isinstance(given, Mapping | list):
        return f"{key}: {allowed.removeprefix('value error, ')} (in {path})"
    shown = without_password(repr(given))
    places = path if parts[0] in LISTS else f"{path} or {variable_name(key)}"
    return f"{key} = {shown}: {without_password(allowed)} (in {places})"


def _under_home(settings: Settings) -> Settings:
    """The same settings with every path absolute."""
    tables: dict[str, Any] = {}
    for name, table in settings:
        if isinstance(table, Section):
            tables[name] = _paths_under(settings.home, table)
        elif isinstance(table, tuple):
            tables[name] = tuple(_paths_under(settings.home, each) for each in table)
    database = str(settings.home / Path(settings.storage.database).expanduser())
    tables["storage"] = tables["storage"].model_copy(update={"database": database})
    return settings.model_copy(update=tables)


def _paths_under(home: Path, table: Section) -> Section:
    """The same table with every path absolute."""
    paths = {key: value for key, value in table if isinstance(value, Path)}
    return table.model_copy(update={key: home / path.expanduser() for key, path in paths.items()})
