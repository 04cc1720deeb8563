"""Commands as a script and as a person run them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.cli import app as cli
from models.settings.settings import Settings

Run = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; its exit status, its JSON lines (with --json), and its text."""

    def run(*words: str | Path, as_json: bool = True) -> tuple[int, list[dict[str, Any]], str]:
        arguments = ["--home", str(settings.home), *(["--json"] if as_json else []), *map(str, words)]
        status = 0
        try:
            cli.main(arguments)
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        lines = [json.loads(line) for line in (out + err).splitlines()] if as_json else []
        return status, lines, out + err

    return run
