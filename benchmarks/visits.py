"""Measures how much more often a stranger gets in during a visit than in a search of one picture.

    python -m benchmarks.visits --shared ../shared --weights .doorward/weights

The door fuses the pictures of the last second and decides again with each new one, so a stranger who stays
has many chances, and each is an average, which takes luck away. The factor is the share of visits in which
some decision reaches the threshold, over the share of single pictures that do. It is measured three ways:

    moving      real strangers among real people; their pictures move as real faces do in real clips
    sitting     40 people with ten photographs each of one sitting (ORL), who show another one every so often
    repeated    the same with people of eight or more photographs of different years (LFW)

Writes the table that the calibration reads, models/evaluation/visit_factor.json, and the measurement into
docs/experiments/thresholds.md.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import curve_fit

from access.tracking import Tracker, TrackingLimits
from benchmarks.lfw import CACHE, door_vectors, identities, load_views, unit
from benchmarks.pages import THRESHOLDS_PAGE, replace_part, write_factors
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.errors import InputError
from models.evaluation.photos import embed_photos
from models.gallery.mean import GalleryMean
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import ensure_weights
from models.settings.decision import DecisionSettings
from models.vision.alignment import align_face
from models.vision.detector import YuNetDetector

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "models" / "evaluation" / "visit_factor.json"
CLIPS = ("clips/one_person_live.mp4", "clips/several_people_stage.mp4", "pad/clips/bona_fide/*")
RATE_HZ = 10
DWELLS_S = (0.1, 0.5, 1.0)
REPEATS = 3
SECONDS = (1, 5, 10, 30)
TARGETS = (0.01, 0.001)
GALLERIES = (100, 800)
RESAMPLES = 1000
CONFIDENCE = 0.95
MIN_TRACK_S = 1.9
LAGS_S = (0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0)
MIN_PHOTOS = 8
MAX_PHOTOS = 40
CHUNK = 40
SEED = 0


@dataclass(frozen=True)
class Motion:
    """How the pictures of one face differ: shares of the squared length, and the time in which it moves on.

    Attributes:
        slow: of what changes with the pose, correlated over `tau_s`.
        fast: of what is new in each picture.
        tau_s: after this time the correlation of the slow part has fallen to 1 / e.
    """

    slow: float
    fast: float
    tau_s: float

    def cosine(self, lag_s: np.ndarray) -> np.ndarray:
        """Return the expected cosine of two pictures, `lag_s` > 0 apart."""
        return 1.0 - self.fast - self.slow * (1.0 - np.exp(-lag_s / self.tau_s))


def clip_tracks(shared: Path, weights: Path, cache: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the faces followed through the clips: seconds (T,) and unit rows (T, D), ten a second."""
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, **_embed_clips(shared, weights))
    with np.load(cache, allow_pickle=False) as kept:
        return {name: (kept[name][:, 0], kept[name][:, 1:]) for name in kept.files}


def _embed_clips(shared: Path, weights: Path) -> dict[str, np.ndarray]:
    files = ensure_weights(weights)
    detector = YuNetDetector(files.detector)
    encoder = FlippedEncoder(OpenVinoEncoder(files.sface, SFACE_MODEL_ID))
    found: dict[str, np.ndarray] = {}
    for path in [path for pattern in CLIPS for path in sorted((shared / "data").glob(pattern))]:
        clip, tracker, frame, due = cv2.VideoCapture(str(path)), Tracker(TrackingLimits()), 0, 0.0
        rows: dict[int, list[np.ndarray]] = {}
        while (read := clip.read())[0]:
            at_s, frame = frame / clip.get(cv2.CAP_PROP_FPS), frame + 1
            tracks = tracker.update(detector.detect(read[1]), at_s)
            if at_s + 1e-6 < due:
                continue
            due += 1 / RATE_HZ
            for track in tracks:
                try:
                    crop = align_face(read[1], track.face)
                except InputError:
                    continue
                vector = encoder.embed([crop])[0].vector
                rows.setdefault(track.track_id, []).append(np.concatenate([[at_s], vector]))
        for number, own in rows.items():
            if own[-1][0] - own[0][0] >= MIN_TRACK_S:
                found[f"{path.stem} {number}"] = np.stack(own)
    return found


def fit_motion(at_s: np.ndarray, vectors: np.ndarray) -> tuple[Motion, dict[float, float]]:
    """Fit a motion to the cosines of a track's pictures by their distance in time; returns these too."""
    cosines, apart = vectors @ vectors.T, np.abs(at_s[:, None] - at_s)
    means = {}
    for lag in LAGS_S:
        near = np.abs(apart - lag) < 0.5 / RATE_HZ
        if near.sum() >= 16:
            means[lag] = float(cosines[near].mean())
    lags = np.array(list(means))
    fitted, _ = curve_fit(
        lambda lag, slow, fast, tau: Motion(slow, fast, tau).cosine(lag),
        lags,
        np.array(list(means.values())),
        p0=(0.2, 0.05, 0.5),
        bounds=((0.0, 0.0, 0.1), (0.7, 0.3, 3.0)),
    )
    return Motion(*map(float, fitted)), means


def moving_frames(
    base: np.ndarray, within: np.ndarray, motion: Motion, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Return pictures of moving strangers: (P, D) of one photograph each -> (P, count, D) unit rows.

    Args:
        base: unit rows.
        within: (D, D); a normal vector times it has the covariance of one person's photographs, length 1.
        motion: how much and how fast they move.
        count: pictures.
        rng: draws the movements.
    """

    def noise(*shape: int) -> np.ndarray:
        return rng.standard_normal((*shape, base.shape[1])).astype(np.float32) @ within

    keep = np.exp(-1.0 / (RATE_HZ * motion.tau_s))
    pose = np.empty((len(base), count, base.shape[1]), np.float32)
    pose[:, 0] = noise(len(base))
    for step in range(1, count):
        pose[:, step] = keep * pose[:, step - 1] + np.sqrt(1 - keep**2) * noise(len(base))
    stays = np.sqrt(1.0 - motion.slow - motion.fast)
    moved = stays * base[:, None] + np.sqrt(motion.slow) * pose
    return unit(moved + np.sqrt(motion.fast) * noise(len(base), count))


def within_person(vectors: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    """Return the square root of the covariance of photographs about their person's mean, trace 1."""
    parts = [vectors[own] - vectors[own].mean(axis=0) for own in rows if len(own) >= 3]
    residual = np.concatenate([part * np.sqrt(1 / (len(part) - 1)) for part in parts])
    values, axes = np.linalg.eigh(residual.T @ residual)
    values = np.maximum(values, 0.0) / values.sum()
    return (np.sqrt(values)[:, None] * axes.T).astype(np.float32)


def fused(frames: np.ndarray, settings: DecisionSettings) -> np.ndarray:
    """Average what the door's window holds at each picture: (P, T, E) -> (P, T - min_frames + 1, E)."""
    window = int(settings.window_s * RATE_HZ) + 1
    sums = np.cumsum(np.concatenate([np.zeros_like(frames[:, :1]), frames], axis=1), axis=1, dtype=np.float64)
    last = np.arange(settings.min_frames, frames.shape[1] + 1)
    first = np.maximum(0, last - window)
    return ((sums[:, last] - sums[:, first]) / (last - first)[None, :, None]).astype(np.float32)


@dataclass(frozen=True)
class Measured:
    """Of each stranger and gallery, one row each: how often a single picture and a visit reached a threshold.

    Attributes:
        stranger: (R,) whose row it is.
        single: (R,) share of single pictures that reach the threshold.
        visit: by seconds, (R,) share of visits in which some decision reaches it.
        with_margin: the same with the margin to the next person.
    """

    stranger: np.ndarray
    single: np.ndarray
    visit: dict[int, np.ndarray]
    with_margin: dict[int, np.ndarray]

    def factor(self, visit: np.ndarray) -> tuple[float, float, float]:
        """Return the factor with its bounds, strangers drawn again."""
        rng = np.random.default_rng(SEED)
        _, who = np.unique(self.stranger, return_inverse=True)
        single, whole = np.bincount(who, self.single), np.bincount(who, visit)
        factors = []
        for _ in range(RESAMPLES):
            drawn = np.bincount(rng.integers(0, len(single), len(single)), minlength=len(single))
            chances = float(drawn @ single)
            factors.append(float(drawn @ whole) / chances if chances else np.inf)
        low, high = np.quantile(factors, [1 - CONFIDENCE, CONFIDENCE], method="nearest")
        return float(whole.sum() / single.sum()), float(low), float(high)


def measure(
    visits: Callable[[np.random.Generator, np.ndarray], np.ndarray],
    strangers: int,
    galleries: list[np.ndarray],
    repeats: int,
) -> dict[float, Measured]:
    """Show strangers to galleries, by target rate.

    Args:
        visits: draws the pictures of some strangers' longest visits, (P, T, D) unit rows, stationary in time.
        strangers: how many there are.
        galleries: of unit rows, one per person.
        repeats: visits of each stranger.
    """
    settings = DecisionSettings()
    stranger: list[np.ndarray] = []
    single: list[np.ndarray] = []
    best: dict[int, list[np.ndarray]] = {length: [] for length in SECONDS}
    clear: dict[int, list[np.ndarray]] = {length: [] for length in SECONDS}
    means = [GalleryMean.of(gallery) for gallery in galleries]
    placed = [mean.remove(gallery).T for mean, gallery in zip(means, galleries, strict=True)]
    rng = np.random.default_rng(SEED)
    for _ in range(repeats):
        for first in range(0, strangers, CHUNK):
            who = np.arange(first, min(strangers, first + CHUNK))
            frames = visits(rng, who)
            for mean, people in zip(means, placed, strict=True):
                seen = mean.remove(frames)
                one = (seen[:, :: RATE_HZ // 2] @ people).max(axis=2)
                scores = fused(seen, settings) @ people
                top = scores.max(axis=2)
                np.put_along_axis(scores, scores.argmax(axis=2)[..., None], -np.inf, axis=2)
                alone = np.where(top - scores.max(axis=2) >= settings.min_margin, top, -np.inf)
                stranger.append(who)
                single.append(one)
                for length in SECONDS:
                    decisions = length * RATE_HZ - settings.min_frames + 1
                    best[length].append(top[:, :decisions].max(axis=1))
                    clear[length].append(alone[:, :decisions].max(axis=1))
    singles, rows = np.concatenate(single), np.concatenate(stranger)
    found = {}
    for target in TARGETS:
        threshold = np.quantile(singles, 1 - target, method="higher")
        found[target] = Measured(
            rows,
            (singles >= threshold).mean(axis=1),
            *(
                {n: (np.concatenate(tops[n]) >= threshold).astype(float) for n in SECONDS}
                for tops in (best, clear)
            ),
        )
    return found


def shown_photos(photos: list[np.ndarray], dwell_s: float) -> Callable[..., np.ndarray]:
    """Return visits in which each stranger shows their photographs in random order, each for `dwell_s`."""
    held = max(1, round(dwell_s * RATE_HZ))
    needed = -(-SECONDS[-1] * RATE_HZ // held) + 1

    def visits(rng: np.random.Generator, who: np.ndarray) -> np.ndarray:
        found = []
        for number in who:
            own = photos[number]
            rounds = -(-needed // len(own))
            order = np.concatenate([rng.permutation(len(own)) for _ in range(rounds)])[:needed]
            start = int(rng.integers(0, held))
            found.append(own[np.repeat(order, held)[start : start + SECONDS[-1] * RATE_HZ]])
        return np.stack(found)

    return visits


def split_people(vectors: np.ndarray, size: int, seed: int = SEED) -> list[np.ndarray]:
    """Cut people, one unit row each, into galleries of `size`; the rest is left out."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    return [vectors[order[at : at + size]] for at in range(0, len(order) - size + 1, size)]


def orl_photos(shared: Path, weights: Path, cache: Path) -> list[np.ndarray]:
    """Return the embedded photographs of each person of ORL."""
    if not cache.exists():
        files = ensure_weights(weights)
        encoder = FlippedEncoder(OpenVinoEncoder(files.sface, SFACE_MODEL_ID))
        paths = sorted((shared / "data" / "orl").glob("s*/*"))
        photos = embed_photos(paths, YuNetDetector(files.detector), encoder)
        np.savez(cache, vectors=photos.vectors[photos.acquired], people=np.array(photos.subjects))
    with np.load(cache, allow_pickle=False) as kept:
        return [kept["vectors"][kept["people"] == name] for name in np.unique(kept["people"])]


def row_of(name: str, size: int, target: float, measured: Measured) -> str:
    """Return a line of the table: for each length the factor with its bounds, and then with the margin."""
    cells = []
    for length in SECONDS:
        value, low, high = measured.factor(measured.visit[length])
        margin = measured.factor(measured.with_margin[length])[0]
        cells.append(f"{value:.2f} ({low:.2f} to {high:.2f}), {margin:.2f}")
    return f"| {name} | {size} | {target:.1%} | {' | '.join(cells)} |"


def track_rows(tracks: dict[str, tuple[np.ndarray, np.ndarray]]) -> tuple[list[str], dict[str, Motion]]:
    """Return the table of the clips, and the motion fitted to each track."""
    lines = [
        "| face | seconds | pictures | cosine at 0.1 s | 0.5 s | 1 s | slow | fast | tau |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    motions = {}
    for name, (at_s, rows) in tracks.items():
        motions[name], means = fit_motion(at_s, rows)
        motion = motions[name]
        cosines = " | ".join(f"{means[lag]:.2f}" if lag in means else "-" for lag in (0.1, 0.5, 1.0))
        lines.append(
            f"| {name} | {at_s[-1] - at_s[0]:.1f} | {len(rows)} | {cosines} | {motion.slow:.2f} | "
            f"{motion.fast:.2f} | {motion.tau_s:.2f} s |"
        )
    return lines, motions


def main() -> None:
    """Measure, and write the table and the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--weights", type=Path, default=ROOT / ".doorward" / "weights")
    parser.add_argument("--cache", type=Path, default=CACHE)
    given = parser.parse_args()
    views = load_views(given.shared, given.weights, given.cache)
    vectors, names = door_vectors(views), identities(given.shared, views.paths)
    people = [np.flatnonzero((names == name) & views.acquired) for name in np.unique(names)]
    people = [own for own in people if len(own)]
    first_photos = vectors[[own[0] for own in people]]
    counts = np.array([len(own) for own in people])
    alone, several = first_photos[counts == 1], first_photos[counts > 1]
    few = first_photos[counts < MIN_PHOTOS]
    many = [vectors[own[:MAX_PHOTOS]] for own in people if len(own) >= MIN_PHOTOS]
    orl = orl_photos(given.shared, given.weights, given.cache.with_name("orl.npz"))
    within = within_person(vectors, people)

    clips, motions = track_rows(clip_tracks(given.shared, given.weights, given.cache.with_name("clips.npz")))
    fitted = list(motions.values())
    most = max(fitted, key=lambda motion: motion.slow)
    chosen = {
        "as the face that moves least": min(fitted, key=lambda motion: motion.slow),
        "as the median of the faces": Motion(*np.median([(m.slow, m.fast, m.tau_s) for m in fitted], axis=0)),
        "as the face that moves most": most,
        "as much as that, but slowly (2 s)": Motion(most.slow, most.fast, 2.0),
    }
    lines = [
        f"| strangers | people | target |{''.join(f' {length} s |' for length in SECONDS)}",
        f"| --- | --- | --- |{' --- |' * len(SECONDS)}",
    ]
    upper: dict[int, float] = {0: 1.0}

    def add(name: str, size: int, measured: dict[float, Measured], *, counts: bool) -> None:
        for target, result in measured.items():
            lines.append(row_of(name, size, target, result))
            print(lines[-1], flush=True)
        for length in SECONDS if counts else ():
            result = measured[TARGETS[0]]
            upper[length] = max(upper.get(length, 1.0), result.factor(result.visit[length])[2])

    for name, motion in chosen.items():

        def visits(rng: np.random.Generator, who: np.ndarray, motion: Motion = motion) -> np.ndarray:
            return moving_frames(alone[who], within, motion, SECONDS[-1] * RATE_HZ, rng)

        for size in GALLERIES if "median" in name else GALLERIES[:1]:
            measured = measure(visits, len(alone), split_people(several, min(size, len(several))), 1)
            add(f"moving {name}", min(size, len(several)), measured, counts=size == GALLERIES[0])
    for name, photos, enrolled in (("sitting", orl, first_photos), ("repeated", many, few)):
        for dwell_s in DWELLS_S:
            galleries = split_people(enrolled, GALLERIES[0])
            measured = measure(shown_photos(photos, dwell_s), len(photos), galleries, REPEATS)
            another = f"{name}, another photo every {dwell_s:g} s"
            add(another, GALLERIES[0], measured, counts=name == "sitting")
    published = write_factors(TABLE, upper)
    cells = " | ".join(f"**{published[length]:.2f}**" for length in SECONDS)
    replace_part(THRESHOLDS_PAGE, "clips", clips)
    replace_part(THRESHOLDS_PAGE, "visits", [*lines, f"| **published** | | | {cells} |"])


if __name__ == "__main__":
    main()
