"""A running kiosk tells its figures and that it is well, and takes its socket with it."""

import json
import signal
import time

import pytest

from access.metrics_server import socket_path
from models.settings.settings import Settings
from tests.access.test_kiosk import KIOSK, kiosk_process, said_by
from tests.access.test_metrics_server import asked, connect

SURE_S = 60.0


@pytest.mark.slow
def test_a_running_kiosk_is_healthy_and_counts_what_it_judged(settings: Settings) -> None:
    process = kiosk_process(settings, "synthetic", KIOSK)
    said_by(process, "the door is watched")
    ends_s = time.monotonic() + SURE_S
    while asked(connect(settings), "/healthz")[0] != 200:
        assert time.monotonic() < ends_s, asked(connect(settings), "/healthz")
        time.sleep(0.1)
    health = json.loads(asked(connect(settings), "/healthz")[2])
    metrics = asked(connect(settings), "/metrics")[2].decode().splitlines()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=SURE_S)
    assert process.returncode == 0
    assert health["checks"].keys() == {"loop", "register", "lock"}
    values = dict(line.rsplit(" ", 1) for line in metrics if not line.startswith("#"))
    assert float(values['doorward_frames_total{door="front"}']) > 0
    assert float(values['doorward_lock_state{door="front",state="locked"}']) == 1
    assert 'doorward_revision{door="front",part="gallery"}' in values
    assert not socket_path(settings).exists()
