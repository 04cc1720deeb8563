"""`door_camera`, `night_camera`: what a camera does to a face, as torchvision transforms.

uint8 (3, 112, 112) RGB in, the same out. All randomness comes from torch's generator, so that a view depends
on its seed only (`seeded_view`), whatever batch, process or resumed run asks for it.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch import Tensor

from models.domain import FloatArray, ImageArray
from models.siamese.torchvision_cpu import import_torchvision
from models.vision.alignment import CROP_PX, TEMPLATE_112
from models.vision.camera_model import NIGHT_DOOR, NightDoor, degrade

import_torchvision()  # it has to come before the next line, and does nothing else

from torchvision.transforms import v2  # noqa: E402

Augmentation = Callable[[Tensor], Tensor]
"""uint8 (3, 112, 112) RGB -> uint8 (3, 112, 112); its randomness comes from torch's generator."""


def _between(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


def _to_picture(crop: Tensor) -> ImageArray:
    return np.ascontiguousarray(crop.permute(1, 2, 0).numpy())  # (112, 112, 3)


def _to_tensor(picture: ImageArray | FloatArray) -> Tensor:
    clipped = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return torch.from_numpy(clipped).permute(2, 0, 1).contiguous()  # (3, 112, 112)


class _PictureTransform(v2.Transform):  # type: ignore[misc]
    """A transform that works on the picture as (112, 112, 3)."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """uint8 (3, 112, 112) -> uint8 (3, 112, 112)."""
        return _to_tensor(self.change(_to_picture(cast(Tensor, inpt))))

    def change(self, picture: ImageArray) -> ImageArray | FloatArray:
        """uint8 (112, 112, 3) -> (112, 112, 3), 0 to 255."""
        raise NotImplementedError


class LowLight(_PictureTransform):
    """Low light: shot noise, read noise, and a gain that restores the brightness in part."""

    def change(self, picture: ImageArray) -> FloatArray:
        """Apply the sensor model of EMVA 1288: a Poisson count of electrons plus Gaussian read noise."""
        electrons = _between(40.0, 400.0)
        exposure = _between(0.3, 1.0)
        light = torch.from_numpy(np.power(picture.astype(np.float32) / 255.0, 2.2)) * exposure
        charge = torch.poisson(light * electrons) + 2.0 * torch.randn(light.shape)
        shown = (charge / electrons).clamp(0.0, 1.0).pow(1.0 / 2.2)
        return cast(FloatArray, (255.0 * shown).numpy())


class MotionBlur(_PictureTransform):
    """Motion blur: the head moves during the exposure, straight and evenly."""

    def change(self, picture: ImageArray) -> ImageArray:
        """Smear by 2 to 8 pixels in any direction."""
        length, angle = _between(2.0, 8.0), _between(0.0, math.pi)
        kernel = np.zeros((11, 11), np.float32)
        reach = length / 2 * np.array([math.cos(angle), math.sin(angle)])
        ends = np.round((5 + np.array([-reach, reach])) * 16).astype(int)
        cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_8, 4)
        return cast(ImageArray, cv2.filter2D(picture, -1, kernel / kernel.sum()))


class Jpeg(_PictureTransform):
    """Compression by the camera's encoder. torchvision's own needs operators that may be absent."""

    def change(self, picture: ImageArray) -> ImageArray:
        """Encode with quality 20 to 80, and decode."""
        quality = int(_between(20, 80))
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cast(ImageArray, cv2.imdecode(data, cv2.IMREAD_COLOR))


class BackLight(_PictureTransform):
    """Back light from a bright door behind: a dark face, and a rim of the picture that runs into white."""

    def change(self, picture: ImageArray) -> FloatArray:
        """Darken an ellipse around the face's middle, brighten what is outside it."""
        y, x = np.mgrid[0:CROP_PX, 0:CROP_PX].astype(np.float32) / CROP_PX - 0.5  # (112, 112)
        outside = 1.0 / (1.0 + np.exp(-30.0 * (np.hypot(x / 0.9, y / 1.1) - 0.42)))
        dark, glare = _between(0.35, 0.7), _between(60.0, 160.0)
        lit = picture.astype(np.float32) * dark + glare * outside[..., None]
        return cast(FloatArray, lit.astype(np.float32))


class SmallFace(_PictureTransform):
    """A face that covers few pixels, enlarged by the alignment."""

    def change(self, picture: ImageArray) -> ImageArray:
        """Shrink to 30 to 80% and enlarge again."""
        side = round(CROP_PX * _between(0.3, 0.8))
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        return cast(ImageArray, cv2.resize(small, (CROP_PX, CROP_PX), interpolation=cv2.INTER_LINEAR))


def _shade() -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in torch.randint(0, 256, (3,)))
    return red, green, blue


class Glasses(_PictureTransform):
    """Frames around both eyes, their glass dark or clear."""

    def change(self, picture: ImageArray) -> ImageArray:
        """Draw them where alignment puts the eyes."""
        drawn = picture.copy()
        glass = picture.copy()
        colour = tuple(value // 3 for value in _shade())
        size = (int(_between(12, 17)), int(_between(8, 13)))
        eyes = [tuple(int(v) for v in np.round(eye)) for eye in TEMPLATE_112[:2]]
        for eye in eyes:
            cv2.ellipse(glass, eye, size, 0, 0, 360, colour, -1, cv2.LINE_AA)
        opacity = _between(0.0, 0.9)
        drawn = cv2.addWeighted(glass, opacity, drawn, 1.0 - opacity, 0)
        for eye in eyes:
            cv2.ellipse(drawn, eye, size, 0, 0, 360, colour, 2, cv2.LINE_AA)
        cv2.line(drawn, (eyes[0][0] + size[0], eyes[0][1]), (eyes[1][0] - size[0], eyes[1][1]), colour, 2)
        return cast(ImageArray, drawn)


class Mask(_PictureTransform):
    """A medical mask from the bridge of the nose downwards."""

    def change(self, picture: ImageArray) -> ImageArray:
        """Fill the outline of a mask with one colour."""
        top = _between(62.0, 74.0)
        outline = np.array([[14, top + 6], [56, top - 6], [98, top + 6], [90, 104], [56, 112], [22, 104]])
        drawn = picture.copy()
        cv2.fillPoly(drawn, [np.round(outline).astype(np.int32)], _shade(), cv2.LINE_AA)
        return drawn


class NightView(_PictureTransform):
    """A grey, dark and noisy camera at night: `models.vision.camera_model.degrade`."""

    def __init__(self, night: NightDoor = NIGHT_DOOR) -> None:
        super().__init__()
        self.night = night

    def change(self, picture: ImageArray) -> ImageArray:
        """Degrade, with numpy's generator seeded from torch's."""
        rng = np.random.default_rng(int(torch.randint(0, 2**31 - 1, ())))
        return degrade(picture, rng, self.night)


def door_camera() -> Augmentation:
    """Return what an ordinary door camera does, in the order in which it happens to the light."""
    steps = v2.Compose(
        [
            v2.RandomHorizontalFlip(0.5),
            v2.RandomAffine(degrees=4, translate=(0.03, 0.03), scale=(0.95, 1.05), interpolation=_BILINEAR),
            v2.RandomApply([v2.RandomChoice([Glasses(), Mask()])], 0.15),
            v2.RandomApply([BackLight()], 0.15),
            v2.RandomApply([MotionBlur()], 0.25),
            v2.RandomApply([SmallFace()], 0.3),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([LowLight()], 0.3),
            v2.RandomApply([v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3)], 0.5),
            v2.RandomApply([Jpeg()], 0.4),
        ]
    )
    return cast(Augmentation, steps)


def night_camera() -> Augmentation:
    """Return what the camera of a door does that is used by day and, as often, at night."""
    return cast(Augmentation, v2.RandomChoice([door_camera(), NightView()]))


_BILINEAR = v2.InterpolationMode.BILINEAR


def seeded_view(crop: ImageArray, transform: Augmentation, *seed: int) -> ImageArray:
    """Return one view of a crop, the same for the same seed. The caller holds `torch.random.fork_rng`.

    Args:
        crop: uint8 (112, 112, 3), RGB.
        seed: any integers, 0 or more, that identify the view.

    Returns:
        uint8 (112, 112, 3).
    """
    # `torch.manual_seed` would walk the call stack for accelerators that may be seeded later.
    torch.default_generator.manual_seed(
        int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1)
    )
    view = transform(torch.from_numpy(crop.transpose(2, 0, 1).copy()))  # (3, 112, 112)
    return np.ascontiguousarray(view.permute(1, 2, 0).numpy())
