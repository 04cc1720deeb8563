"""A network camera on this machine: motion JPEG over HTTP, with the faults of real ones."""

import base64
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

from models.domain import ImageArray

BITS = 16
BITS_HEIGHT_PX = 16


class MjpegServer:
    """Serves numbered, noisy pictures on 127.0.0.1. Use as a context manager.

    Attributes:
        login: `USER:PASSWORD` that is asked for; empty: nothing is asked.
        mode: "live"; "frozen" sends one picture again and again; "stalled" sends nothing and keeps the line.
        sent_s: when each picture was sent, by its number, in `time.monotonic` seconds.
        connections: how many there have been.
    """

    def __init__(self, fps: float = 25.0, width: int = 160, height: int = 120, login: str = "") -> None:
        self.fps = fps
        self.login = login
        self.size = (width, height)
        self.mode = "live"
        self.sent_s: dict[int, float] = {}
        self.connections = 0
        self._next = 0
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._gone = threading.Event()

    def __enter__(self) -> "MjpegServer":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/video"

    def start(self) -> None:
        """Serve; a second time on the same port as before."""
        self._gone.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._server.daemon_threads = False
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Cut all connections and the power."""
        if self._server is not None and self._thread is not None:
            self._gone.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def stream(self, send) -> None:
        """One connection's pictures, until the server stops; pictures that come too late are left out."""
        self.connections += 1
        start_s, tick = time.monotonic(), 0
        while not self._gone.wait(max(0.0, start_s + tick / self.fps - time.monotonic())):
            if self.mode == "live":
                self._next += 1
            if self.mode != "stalled":
                picture = encode(numbered_picture(self._next, self.size))
                self.sent_s.setdefault(self._next, time.monotonic())
                send(picture)
            tick = max(tick + 1, int((time.monotonic() - start_s) * self.fps))


def _handler(camera: MjpegServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            expected = f"Basic {base64.b64encode(camera.login.encode()).decode()}"
            if camera.login and self.headers["Authorization"] != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                camera.stream(self._send)
            except OSError:
                self.close_connection = True

        def _send(self, jpeg: bytes) -> None:
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def encode(image: ImageArray) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def numbered_picture(index: int, size: tuple[int, int] = (160, 120)) -> ImageArray:
    """A grey, noisy picture with its number as black and white blocks along the top."""
    width, height = size
    image = np.random.default_rng(index).integers(116, 140, (height, width, 3), dtype=np.uint8)
    block_px = width // BITS
    for bit in range(BITS):
        image[:BITS_HEIGHT_PX, bit * block_px : (bit + 1) * block_px] = 255 * (index >> bit & 1)
    return image


def number_of(image: ImageArray) -> int:
    """The number that `numbered_picture` wrote into a picture, also after JPEG."""
    block_px = image.shape[1] // BITS
    middle = image[BITS_HEIGHT_PX // 2]
    return sum(1 << bit for bit in range(BITS) if middle[bit * block_px + block_px // 2].mean() > 128)
