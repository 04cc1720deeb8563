"""`save_plots`: DET curve on normal-deviate axes, ROC curve, and histograms of both kinds of scores."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from models.evaluation.metrics import det_curve

mpl.use("Agg")

MATED_COLOUR = "#1b7f5c"
NONMATED_COLOUR = "#b3402a"
INK = "#23303b"
DET_TICKS = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.5)


def save_plots(
    folder: Path,
    mated: npt.ArrayLike,
    nonmated: npt.ArrayLike,
    threshold: float | None,
    names: tuple[str, str] = ("FMR", "FNMR"),
) -> list[Path]:
    """Write det.png, roc.png and scores.png; returns their paths.

    Args:
        folder: made when absent.
        mated, nonmated: scores.
        threshold: drawn where it is known.
        names: of the two error rates, such as ("FPIR", "FNIR").
    """
    folder.mkdir(parents=True, exist_ok=True)
    genuine, impostor = np.asarray(mated, float), np.asarray(nonmated, float)
    drawings = {
        "det.png": _draw_det(genuine, impostor, threshold, names),
        "roc.png": _draw_roc(genuine, impostor, names),
        "scores.png": _draw_scores(genuine, impostor, threshold),
    }
    for name, figure in drawings.items():
        figure.savefig(folder / name, dpi=150)
    return [folder / name for name in drawings]


def _axes(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#d9dee3", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK)
    return figure, axes


def _share(value: float) -> str:
    return f"{100 * value:g}%"


def _draw_det(
    mated: npt.NDArray[np.float64],
    nonmated: npt.NDArray[np.float64],
    threshold: float | None,
    names: tuple[str, str],
) -> Figure:
    figure, axes = _axes("Detection error trade-off")
    curve = det_curve(mated, nonmated)
    smallest = 0.5 / max(len(nonmated), len(mated))
    # A rate of 0 has no normal deviate: it is drawn at half an error.
    low, high = min(smallest, DET_TICKS[0]), 0.6
    across = stats.norm.ppf(np.clip(curve.fmr, 0.5 / len(nonmated), 1 - 1e-6))
    up = stats.norm.ppf(np.clip(curve.fnmr, 0.5 / len(mated), 1 - 1e-6))
    axes.step(across, up, where="post", color=NONMATED_COLOUR, linewidth=1.8)
    if threshold is not None:
        x = float(np.clip((nonmated >= threshold).mean(), 0.5 / len(nonmated), 1 - 1e-6))
        y = float(np.clip((mated < threshold).mean(), 0.5 / len(mated), 1 - 1e-6))
        axes.plot(stats.norm.ppf(x), stats.norm.ppf(y), "o", color=INK, markersize=7)
        axes.annotate(
            f"threshold {threshold:.3f}",
            (stats.norm.ppf(x), stats.norm.ppf(y)),
            xytext=(8, 8),
            textcoords="offset points",
            color=INK,
        )
    ticks = [stats.norm.ppf(tick) for tick in DET_TICKS]
    axes.set_xticks(ticks, [_share(tick) for tick in DET_TICKS])
    axes.set_yticks(ticks, [_share(tick) for tick in DET_TICKS])
    axes.set_xlim(stats.norm.ppf(low), stats.norm.ppf(high))
    axes.set_ylim(stats.norm.ppf(low), stats.norm.ppf(high))
    axes.set_xlabel(names[0], color=INK)
    axes.set_ylabel(names[1], color=INK)
    return figure


def _draw_roc(
    mated: npt.NDArray[np.float64], nonmated: npt.NDArray[np.float64], names: tuple[str, str]
) -> Figure:
    figure, axes = _axes("Receiver operating characteristic")
    curve = det_curve(mated, nonmated)
    accepted = 1 - curve.fnmr
    axes.step(np.maximum(curve.fmr, 0.5 / len(nonmated)), accepted, where="post", color=MATED_COLOUR)
    axes.set_xscale("log")
    axes.set_xlim(0.5 / len(nonmated), 1)
    # The axis begins at the first error: left of it the curve is flat.
    axes.set_ylim(max(0.0, float(accepted[curve.fmr > 0].min()) - 0.02), 1.002)
    ticks = [tick for tick in (0.0001, 0.001, 0.01, 0.1, 1.0) if tick >= 0.5 / len(nonmated)]
    axes.set_xticks(ticks, [_share(tick) for tick in ticks])
    axes.set_xlabel(names[0], color=INK)
    axes.set_ylabel(f"1 - {names[1]}", color=INK)
    return figure


def _draw_scores(
    mated: npt.NDArray[np.float64], nonmated: npt.NDArray[np.float64], threshold: float | None
) -> Figure:
    figure, axes = _axes("Scores")
    both = np.concatenate([mated, nonmated])
    edges = np.linspace(both.min(), both.max(), 81)
    for values, colour, label in (
        (nonmated, NONMATED_COLOUR, f"non-mated ({len(nonmated)})"),
        (mated, MATED_COLOUR, f"mated ({len(mated)})"),
    ):
        weights = np.full(len(values), 100.0 / len(values))
        axes.hist(values, edges.tolist(), weights=weights, color=colour, alpha=0.65, label=label)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1.4, linestyle="--")
        axes.annotate(
            f" threshold {threshold:.3f}", (threshold, 0.97), xycoords=("data", "axes fraction"), color=INK
        )
    axes.set_xlabel("score", color=INK)
    axes.set_ylabel("share of comparisons, %", color=INK)
    axes.legend(frameon=False, labelcolor=INK)
    return figure
