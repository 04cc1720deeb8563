"""Pictures: every format that is taken, and everything that is refused."""

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import ImageArray
from models.errors import ImageError
from models.vision import pictures
from models.vision.pictures import decode_picture, read_picture


def _picture() -> ImageArray:
    image = np.full((40, 60, 3), 200, np.uint8)
    image[:20, :30] = (10, 20, 240)
    return image


def _encoded(suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, _picture())[1])


def _with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF block that holds the orientation alone."""
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".ppm"])
def test_known_picture_formats_are_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(_encoded(suffix))
    image = read_picture(path)
    assert image.shape == (40, 60, 3)
    assert np.abs(image[5, 5].astype(int) - (10, 20, 240)).max() < 25


def test_lossless_webp_and_grey_pgm() -> None:
    lossless = bytes(cv2.imencode(".webp", _picture(), [cv2.IMWRITE_WEBP_QUALITY, 101])[1])
    assert lossless[12:16] == b"VP8L"
    assert np.array_equal(decode_picture(lossless), _picture())
    grey = bytes(cv2.imencode(".pgm", _picture()[..., 0])[1])
    assert decode_picture(grey).shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("orientation", "shape", "corner"),
    [(1, (40, 60), (5, 5)), (3, (40, 60), (35, 55)), (6, (60, 40), (5, 35)), (8, (60, 40), (55, 5))],
)
def test_the_exif_orientation_is_applied(
    orientation: int, shape: tuple[int, int], corner: tuple[int, int]
) -> None:
    image = decode_picture(_with_orientation(_encoded(".jpg"), orientation))
    assert image.shape[:2] == shape
    assert np.abs(image[corner].astype(int) - (10, 20, 240)).max() < 25


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"%PDF-1.7 and so on",
        b"GIF89a" + bytes(100),
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9" * 9,
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"RIFF\0\0\0\0WEBPVP9 " + bytes(40),
        b"BM",
        b"P6 a b",
        _encoded(".jpg")[:200],
        _encoded(".png")[:60],
    ],
)
def test_what_is_not_a_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        decode_picture(data)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=40), st.sampled_from([".jpg", ".png", ".webp", ".bmp", ".ppm"]), st.integers(0, 80))
def test_damaged_pictures_never_raise_anything_else(noise: bytes, suffix: str, at: int) -> None:
    data = _encoded(suffix)
    damaged = data[:at] + noise + data[at + len(noise) :]
    try:
        image = decode_picture(damaged)
    except ImageError as error:
        assert str(error)
    else:
        assert image.ndim == 3


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".ppm"])
def test_a_picture_cut_off_on_the_way_is_refused_with_its_name(suffix: str, tmp_path: Path) -> None:
    """The header is whole, so that only decoding can tell."""
    data = _encoded(suffix)
    (tmp_path / f"half{suffix}").write_bytes(data[: len(data) * 9 // 10])
    with pytest.raises(ImageError, match=rf"^half\{suffix}: the picture is (damaged|cut off)"):
        read_picture(tmp_path / f"half{suffix}")


def test_the_limits_are_40_megapixels_and_64_mb(tmp_path: Path) -> None:
    for height, message in ((5000, "damaged"), (5001, "shrink the picture below 40 megapixels")):
        png = bytearray(_encoded(".png"))
        png[16:24] = struct.pack(">II", 8000, height)
        with pytest.raises(ImageError, match=message):
            decode_picture(bytes(png))
    path = tmp_path / "holes.jpg"
    for size, message in ((64 << 20, "not a picture"), ((64 << 20) + 1, "pictures may have 64 MB")):
        with path.open("wb") as stream:
            stream.truncate(size)
        with pytest.raises(ImageError, match=message):
            read_picture(path)


def test_an_enormous_picture_is_refused_from_its_header() -> None:
    png = bytearray(_encoded(".png"))
    png[16:24] = struct.pack(">II", 30_000, 30_000)
    with pytest.raises(ImageError, match="30000x30000 pixels are too many"):
        decode_picture(bytes(png))


def test_animated_pictures_are_refused() -> None:
    png = _encoded(".png")
    animated = png[:33] + struct.pack(">I", 8) + b"acTL" + bytes(12) + png[33:]
    with pytest.raises(ImageError, match="animated"):
        decode_picture(animated)
    webp = b"RIFF" + bytes(4) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02" + bytes(9)
    with pytest.raises(ImageError, match="animated"):
        decode_picture(webp)


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(ImageError, match="empty"):
        decode_picture(b"P6 0 5 255\n")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PICTURE_BYTES", 1000)
    path = tmp_path / "large.png"
    path.write_bytes(bytes(1001))
    with pytest.raises(ImageError, match=r"large\.png"):
        read_picture(path)
    with pytest.raises(ImageError, match="too many"):
        decode_picture(bytes(1001))


def test_absent_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        read_picture(tmp_path / "absent.jpg")
    with pytest.raises(ImageError, match="folder"):
        read_picture(tmp_path)
    text = tmp_path / "notes.jpg"
    text.write_text("not a picture")
    with pytest.raises(ImageError, match=r"notes\.jpg: this is not a picture"):
        read_picture(text)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_device_is_refused_without_waiting_for_it(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero")
    if kind == "pipe":
        path = tmp_path / "pipe.jpg"
        os.mkfifo(path)
    with pytest.raises(ImageError, match="is not a file"):
        read_picture(path)
