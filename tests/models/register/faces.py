"""Faces for the register: random pictures and random unit vectors, the same for the same seed."""

import numpy as np

from models.domain import Embedding, FaceCrop
from models.register.records import EnrolledFace

MODEL = "network-a"


def embedding(seed: int, model_id: str = MODEL) -> Embedding:
    vector = np.random.default_rng(seed).normal(size=128)
    return Embedding((vector / np.linalg.norm(vector)).astype(np.float32), model_id)


def face(seed: int, model_id: str = MODEL) -> EnrolledFace:
    pixels = np.random.default_rng(seed).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    return EnrolledFace(FaceCrop(pixels), embedding(seed, model_id))
