"""A network camera of its own process: RTSP by GStreamer's server, with the faults of real ones.

Run with the system's Python, which has GStreamer's bindings (Debian: gir1.2-gst-rtsp-server-1.0, python3-gi,
gstreamer1.0-plugins-base, -good, -ugly):

    /usr/bin/python3 rtsp_server.py --codec h264 --auth digest

It writes one line when it serves: the port, and the time of picture 0 in seconds of the machine's monotonic
clock. Picture n is taken n / fps seconds later and carries n as black and white blocks along its top, so
that whoever sees a picture knows when it was taken. On its input it takes `live`, `stalled` (no more
pictures, the line stays) and `frozen` (one picture again and again), a word per line; it ends with its input.
"""

import argparse
import random
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - versions come first

WIDTH, HEIGHT, BITS, BLOCK_ROWS = 160, 120, 16, 16
USER, PASSWORD = "door", "s3cret-of-the-camera"
NOISE = bytes.maketrans(bytes(range(256)), bytes(116 + value % 24 for value in range(256)))

ENCODERS = {
    # Without look-ahead and frame threads a picture leaves the encoder at once; a key picture every second.
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast bitrate=3000 key-int-max={fps} threads=1 "
    "! rtph264pay name=pay0 pt=96 config-interval=1",
    "mjpeg": "jpegenc quality=90 ! rtpjpegpay name=pay0 pt=26",
}


def picture(number: int) -> bytes:
    """Picture `number` as I420: its number along the top, noise below, no colour."""
    block = WIDTH // BITS
    row = b"".join(bytes([235 if number >> bit & 1 else 16]) * block for bit in range(BITS))
    noise = random.Random(number).randbytes(WIDTH * (HEIGHT - BLOCK_ROWS)).translate(NOISE)
    return row * BLOCK_ROWS + noise + bytes([128]) * (WIDTH * HEIGHT // 2)


class Source:
    """Pushes pictures into the media that a client has asked for, at their times."""

    def __init__(self, fps: int) -> None:
        self.fps = fps
        self.mode = "live"
        self.start_s = time.monotonic()

    def feed(self, media: GstRtspServer.RTSPMedia) -> None:
        """Push until the client has gone."""
        appsrc = media.get_element().get_by_name_recurse_up("camera")
        gone = threading.Event()
        media.connect("unprepared", lambda _media: gone.set())
        threading.Thread(target=self._push, args=(appsrc, gone), daemon=True).start()

    def _push(self, appsrc: Gst.Element, gone: threading.Event) -> None:
        number = int((time.monotonic() - self.start_s) * self.fps)
        first, frozen = number, number
        while True:
            number += 1
            if gone.wait(max(0.0, self.start_s + number / self.fps - time.monotonic())):
                return
            if self.mode == "stalled":
                continue
            if self.mode == "live":
                frozen = number
            buffer = Gst.Buffer.new_wrapped(picture(frozen))
            buffer.pts = (number - first) * Gst.SECOND // self.fps
            buffer.duration = Gst.SECOND // self.fps
            if appsrc.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return


def auth_of(method: str) -> GstRtspServer.RTSPAuth:
    """Admits `USER` with `PASSWORD`, by HTTP Basic or Digest."""
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    if method == "basic":
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(USER, PASSWORD), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(USER, PASSWORD, token)
    return auth


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", choices=ENCODERS, default="h264")
    parser.add_argument("--auth", choices=["none", "basic", "digest"], default="none")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fps", type=int, default=20)
    given = parser.parse_args()
    Gst.init(None)
    source = Source(given.fps)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(given.port))
    factory = GstRtspServer.RTSPMediaFactory()
    caps = f"video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={given.fps}/1"
    encoder = ENCODERS[given.codec].format(fps=given.fps)
    factory.set_launch(f"( appsrc name=camera is-live=true format=time caps={caps} ! {encoder} )")
    factory.connect("media-configure", lambda _factory, media: source.feed(media))
    if given.auth != "none":
        server.set_auth(auth_of(given.auth))
        factory.add_role_from_structure(role())
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    loop = GLib.MainLoop()

    def obey() -> None:
        for line in sys.stdin:
            source.mode = line.strip()
        loop.quit()

    threading.Thread(target=obey, daemon=True).start()
    print(server.get_bound_port(), source.start_s, flush=True)
    loop.run()


def role() -> Gst.Structure:
    """What the token of `auth_of` may do."""
    structure = Gst.Structure.new_empty("viewer")
    for right in ("media.factory.access", "media.factory.construct"):
        structure.set_value(right, True)
    return structure


if __name__ == "__main__":
    main()
