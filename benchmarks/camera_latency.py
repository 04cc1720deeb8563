"""Measures the age of a frame for a slow reader: the newest-frame reader and `cv2.VideoCapture.read`.

    python -m benchmarks.camera_latency [--seconds S] [--work-ms MS]

A motion-JPEG camera on this machine sends numbered 640x480 pictures, 25 a second; both read it through HTTP
and then work for as long as a frame takes to judge. The number in the picture says when it was sent. One JSON
line for each, then one with the ratio of the median ages; it grows with the seconds of the measurement.
"""

import argparse
import json
import time
from collections.abc import Callable

import cv2
import numpy as np

from access.cameras.newest import NewestFrameCamera
from access.cameras.opencv import OpenCvCamera
from models.clock import SystemClock
from models.domain import ImageArray
from tests.access.cameras.mjpeg import MjpegServer, number_of

FPS = 25.0


def ages_s(server: MjpegServer, read: Callable[[], ImageArray], seconds: float, work_s: float) -> list[float]:
    """Return each frame's age in seconds when it is read, for a reader that works `work_s` on each."""
    ages: list[float] = []
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        number = number_of(read())
        ages.append(time.monotonic() - server.sent_s[number])
        time.sleep(work_s)
    return ages


def of_newest(seconds: float, work_s: float) -> list[float]:
    """Measure Doorward's reader."""
    clock = SystemClock()
    with (
        MjpegServer(FPS, 640, 480) as server,
        NewestFrameCamera(lambda: OpenCvCamera(server.address, clock), clock) as camera,
    ):

        def read() -> ImageArray:
            frame = camera.read()
            assert frame is not None
            return frame.image

        return ages_s(server, read, seconds, work_s)


def of_plain(seconds: float, work_s: float) -> list[float]:
    """Measure plain OpenCV, as most programs use it."""
    with MjpegServer(FPS, 640, 480) as server:
        capture = cv2.VideoCapture(server.address, cv2.CAP_FFMPEG)

        def read() -> ImageArray:
            ok, image = capture.read()
            assert ok
            return image

        ages = ages_s(server, read, seconds, work_s)
        capture.release()
        return ages


def main() -> None:
    """Measure both, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--work-ms", type=float, default=150.0)
    options = parser.parse_args()
    medians: dict[str, float] = {}
    for name, measure in {"newest": of_newest, "plain": of_plain}.items():
        ages_ms = 1000 * np.array(measure(options.seconds, options.work_ms / 1000))
        medians[name] = float(np.median(ages_ms))
        print(
            json.dumps(
                {
                    "reader": name,
                    "frames": len(ages_ms),
                    "median_ms": round(medians[name], 1),
                    "p95_ms": round(float(np.percentile(ages_ms, 95)), 1),
                    "last_ms": round(float(ages_ms[-1]), 1),
                }
            )
        )
    print(json.dumps({"plain_over_newest": round(medians["plain"] / medians["newest"], 1)}))


if __name__ == "__main__":
    main()
