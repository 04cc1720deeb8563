"""Signals reach a process that has loaded and dropped networks: a door must lock when it is told to stop."""

import subprocess
import sys

import pytest

from models.release.weights import WeightFiles

PROGRAM = """
import signal, sys, threading
from pathlib import Path
from models.encoders.openvino import OpenVinoEncoder

heard = []
signal.signal(signal.SIGTERM, lambda *_: heard.append("told to stop"))
first = OpenVinoEncoder(Path(sys.argv[1]), "one")
if sys.argv[2] == "thread":  # a new release is loaded, and the old one dropped, beside the door's loop
    def swap():
        global first
        first = OpenVinoEncoder(Path(sys.argv[1]), "two")
    thread = threading.Thread(target=swap)
    thread.start()
    thread.join()
else:
    second = OpenVinoEncoder(Path(sys.argv[1]), "two")
    del first
    del second
signal.raise_signal(signal.SIGTERM)
print(*heard)
"""


@pytest.mark.slow
def test_a_signal_is_heard_after_networks_were_swapped(weights: WeightFiles) -> None:
    for where in ("here", "thread"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(weights.sface), where],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout.strip()) == (0, "told to stop"), where
