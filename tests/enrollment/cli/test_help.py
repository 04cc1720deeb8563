"""Every option and argument of the commands has a help text; names are completed from the register."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer
from typer.main import get_command

from models.cli.names import complete_name
from models.settings.load import load_settings
from models.site import open_register
from tests.models.register.faces import face

MODULES = ("consent", "enroll", "key", "people", "releases", "retrain")


def commands_of(group: Any, path: str = "") -> dict[str, Any]:
    """Every command below a group, by its words."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        found |= commands_of(command, f"{path}{name} ") if inner else {f"{path}{name}": command}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_every_parameter_has_a_help_text(module: str) -> None:
    shell = typer.Typer()
    shell.command("placeholder")(lambda: None)  # a shell of one command would have no names
    app = import_module(f"enrollment.cli.{module}").app
    shell.registered_commands += app.registered_commands
    shell.registered_groups += app.registered_groups
    commands = commands_of(get_command(shell))
    assert len(commands) > 1
    without = [
        (words, parameter.name)
        for words, command in commands.items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert without == []


def context(home: Path) -> typer.Context:
    root = SimpleNamespace(params={"home": home, "config": None})
    return cast(typer.Context, SimpleNamespace(find_root=lambda: root))


def test_names_are_completed_without_regard_to_case(tmp_path: Path) -> None:
    with open_register(load_settings(tmp_path), create=True) as register:
        for number, name in enumerate(("Ada Lovelace", "Adele Goldberg", "Grace Hopper")):
            register.add_person(name, [face(number, "sface-2021dec")], "I agree.")
    assert complete_name(context(tmp_path), "ad") == ["Ada Lovelace", "Adele Goldberg"]
    assert complete_name(context(tmp_path), "Grace H") == ["Grace Hopper"]
    assert complete_name(context(tmp_path), "Zoe") == []


def test_completion_neither_makes_a_register_nor_fails(tmp_path: Path) -> None:
    assert complete_name(context(tmp_path / "typo"), "a") == []
    assert not (tmp_path / "typo").exists()
    (tmp_path / "doorward.toml").write_text("[door\n")
    assert complete_name(context(tmp_path), "a") == []
    (tmp_path / "doorward.toml").unlink()
    (tmp_path / "register.sqlite").write_text("not a database")
    assert complete_name(context(tmp_path), "a") == []
