"""People as vectors: a direction each, and photographs scattered about it."""

import numpy as np

from models.domain import Embedding, PersonId, Template

MODEL = "net-a"
DIMENSION = 128


def make_templates(count, photos=2, seed=0, noise=0.5, model_id=MODEL):
    rng = np.random.default_rng(seed)
    common = np.full(DIMENSION, 0.03)
    found = []
    for person in range(count):
        centre = rng.normal(size=DIMENSION) / np.sqrt(DIMENSION) + common
        for number in range(photos):
            vector = centre + noise * rng.normal(size=DIMENSION) / np.sqrt(DIMENSION)
            unit = (vector / np.linalg.norm(vector)).astype(np.float32)
            found.append(
                Template(
                    f"{seed}-{person}-{number}", PersonId(f"{seed}-{person:05d}"), Embedding(unit, model_id)
                )
            )
    return found


def make_cohort(count, seed=99):
    return np.stack([t.embedding.vector for t in make_templates(count, photos=1, seed=seed)])
