"""`read_picture`, `decode_picture`: still pictures from files and uploads; anything else is refused."""

import stat
import struct
from pathlib import Path

import cv2
import numpy as np

from models.domain import ImageArray
from models.errors import ImageError

MAX_PICTURE_BYTES = 64 * 1024 * 1024
MAX_PICTURE_PIXELS = 40_000_000

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp"})
"""Of the files that count as pictures where a folder is listed, in lower case."""

# Start-of-frame markers of JPEG (ITU T.81, table B.1); the gaps are DHT, JPG and DAC.
_JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE_MARKERS = frozenset(range(0xD0, 0xD9)) | {0x01}


def read_picture(path: Path) -> ImageArray:
    """Read one still picture: JPEG, PNG, WebP, BMP or PGM/PPM.

    Returns:
        uint8 (H, W, 3), BGR, upright: the orientation that the camera noted (EXIF) is applied.

    Raises:
        ImageError: there is no such file, it cannot be read, or `decode_picture` refuses it.
    """
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder: name one picture")
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe or a device may deliver nothing, or without end
            raise ImageError(f"{path} is not a file: name one picture")
        size = found.st_size
        if size > MAX_PICTURE_BYTES:
            raise ImageError(
                f"{path.name} has {size >> 20} MB: pictures may have {MAX_PICTURE_BYTES >> 20} MB"
            )
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return decode_picture(data)
    except ImageError as error:
        raise ImageError(f"{path.name}: {error}") from error


def decode_picture(data: bytes) -> ImageArray:
    """Decode one still picture; its size is taken from the header, before memory is spent on pixels.

    Returns:
        uint8 (H, W, 3), BGR, upright: the orientation that the camera noted (EXIF) is applied.

    Raises:
        ImageError: not a picture, an unknown format, cut off, animated, more than 40 megapixels or 64 MB.
    """
    if len(data) > MAX_PICTURE_BYTES:
        raise ImageError(f"{len(data) >> 20} MB are too many: pictures may have {MAX_PICTURE_BYTES >> 20} MB")
    width, height = _declared_size(data)
    if width < 1 or height < 1:
        raise ImageError("the picture is empty")
    if width * height > MAX_PICTURE_PIXELS:
        raise ImageError(
            f"{width}x{height} pixels are too many: "
            f"shrink the picture below {MAX_PICTURE_PIXELS // 10**6} megapixels"
        )
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError("the picture is damaged: save it again as JPEG or PNG") from error
    if image is None:
        raise ImageError("the picture is damaged: save it again as JPEG or PNG")
    return np.asarray(image, np.uint8)


def _declared_size(data: bytes) -> tuple[int, int]:
    """Width and height as the header says. Raises ImageError."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg_size(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png_size(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_size(data)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return abs(width), abs(height)
        if data[:2] in (b"P5", b"P6"):
            return _netpbm_size(data)
    except (struct.error, IndexError, ValueError) as error:
        raise ImageError("the picture is cut off: copy it again") from error
    raise ImageError("this is not a picture in a known format: save it as JPEG, PNG, WebP or BMP")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    position = 2
    while True:
        if data[position] != 0xFF:
            raise ValueError("no marker where one is expected")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _JPEG_BARE_MARKERS:
            position += 2
        elif marker in _JPEG_FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        else:
            position += 2 + struct.unpack_from(">H", data, position + 2)[0]


def _png_size(data: bytes) -> tuple[int, int]:
    # An animated PNG says so in an acTL chunk before the first pixels (PNG 3rd edition, 11.3.6).
    if b"acTL" in data[: data.find(b"IDAT")]:
        raise ImageError("the picture is animated: choose a still one")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    # RFC 9649, section 2: VP8X has the canvas less one in 24 bits, VP8L in 14, VP8 the size itself in 14.
    kind = data[12:16]
    if kind == b"VP8X":
        if data[20] & 0x02:
            raise ImageError("the picture is animated: choose a still one")
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("unknown WebP chunk")


def _netpbm_size(data: bytes) -> tuple[int, int]:
    lines = [line.split(b"#")[0] for line in data[:1024].splitlines()]
    fields = b" ".join(lines).split()
    return int(fields[1]), int(fields[2])
