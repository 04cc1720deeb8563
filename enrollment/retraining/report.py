"""`write_report`: the report of a training run, one self-contained HTML file."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enrollment.retraining.gate import FaceSet, Verdict, scores_of
from models.domain import FloatArray, ImageArray
from models.evaluation.metrics import det_curve
from models.storage.files import write_atomically

Float64Array = npt.NDArray[np.float64]
CHAMPION_COLOUR, CHALLENGER_COLOUR = "#6b7280", "#0b6e4f"
MAX_HARDEST_PAIRS = 8
MAX_CURVE_POINTS = 500
MIN_RATE = 1e-4
MATED, NON_MATED = "same person", "different people"

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1f2937}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem}img{max-width:100%}
.passed{color:#0b6e4f}.failed{color:#b42318}table{border-collapse:collapse}
td,th{padding:.25rem .8rem;border-bottom:1px solid #e5e7eb;text-align:left}
.pairs{display:flex;flex-wrap:wrap;gap:1rem}.pairs figure{margin:0}.pairs img{width:84px;border-radius:4px}
figcaption{font-size:.85rem;color:#4b5563}
"""


@dataclass(frozen=True, slots=True, eq=False)
class ReportedSet:
    """One set of people in the report.

    Attributes:
        name: "site" or "general".
        faces: embedded by both networks.
        crops: uint8 (N, 112, 112, 3), RGB, in the order of `faces`, to show the hardest pairs, or None.
    """

    name: str
    faces: FaceSet
    crops: ImageArray | None = None


def write_report(
    path: Path,
    title: str,
    *,
    facts: Mapping[str, str],
    verdict: Verdict,
    curves: Mapping[str, Sequence[tuple[float, float]]],
    sets: Sequence[ReportedSet],
    objections: Sequence[str] = (),
) -> None:
    """Write the report to `path`; when it shows faces, only its owner may read it.

    Args:
        path: of the HTML file.
        title: heading of the report.
        facts: shown as a table, in order.
        verdict: of the gate.
        curves: learning curves by name: pairs of step and value.
        sets: the gate's sets.
        objections: why it is refused, where there is no verdict.

    Raises:
        OSError: it cannot be written.
    """
    outcome = "passed" if verdict.passed else "failed"
    sentences = [each.explain() for each in verdict.comparisons]
    parts = [f"<h1>{_safe(title)}</h1><p class={outcome}><b>The gate was {outcome}.</b></p>"]
    parts.append("<ul>" + "".join(f"<li>{_safe(each)}</li>" for each in (*objections, *sentences)) + "</ul>")
    rows = "".join(f"<tr><th>{_safe(name)}</th><td>{_safe(value)}</td></tr>" for name, value in facts.items())
    parts.append(f"<h2>The run</h2><table>{rows}</table>")
    if curves:
        parts.append(f"<h2>Learning</h2>{_picture(draw_curves(curves), 'learning curves')}")
    for each in sets:
        parts.append(f"<h2>{_safe(each.name.capitalize())}: {len(np.unique(each.faces.people))} people</h2>")
        parts.append(_picture(draw_errors(each.faces), f"error trade-off and scores, {each.name}"))
        if each.crops is not None:
            parts.append(_hardest_pairs(each.faces, each.crops))
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{_safe(title)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style>{''.join(parts)}</html>"
    )
    shows_faces = any(each.crops is not None for each in sets)
    write_atomically(path, page.encode(), 0o600 if shows_faces else 0o666)


def draw_curves(curves: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """Draw one small plot per curve."""
    figure = Figure(figsize=(4 * len(curves), 3), layout="constrained")
    for index, (name, points) in enumerate(curves.items()):
        axes = figure.add_subplot(1, len(curves), index + 1)
        axes.plot(*zip(*points, strict=True), color=CHALLENGER_COLOUR)
        axes.set(title=name, xlabel="step")
        axes.grid(alpha=0.3)
    return figure


def draw_errors(faces: FaceSet) -> Figure:
    """Draw the DET curves of both networks (ISO/IEC 19795-1) and the histograms of their scores."""
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    det, *histograms = figure.subplots(1, 3)
    networks = (
        ("champion", faces.champion, CHAMPION_COLOUR),
        ("challenger", faces.challenger, CHALLENGER_COLOUR),
    )
    for (name, embeddings, colour), axes in zip(networks, histograms, strict=True):
        mated, non_mated = split_scores(faces, embeddings)
        curve = det_curve(mated, non_mated)
        # Dense where false matches are few: that end is what a door works at.
        shown = len(curve.fmr) - np.unique(np.geomspace(1, len(curve.fmr), MAX_CURVE_POINTS).astype(int))
        det.plot(_deviate(curve.fmr[shown]), _deviate(curve.fnmr[shown]), color=colour, label=name)
        for scores, label, fill in ((non_mated, NON_MATED, "#d97706"), (mated, MATED, "#2563eb")):
            # Rounding takes equal vectors a hair above 1, where no bin is.
            shown = np.clip(scores, -0.5, 1)
            axes.hist(shown, bins=60, range=(-0.5, 1), density=True, alpha=0.6, color=fill, label=label)
        axes.set(title=name, xlabel="score")
        axes.legend(loc="upper left")
    _label_deviates(det)
    det.legend(loc="upper right")
    return figure


def split_scores(faces: FaceSet, embeddings: FloatArray) -> tuple[Float64Array, Float64Array]:
    """Return mated and non-mated scores of a set, by one of its two networks' float32 (N, D) unit vectors."""
    first, second, same = faces.pairs()
    scores = scores_of(embeddings, first, second)
    return scores[same], scores[~same]


def hardest_pairs(faces: FaceSet, count: int) -> dict[str, list[tuple[int, int, float]]]:
    """Return the challenger's mated pairs of the lowest and non-mated pairs of the highest scores."""
    first, second, same = faces.pairs()
    scores = scores_of(faces.challenger, first, second)
    found = {}
    for label, chosen, sign in ((MATED, same, 1), (NON_MATED, ~same, -1)):
        where = np.flatnonzero(chosen)
        worst = where[np.argsort(sign * scores[where], kind="stable")[:count]]
        found[label] = [(int(first[i]), int(second[i]), float(scores[i])) for i in worst]
    return found


def _hardest_pairs(faces: FaceSet, crops: ImageArray) -> str:
    parts = []
    for label, pairs in hardest_pairs(faces, MAX_HARDEST_PAIRS).items():
        shown = "".join(
            f"<figure>{_thumbnail(crops[a])}{_thumbnail(crops[b])}<figcaption>{score:.2f}</figcaption></figure>"
            for a, b, score in pairs
        )
        parts.append(f"<h3>Hardest for the challenger: {label}</h3><div class=pairs>{shown}</div>")
    return "".join(parts)


def _thumbnail(crop: ImageArray) -> str:
    content = cv2.imencode(".jpg", np.ascontiguousarray(crop[:, :, ::-1]))[1].tobytes()
    return f"<img alt=face src='data:image/jpeg;base64,{base64.b64encode(content).decode()}'>"


def _picture(figure: Figure, alt: str) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    encoded = base64.b64encode(content.getvalue()).decode()
    return f"<img alt='{_safe(alt)}' src='data:image/png;base64,{encoded}'>"


def _deviate(rates: Float64Array) -> Float64Array:
    clipped = np.clip(rates, MIN_RATE, 1 - MIN_RATE)
    return np.array([NormalDist().inv_cdf(rate) for rate in clipped])


def _label_deviates(axes: Axes) -> None:
    shown = np.array([0.0001, 0.001, 0.01, 0.05, 0.2, 0.5])
    ticks = _deviate(shown)
    axes.set_xticks(ticks, [f"{rate:.4g}" for rate in shown], fontsize=8)
    axes.set_yticks(ticks, [f"{rate:.4g}" for rate in shown], fontsize=8)
    axes.set(xlim=(ticks[0], ticks[-1]), ylim=(ticks[0], ticks[-1]))
    axes.set(title="detection error trade-off", xlabel="FMR", ylabel="FNMR")
    axes.grid(alpha=0.3)


def _safe(text: str) -> str:
    return html.escape(text)
