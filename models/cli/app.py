"""`main`: the command `doorward`: global options, the commands of every package, one form of error."""

import importlib.util
import io
import os
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console as RichConsole
from typer.exceptions import TyperException

from models.cli.output import Console, LineType, json_line
from models.errors import ConfigError, DoorwardError, MissingExtraError, error_record

COMMAND_GROUP = "doorward.commands"
OUR_PACKAGES = ("models", "enrollment", "access")
GLOBAL_OPTIONS = {"--json": 0, "--home": 1, "--config": 1}
"""Options that may stand anywhere in the command line, with how many values each takes."""

USAGE_ERROR = "usage_error"
"""The code of wrong usage, which is no `DoorwardError`: exit status 2."""

EXTRAS = {
    "flask": "admin",
    "gpiozero": "gpio",
    "lgpio": "gpio",
    "holidays": "holidays",
    "waitress": "admin",
    "matplotlib": "evaluation",
    "osdp": "osdp",
    "paho": "mqtt",
    "pymodbus": "modbus",
    "pytorch_metric_learning": "training",
    "safetensors": "training",
    "serial": "serial",
    "tensorboard": "training",
    "torch": "training",
    "torchvision": "training",
}
"""Packages that a kiosk does not need, and the extra that brings them."""


def build_app() -> typer.Typer:
    """The shell with the commands of `models`, `access` and `enrollment`, found by their entry points."""
    app = typer.Typer(
        name="doorward",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Opens a door for those who are enrolled, and for nobody else.",
    )

    @app.callback()
    def options(
        ctx: typer.Context,
        home: Annotated[
            Path | None, typer.Option(envvar="DOORWARD_HOME", help="Where all state lives.")
        ] = None,
        config: Annotated[
            Path | None,
            typer.Option(envvar="DOORWARD_CONFIG", help="Settings file, if not HOME/doorward.toml."),
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
        _version: Annotated[
            bool,
            typer.Option(
                "--version", is_eager=True, callback=_show_version, help="Show the version and end."
            ),
        ] = False,
    ) -> None:
        ctx.obj = Console(home=home, config=config, json=as_json)

    for point in sorted(entry_points(group=COMMAND_GROUP), key=lambda point: point.name):
        commands: typer.Typer = point.load()
        app.registered_commands += commands.registered_commands
        app.registered_groups += commands.registered_groups
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"doorward {version('doorward')}")
        raise typer.Exit


def global_options_first(arguments: list[str]) -> list[str]:
    """Move the global options to the front, so that `doorward people --json` means what it says."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        name = word.partition("=")[0]
        if word == "--":
            rest += [word, *words]
        elif name not in GLOBAL_OPTIONS:
            rest.append(word)
        else:
            front.append(word)
            if "=" not in word:
                front += [value for _, value in zip(range(GLOBAL_OPTIONS[name]), words, strict=False)]
    return front + rest


def check_packages() -> None:
    """Make sure that `models`, `enrollment` and `access` are ours and not another distribution's.

    Raises:
        ConfigError: one of the three does not lie beside the others (docs/adr/0001).
    """
    ours = Path(__file__).resolve().parents[2]
    for package in OUR_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parent.parent != ours:
            found = spec.origin if spec else "nothing"
            raise ConfigError(
                f"the package `{package}` is not Doorward's ({found}): "
                "install doorward in an environment of its own"
            )


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit status 0, 1 for a typed failure, 2 for wrong usage, 130 when interrupted."""
    # OpenCV writes lines of its own about every camera that is absent, beside our message.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    given = global_options_first(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show "Zoë" must not turn a list of people into an error.
            stream.reconfigure(errors="backslashreplace")
    try:
        check_packages()
        # Outside standalone mode Typer raises instead of drawing usage errors for people.
        sys.exit(build_app()(given, prog_name="doorward", standalone_mode=not as_json) or 0)
    except DoorwardError as error:
        report(error_record(error), as_json=as_json)
        sys.exit(1)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]  # of paho.mqtt, paho
        if package not in EXTRAS:
            raise
        report(error_record(_missing_extra(package)), as_json=as_json)
        sys.exit(1)
    except TyperException as error:
        report({"error": USAGE_ERROR, "message": error.format_message(), "details": {}}, as_json=True)
        sys.exit(2)
    except typer.Exit as leaving:
        sys.exit(leaving.exit_code)
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has gone (`doorward events | head`): leave without a second error at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def report(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Write a failure (`models.errors.error_record`) to stderr: a JSON line, or a line for people."""
    if as_json:
        typer.echo(json_line(LineType.ERROR, record), err=True)
    else:
        console = RichConsole(stderr=True, soft_wrap=True, highlight=False)
        console.print(f"[bold red]{record['error']}[/]:", end=" ")
        console.print(record["message"], markup=False)


def _missing_extra(package: str) -> MissingExtraError:
    """Advice that names the checkout: Doorward is in no package index, and nobody else's may be installed."""
    extra = EXTRAS[package]
    return MissingExtraError(
        f"this command needs {package}: run pip install '.[{extra}]' in Doorward's own folder"
    )


if __name__ == "__main__":
    main()
