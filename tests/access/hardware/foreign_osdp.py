"""`ForeignPanel`: a control panel by the package `osdp` 1.6 in a virtual environment and process of its own.

The package has the import name of libosdp, so that both cannot be in one environment.
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.access.hardware.osdp_peers import becomes
from tests.conftest import ROOT

FOLDER = ROOT / ".doorward" / "foreign-osdp"
SCRIPT = Path(__file__).with_name("foreign_panel.py")
WANTED = "osdp==1.6"
CHECK = "import importlib.metadata as m; assert m.version('osdp') == '1.6'"


def foreign_python() -> Path:
    """The interpreter of the environment, which is made when it is absent; skips where it cannot be."""
    python = FOLDER / "bin" / "python"
    if not _runs(python, "-c", CHECK):
        made = _runs(Path(sys.executable), "-m", "venv", str(FOLDER)) and _runs(
            python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", WANTED
        )
        if not made:
            reason = f"{WANTED}, the foreign OSDP panel, cannot be installed in {FOLDER}"
            if os.environ.get("DOORWARD_REQUIRE_SERVICES"):
                pytest.fail(reason)
            pytest.skip(reason)
    return python


def _runs(program: Path, *arguments: str) -> bool:
    try:
        done = subprocess.run([program, *arguments], capture_output=True, timeout=240, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class ForeignPanel:
    def __init__(self, python: Path, port: str, *, secure: bool) -> None:
        self.said: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [python, SCRIPT, port, "secure" if secure else "clear"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._thread = threading.Thread(target=self._listen, name="foreign panel", daemon=True)
        self._thread.start()

    def tell(self, order: str, **arguments: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"order": order, **arguments}) + "\n")
        self._process.stdin.flush()

    def says(self, **wanted: Any) -> bool:
        """True when it says a record with these values within the limit."""
        return becomes(lambda: any(wanted.items() <= record.items() for record in list(self.said)))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))
