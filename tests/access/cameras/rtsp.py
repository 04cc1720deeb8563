"""Starts and stops the RTSP camera of `rtsp_server.py`, and knows when each of its pictures was taken."""

import os
import subprocess
from functools import cache
from pathlib import Path
from types import TracebackType

import pytest

SYSTEM_PYTHON = Path("/usr/bin/python3")
SCRIPT = Path(__file__).with_name("rtsp_server.py")
USER, PASSWORD = "door", "s3cret-of-the-camera"
FPS = 20
NEEDED = "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base, -good and -ugly"
CHECK = """
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst
Gst.init(None)
raise SystemExit(not all(map(Gst.ElementFactory.find, ("x264enc", "jpegenc", "rtph264pay", "rtpjpegpay"))))
"""


@cache
def installed() -> bool:
    """Whether this machine has GStreamer's RTSP server."""
    if not SYSTEM_PYTHON.exists():
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", CHECK], capture_output=True, check=False).returncode == 0


def need_rtsp_server() -> None:
    """Skip with a reason where there is none, fail where it is required."""
    if installed():
        return
    if os.environ.get("DOORWARD_REQUIRE_SERVICES"):
        pytest.fail(f"DOORWARD_REQUIRE_SERVICES is set, but there is no RTSP server: install {NEEDED}")
    pytest.skip(f"no RTSP server: install {NEEDED} to run this test")


class RtspServer:
    """An RTSP camera on 127.0.0.1. Use as a context manager; `start` and `stop` in between as well.

    Args:
        codec: `h264` or `mjpeg`.
        auth: `none`, `basic` or `digest`.
    """

    def __init__(self, codec: str = "h264", auth: str = "none") -> None:
        self._arguments = ["--codec", codec, "--auth", auth, "--fps", str(FPS)]
        self._process: subprocess.Popen[str] | None = None
        self._start_s = 0.0
        self.port = 0

    def __enter__(self) -> "RtspServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve; a second time on the same port as before."""
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, SCRIPT, *self._arguments, "--port", str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        port, start_s = self._process.stdout.readline().split()
        self.port, self._start_s = int(port), float(start_s)

    def stop(self) -> None:
        """Cut the power."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def say(self, mode: str) -> None:
        """`live`, `stalled` or `frozen` from now on."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(f"{mode}\n")
        self._process.stdin.flush()

    def address(self, credentials: str = "", port: int | None = None) -> str:
        """Where it is, by way of another port where one is given."""
        return f"rtsp://{credentials}{'@' if credentials else ''}127.0.0.1:{port or self.port}/live"

    def taken_s(self, number: int) -> float:
        """When picture `number` was taken, in seconds of the machine's monotonic clock."""
        return self._start_s + number / FPS
