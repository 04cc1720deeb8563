"""`draw_figure`: adds hair, a neck, shoulders and clothes to a bare face, as layers to paint.

Coordinates are those of the eigenfaces' window, and go beyond it on all sides.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from models.domain import FloatArray, ImageArray
from models.synthetic.geometry import HEAD_CENTRE, HEAD_RADII, MEAN_SHAPE
from models.synthetic.hair import Hair, draw_hair, paint_hair, paint_long_hair

_DETAIL = 2  # pixels of a layer for one pixel of the window

# Left, top, right, bottom of the layers.
_HEAD_AREA = (-8, -14, 103, 108)
_BODY_AREA = (-72, 20, 167, 230)

# Blue, green, red of clothes: none is the colour of skin.
_CLOTHES = np.array(
    [
        (120, 70, 40),
        (60, 50, 48),
        (70, 110, 60),
        (60, 50, 150),
        (190, 190, 185),
        (140, 110, 60),
        (110, 50, 95),
    ],
    np.float64,
)

# Beyond this share of the head's radius the eigenfaces fade into the background of the photos.
_FACE_RIM = 0.84


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """A layer at one size: uint8 (H, W, 4), blue, green and red multiplied by the cover, and the cover."""

    image: ImageArray
    scale: float


@dataclass(frozen=True, eq=False)
class Sprite:
    """A layer to paint.

    Attributes:
        image: uint8 (H, W, 4), as in `Level`.
        left, top: where its corner lies in the window.
        scale: its pixels for one pixel of the window.
    """

    image: ImageArray
    left: float
    top: float
    scale: float

    @cached_property
    def _levels(self) -> list[Level]:
        levels = [Level(self.image, self.scale)]
        while min(levels[-1].image.shape[:2]) >= 32:
            half = cv2.resize(levels[-1].image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            levels.append(Level(np.asarray(half, np.uint8), half.shape[1] / self.image.shape[1] * self.scale))
        return levels

    def level(self, scale: float) -> Level:
        """Return the smallest level that still has `scale` pixels or more for one pixel of the window."""
        fine = [level for level in self._levels if level.scale >= 0.8 * scale]
        return fine[-1] if fine else self._levels[0]

    def corners(self) -> FloatArray:
        """Return the four corners, float64 (4, 2), in the window."""
        height, width = np.array(self.image.shape[:2]) / self.scale
        x, y = (self.left, self.left + width), (self.top, self.top + height)
        return np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])])


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A person to paint: a body that stands upright, and before it a head or a photograph that turns.

    Attributes:
        flat: the upper layer is a photograph and turns as a plane.
    """

    body: Sprite
    head: Sprite
    flat: bool = False


def draw_figure(face: FloatArray, rng: np.random.Generator) -> Figure:
    """Add a head and a body to a face, float32 (96, 96, 3) BGR; `rng` draws clothes and hair."""
    skin = np.median(face[55:66, 22:34].reshape(-1, 3), axis=0) * 0.5
    skin += np.median(face[55:66, 62:74].reshape(-1, 3), axis=0) * 0.5
    hair, jaw = draw_hair(rng), rng.uniform(0.93, 1.03)
    return Figure(_body(skin, hair, rng), _head(face, hair, jaw))


def draw_print(portrait: ImageArray, holder: Figure) -> Figure:
    """Draw a photograph on white paper, held before a person's face. `portrait`: uint8 (S, S, 3), BGR."""
    size = portrait.shape[0]
    rim = size // 16
    paper = cv2.copyMakeBorder(portrait, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=(235, 238, 238))
    solid = np.dstack([paper, np.full(paper.shape[:2], 255, np.uint8)])
    solid = cv2.copyMakeBorder(solid, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    scale = size / 145.0  # as `SyntheticPerson.portrait` places the head
    left = HEAD_CENTRE[0] - (size * 0.5 + rim + 2) / scale
    top = HEAD_CENTRE[1] - (size * 0.47 + rim + 2) / scale
    return Figure(holder.body, Sprite(np.asarray(solid, np.uint8), left, top, scale), flat=True)


def _grid(area: tuple[int, int, int, int]) -> tuple[FloatArray, FloatArray]:
    left, top, right, bottom = area
    step = 1 / _DETAIL
    x, y = np.meshgrid(np.arange(left, right, step) + step / 2, np.arange(top, bottom, step) + step / 2)
    return x.astype(np.float32), y.astype(np.float32)


def _sprite(colour: FloatArray, cover: FloatArray, area: tuple[int, int, int, int]) -> Sprite:
    """A layer from colour, float (H, W, 3), 0 to 255, and cover, float (H, W), 0 to 1."""
    layer = np.dstack([np.clip(colour, 0, 255) * cover[..., None], cover * 255.0])
    return Sprite(np.round(layer).astype(np.uint8), area[0], area[1], _DETAIL)


def _head(face: FloatArray, hair: Hair, jaw: float) -> Sprite:
    """Draw hair and the face, extended outwards along rays from its middle to give the jaw an outline."""
    x, y = _grid(_HEAD_AREA)
    across, down = (x - HEAD_CENTRE[0]) / HEAD_RADII[0], (y - HEAD_CENTRE[1]) / HEAD_RADII[1]
    radius = (np.abs(across) ** 2.4 + np.abs(down) ** 2.4) ** (1 / 2.4)
    inward = np.minimum(1.0, _FACE_RIM / np.maximum(radius, 1e-3))
    source_x = (HEAD_CENTRE[0] + across * inward * HEAD_RADII[0]).astype(np.float32)
    source_y = (HEAD_CENTRE[1] + down * inward * HEAD_RADII[1]).astype(np.float32)
    colour = cv2.remap(face, source_x, source_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    hair_colour, hair_cover = paint_hair(hair, x, y)
    colour = colour * (1.0 - hair_cover[..., None]) + hair_colour * hair_cover[..., None]
    colour *= 1.0 - 0.35 * np.clip(
        (radius[..., None] - 0.8) / 0.35, 0.0, 1.0
    )  # the rim of a round head is darker
    volume = 1.02 if hair.bald else hair.volume
    swell = np.where(down < 0, jaw + (volume - jaw) * np.minimum(1.0, -2.0 * down), jaw)
    outline = np.clip((swell - radius) / 0.06, 0.0, 1.0)
    return _sprite(np.asarray(colour), np.asarray(outline), _HEAD_AREA)


def _body(skin: FloatArray, hair: Hair, rng: np.random.Generator) -> Sprite:
    """Draw long hair, before it a neck, before that clothes; `skin` is the colour of the cheeks."""
    x, y = _grid(_BODY_AREA)
    middle = MEAN_SHAPE[:, 0].mean()
    away = np.abs(x - middle)
    neck_width = rng.uniform(17.0, 22.0)
    shoulder_width, slope = rng.uniform(82.0, 100.0), rng.uniform(0.20, 0.32)
    neck = np.clip((neck_width + np.maximum(0.0, y - 98.0) ** 2 * 0.05 - away) / 2.0, 0.0, 1.0)
    shoulder_top = 105.0 + slope * away + 26.0 * np.maximum(0.0, away / shoulder_width - 0.72) ** 1.2 * 6
    clothes_cover = np.clip((y - shoulder_top) / 1.5, 0.0, 1.0) * np.clip((shoulder_width - away) / 2.0, 0, 1)
    opening = np.clip(
        (neck_width * 1.05 - away - np.maximum(0.0, y - 106.0) * rng.uniform(0.7, 1.6)) / 2.0, 0, 1
    )
    clothes_cover = clothes_cover * (1.0 - opening)
    shade = 0.86 - 0.3 * np.clip((104.0 - y) / 18.0, 0.0, 1.0) - 0.25 * (away / neck_width).clip(0, 1.2) ** 2
    colour = skin * shade[..., None]
    cloth = _CLOTHES[rng.integers(len(_CLOTHES))] * rng.uniform(0.7, 1.2)
    folds = rng.normal(0.0, 1.0, (9, 12)).astype(np.float32)
    folds = cv2.resize(folds, (x.shape[1], x.shape[0]), interpolation=cv2.INTER_CUBIC) * 0.07
    light = (
        1.0 - 0.35 * (away / shoulder_width) ** 2 + folds - 0.3 * np.exp(-np.maximum(0, y - shoulder_top) / 5)
    )
    cloth_cover = clothes_cover[..., None]
    neck = neck * (away < 46) * (y < 150)
    hair_colour, hair_cover = paint_long_hair(hair, x, y)
    behind = (hair_cover * (1.0 - neck))[..., None]
    colour = colour * (1.0 - behind) + hair_colour * behind
    colour = colour * (1 - cloth_cover) + cloth * light[..., None] * cloth_cover
    cover = np.maximum.reduce([neck, clothes_cover, hair_cover])
    return _sprite(np.asarray(colour), np.asarray(cover), _BODY_AREA)
