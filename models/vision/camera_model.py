"""`degrade`: simulates what a cheap camera does to a face at night, to train and to measure with.

The steps follow the light: the head moves during the exposure, the lens resolves less than by day
(its opening is wide, and infra-red focuses behind the sensor), few photons reach each pixel (shot noise),
the electronics add their own (read noise), eight bits are read out, and the automatic gain stretches what is
left. The sensor is the one that the door has by day, so the face covers as many pixels as before. The noise
is the usual model of an image sensor (EMVA Standard 1288, release 4.0, section 2): a Poisson count of
electrons plus Gaussian noise, in every pixel for itself.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from models.domain import FloatArray, ImageArray
from models.errors import ImageError

# Luma of ITU-R BT.601, and the exponent of a plain display: an image's values are not proportional to light.
_LUMA_RGB = np.array([0.299, 0.587, 0.114], np.float32)
_GAMMA = 2.2
_FULL_WELL = 8.0  # saturation, in multiples of the average charge


@dataclass(frozen=True, slots=True)
class NightDoor:
    """How strongly a picture is degraded.

    Ranges are (lowest, highest); each picture draws its own values evenly from them.

    Attributes:
        resolution: what the lens still resolves along each side, as a share of the picture's own pixels.
        blur_share: length of the motion's path, as a share of the picture's width.
        electrons: charge that a pixel collects on average over the picture, as automatic exposure leaves it;
            fewer means more shot noise. White pixels saturate at eight times as much.
        read_noise_electrons: standard deviation of the electronics' noise.
        stretch_percent: share of the pixels that the gain lets run into black, and into white, in percent.
    """

    resolution: tuple[float, float] = (0.30, 0.45)
    blur_share: tuple[float, float] = (0.02, 0.10)
    electrons: tuple[float, float] = (4.0, 16.0)
    read_noise_electrons: float = 2.0
    stretch_percent: float = 1.0


NIGHT_DOOR = NightDoor()
"""The strength that this project measures at, fixed where the pretrained network (sface-2021dec) misses two
people of three at a false match rate of 0.1%: docs/experiments/transfer.md."""


def degrade(image: ImageArray, rng: np.random.Generator, night: NightDoor = NIGHT_DOOR) -> ImageArray:
    """Degrade a picture as the camera of a door at night does.

    Args:
        image: uint8 (H, W, 3), RGB, at least 8 pixels each way: an aligned crop or a whole picture.
        rng: every draw comes from it; the same state gives the same picture.
        night: how strongly.

    Returns:
        uint8 (H, W, 3): grey, the three channels alike.

    Raises:
        ImageError: not a picture of that form.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 8:
        raise ImageError(f"a picture is uint8 (H, W, 3) of 8 pixels or more, not {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    grey = image.astype(np.float32) @ _LUMA_RGB / 255.0  # (H, W), 0 to 1
    light = np.power(grey, _GAMMA)
    light /= max(float(light.mean()), 1e-6)  # 1 on average, as automatic exposure wants it
    light = _blur_motion(light, rng.uniform(*night.blur_share) * width, rng.uniform(0.0, np.pi))
    share = rng.uniform(*night.resolution)
    resolved = (max(4, round(width * share)), max(4, round(height * share)))
    few = cv2.resize(light, resolved, interpolation=cv2.INTER_AREA)
    light = np.asarray(cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    electrons = rng.uniform(*night.electrons)
    charge = rng.poisson(np.maximum(light, 0.0) * electrons) + rng.normal(
        0.0, night.read_noise_electrons, light.shape
    )
    shown = np.power(np.clip(charge / (electrons * _FULL_WELL), 0.0, 1.0), 1.0 / _GAMMA)
    shown = np.round(shown * 255.0).astype(np.float32)
    low, high = np.percentile(shown, [night.stretch_percent, 100.0 - night.stretch_percent])
    seen = np.clip((shown - low) / max(high - low, 1.0) * 255.0, 0.0, 255.0)
    return np.repeat(np.round(seen).astype(np.uint8)[..., None], 3, axis=2)


def _blur_motion(light: FloatArray, length_px: float, angle: float) -> FloatArray:
    """Blur along a straight path, as a movement of even speed during the exposure does."""
    side = 2 * int(np.ceil(length_px / 2)) + 3
    kernel = np.zeros((side, side), np.float32)
    reach = length_px / 2 * np.array([np.cos(angle), np.sin(angle)])
    # OpenCV draws between pixels when coordinates carry fractional bits.
    ends = np.round((side // 2 + np.array([-reach, reach])) * 16).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_8, 4)
    moved = cv2.filter2D(light, cv2.CV_32F, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)
