"""`draw_hair`, `paint_hair`: hair for synthetic heads, of different colour, hairline, sides and strands."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.domain import FloatArray
from models.synthetic.geometry import HEAD_CENTRE, HEAD_RADII

# Blue, green, red of common hair, from black to grey.
_COLOURS = np.array(
    [(22, 22, 26), (26, 34, 48), (30, 44, 68), (44, 66, 100), (84, 126, 160), (36, 62, 122), (130, 136, 140)],
    np.float32,
)
_BALD_SHARE = 0.12
_LONG_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Hair:
    """One person's hair, in pixels of the eigenfaces' window and shares of the head's radii.

    Attributes:
        colour: float32 (3,), BGR.
        line: how far down it grows on the forehead.
        temple: how far from the middle it begins to grow down at the sides, in head radii.
        side: how far down it reaches there.
        parting: how much lower it hangs on one side.
        volume: how far it stands out, in head radii.
        long: it falls to the shoulders behind the neck.
        bald: without hair.
        strands: float32 (8, 160), the texture: along a strand, around the head.
    """

    colour: FloatArray
    line: float
    temple: float
    side: float
    parting: float
    volume: float
    long: bool
    bald: bool
    strands: FloatArray


def draw_hair(rng: np.random.Generator) -> Hair:
    """Draw one person's hair at random."""
    colour = _COLOURS[rng.integers(len(_COLOURS))] * rng.uniform(0.8, 1.25)
    kind = rng.random()
    return Hair(
        colour=colour,
        line=rng.uniform(7.0, 19.0),
        temple=rng.uniform(0.55, 0.78),
        side=rng.uniform(28.0, 52.0),
        parting=rng.normal(0.0, 3.0),
        volume=rng.uniform(1.06, 1.2),
        long=bool(kind < _LONG_SHARE),
        bald=bool(kind > 1.0 - _BALD_SHARE),
        strands=rng.normal(0.0, 1.0, (8, 160)).astype(np.float32),
    )


def paint_hair(hair: Hair, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return colour, float32 (H, W, 3), and cover, float32 (H, W), of the hair at points of the window."""
    across = (x - HEAD_CENTRE[0]) / HEAD_RADII[0]
    angle = np.arctan2(y - 34.0, x - HEAD_CENTRE[0])
    turns = ((angle / (2 * np.pi) + 0.25) % 1.0 * 159).astype(np.float32)  # the seam lies under the chin
    along = np.clip(np.hypot(x - HEAD_CENTRE[0], y - 34.0) / 9.0, 0.0, 7.0).astype(np.float32)
    strands = cv2.remap(hair.strands, turns, along, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    shine = np.exp(-(((np.hypot(across, (y - 34.0) / 40.0) - 0.75) / 0.16) ** 2))
    colour = hair.colour * (0.9 + 0.09 * strands + 0.25 * shine)[..., None]
    if hair.bald:
        return colour.astype(np.float32), np.zeros_like(x)
    grown = np.clip((np.abs(across) - hair.temple) / 0.22, 0.0, 1.0)
    grown = grown * grown * (3.0 - 2.0 * grown)
    bottom = hair.line + hair.parting * across + 1.6 * strands + grown * (hair.side - hair.line)
    cover = np.clip((bottom - y) / 3.0 + 0.5, 0.0, 1.0)
    return colour.astype(np.float32), cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 1.2)


def paint_long_hair(hair: Hair, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return colour and cover, as `paint_hair`, of the hair behind the neck; no cover unless it is long."""
    across = (x - HEAD_CENTRE[0]) / HEAD_RADII[0]
    waves = cv2.resize(hair.strands[:4, :40], (x.shape[1], 4), interpolation=cv2.INTER_CUBIC)
    waves = cv2.resize(waves, (x.shape[1], x.shape[0]), interpolation=cv2.INTER_CUBIC)
    colour = hair.colour * (0.75 + 0.09 * waves)[..., None]
    if not hair.long:
        return colour.astype(np.float32), np.zeros_like(x)
    under_head = np.sqrt(np.clip((y - 20.0) / 40.0, 0.0, 1.0))
    width = (hair.volume * (1.0 + 0.05 * np.sin((y - 60.0) / 14.0)) - 0.02) * under_head
    sides = np.clip((width - np.abs(across)) / 0.06, 0.0, 1.0)
    ends = np.clip((124.0 + 3.0 * waves - 12.0 * across**2 - y) / 6.0, 0.0, 1.0)
    return colour.astype(np.float32), (sides * ends).astype(np.float32)
