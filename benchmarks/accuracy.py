"""Measures pairs and open-set identification on LFW, step by step (see benchmarks/README.md).

    python -m benchmarks.accuracy --shared ../shared --weights .doorward/weights

writes docs/experiments/accuracy.md. `--folders DIR --enrolled N` lays the photographs out for
`doorward evaluate`.
"""

import argparse
import itertools
import platform
from pathlib import Path

import numpy as np

from benchmarks.lfw import (
    CACHE,
    LfwViews,
    Split,
    door_vectors,
    folds_of,
    identities,
    load_views,
    pairs_of,
    split_open_set,
    unit,
)
from benchmarks.reference import reference_of
from models.domain import Embedding, PersonId, Template
from models.evaluation.bounds import binomial_interval, bootstrap_over_people
from models.evaluation.calibration import calibrate
from models.evaluation.identification import OpenSet, search_open_set
from models.evaluation.metrics import fnir, fpir, threshold_at_rate
from models.evaluation.pairs import accuracy_by_fold
from models.evaluation.reference import synthetic_cohort
from models.evaluation.thresholds import ErrorRateTargets
from models.release.networks import SFACE_MODEL_ID

ROOT = Path(__file__).resolve().parent.parent
TARGETS = (0.01, 0.003, 0.001)
TEXTBOOK_THRESHOLD = 0.363
FIXED_SIZES = (10, 100, 300, 880, 1400)
SEED = 0
GALLERY_SIZES = (10, 30, 100, 300)
DRAWS = 50
HALVES = (((0, 1, 2), (3, 4)), ((3, 4), (0, 1, 2)))


def search_plainly(vectors: np.ndarray, split: Split, *, fused: bool) -> OpenSet:
    """Search as `search_open_set`, with bare cosines: the best template of a person, or the fused one."""
    names = sorted(split.gallery)
    count = len(split.gallery[names[0]])
    stacked = [vectors[[split.gallery[name][number] for name in names]] for number in range(count)]
    rows = [unit(np.sum(stacked, axis=0))] if fused else stacked
    probes = [(place, row) for place, name in enumerate(names) for row in split.probes[name]]
    shown, probe_rows = np.array([place for place, _ in probes]), [row for _, row in probes]
    scores = np.max([vectors[probe_rows] @ part.T for part in rows], axis=0).astype(np.float64)
    own = scores[np.arange(len(shown)), shown]
    scores[np.arange(len(shown)), shown] = -np.inf
    strange = np.max([vectors[split.strangers] @ part.T for part in rows], axis=0).astype(np.float64)
    return OpenSet(
        tuple(names), own, scores.max(1), scores.argmax(1), shown, strange.max(1), strange.argmax(1)
    )


def search_as_the_door(vectors: np.ndarray, split: Split) -> OpenSet:
    """Search with everything that the door does."""
    return search_open_set(
        {name: vectors[rows] for name, rows in split.gallery.items()},
        {name: vectors[rows] for name, rows in split.probes.items()},
        vectors[split.strangers],
    )


def improvements(views: LfwViews, people: np.ndarray, shared: Path) -> list[str]:
    """Return the table: one row per step, each with all steps above it."""
    plain, mirror = unit(views.plain), unit(views.plain + views.mirror)
    paired = door_vectors(views)
    everyone = np.ones(len(people), bool)
    splits = [split_open_set(people, enrolled, everyone) for enrolled in (1, 2)]
    steps = [
        ("the plain network, best template", plain, lambda s: search_plainly(plain, s, fused=False)),
        ("+ templates fused", plain, lambda s: search_plainly(plain, s, fused=True)),
        ("+ mirror image averaged", mirror, lambda s: search_plainly(mirror, s, fused=True)),
        (
            "+ finer landmarks: enlarged, and a second alignment",
            paired,
            lambda s: search_plainly(paired, s, fused=True),
        ),
        ("+ gallery mean removed", paired, lambda s: search_as_the_door(paired, s)),
    ]
    lines = [
        "| step | pairs | one photo: FNIR at FPIR 1% | 0.3% | 0.1% | two photos: 1% | 0.3% | 0.1% |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, vectors, search in steps:
        cells = [f"{100 * pair_accuracy(vectors, views, shared):.2f}%"]
        for split in splits:
            tested = search(split)
            cells += [f"{100 * rate:.2f}%" for rate in fnir_at_targets(tested)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for split, photos in zip(splits, ("one photo", "two photos"), strict=True):
        tested = search_as_the_door(paired, split)
        threshold = threshold_at_rate(tested.strangers, TARGETS[0])
        interval = bootstrap_over_people(
            lambda rows, t=tested, at=threshold: fnir(t.own[rows], t.best_other[rows], at), tested.shown
        )
        lines.append(
            f"\n{photos.capitalize()} each: {len(tested.people)} people, {len(tested.own)} probes, "
            f"{len(tested.strangers)} strangers; the last row at FPIR 1% lies within "
            f"{100 * interval.low:.2f}% and {100 * interval.high:.2f}% (95%, bootstrap over people)."
        )
    return lines


def fnir_at_targets(tested: OpenSet) -> list[float]:
    """Return the FNIR at the thresholds that let 1%, 0.3% and 0.1% of these strangers in."""
    thresholds = [threshold_at_rate(tested.strangers, target) for target in TARGETS]
    return [fnir(tested.own, tested.best_other, threshold) for threshold in thresholds]


def pair_accuracy(vectors: np.ndarray, views: LfwViews, shared: Path) -> float:
    """Return the mean accuracy on the pairs, each fold with the threshold of the others."""
    row = {path: number for number, path in enumerate(views.paths)}
    listed = pairs_of(shared)
    first, second = (
        [row[f"{p.person}/{p.person}_{p.number:04d}.jpg"] for p in photos]
        for photos in ([pair.first for pair in listed], [pair.second for pair in listed])
    )
    scores = (vectors[first].astype(np.float64) * vectors[second]).sum(1)
    return float(accuracy_by_fold(scores, [p.same for p in listed], [p.fold for p in listed]).mean())


def target_rates(vectors: np.ndarray, people: np.ndarray, folds: np.ndarray) -> list[str]:
    """Return the table of target and observed FPIR, with evidence of some folds, tested on the others.

    The reference is made of the known folds in the same way as the packaged one, which holds all of them.
    """
    lines = [
        "| evidence of, tested on | evidence | photos | target | threshold | strangers accepted | observed | "
        "95% of it | expected | stated bound | FNIR |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for known, unseen in HALVES:
        inside = np.isin(folds, known)
        evidence = {
            "reference": {"reference": reference_of(vectors, people, inside)},
            "cohort": {"cohort": vectors[first_photos(people, inside)]},
        }
        for (name, given), enrolled in itertools.product(evidence.items(), (1, 2)):
            split = split_open_set(people, enrolled, np.isin(folds, unseen))
            tested = search_as_the_door(vectors, split)
            for target in TARGETS:
                found = calibrate(
                    templates_of(vectors, split),
                    SFACE_MODEL_ID,
                    ErrorRateTargets(target_far=target, visit_s=0),
                    **given,
                ).identify
                value = found.threshold.value
                accepted, asked = int((tested.strangers >= value).sum()), len(tested.strangers)
                interval = binomial_interval(accepted, asked)
                names = " to ".join("+".join(str(fold + 1) for fold in part) for part in (known, unseen))
                lines.append(
                    f"| {names} | {name} | {enrolled} | {100 * target:g}% | {value:.4f} | "
                    f"{accepted} of {asked} | "
                    f"{100 * fpir(tested.strangers, value):.2f}% | {100 * interval.low:.2f} to "
                    f"{100 * interval.high:.2f}% | {100 * found.expected:.2f}% | "
                    f"{100 * found.bound:.2f}% | "
                    f"{100 * fnir(tested.own, tested.best_other, value):.2f}% |"
                )
    return lines


def by_people(vectors: np.ndarray, people: np.ndarray, folds: np.ndarray) -> list[str]:
    """Return the table of what a door of some people has, at the default target, with what a site has.

    People are drawn from some folds, one photograph each; the reference is made of the other folds.
    """
    known, unseen = HALVES[0]
    reference = reference_of(vectors, people, np.isin(folds, known))
    synthetic = synthetic_cohort(SFACE_MODEL_ID)
    whole = split_open_set(people, 1, np.isin(folds, unseen))
    rng = np.random.default_rng(SEED)
    lines = [
        "| people | target 0.1% of | reference asks for | synthetic asks for | gallery asks for | "
        "strangers accepted by a search | FNIR |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for size, targets in itertools.product(GALLERY_SIZES, (ErrorRateTargets(visit_s=0), ErrorRateTargets())):
        asked: dict[str, list[float]] = {"reference": [], "synthetic": [], "searches": []}
        accepted = searches = 0
        missed = []
        for _ in range(DRAWS):
            names = rng.permutation(sorted(whole.gallery))[:size].tolist()
            split = Split(
                {name: whole.gallery[name] for name in names},
                {name: whole.probes[name] for name in names},
                whole.strangers,
            )
            templates = templates_of(vectors, split)
            found = calibrate(
                templates, SFACE_MODEL_ID, targets, reference=reference, synthetic=synthetic
            ).identify
            tested, value = search_as_the_door(vectors, split), found.threshold.value
            for name, threshold in found.by_source.items():
                asked[name].append(threshold)
            accepted, searches = (
                accepted + int((tested.strangers >= value).sum()),
                searches + tested.strangers.size,
            )
            missed.append(fnir(tested.own, tested.best_other, value))
        asks = " | ".join(spread(values) for values in asked.values())
        unit_of_target = f"visits of {targets.visit_s:g} s" if targets.visit_s else "searches"
        lines.append(
            f"| {size} | {unit_of_target} | {asks} | {accepted} of {searches:,}: {accepted / searches:.3%} | "
            f"{np.mean(missed):.1%} |"
        )
    return lines


def spread(values: list[float]) -> str:
    """Return the median, and where they differ how far 10% and 90% of the values lie; a dash for none."""
    if not values:
        return "-"
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return f"{middle:.3f}" if high - low < 0.001 else f"{middle:.3f} ({low:.3f} to {high:.3f})"


def fixed_threshold(vectors: np.ndarray, people: np.ndarray) -> list[str]:
    """Return the table of strangers whom the network's textbook threshold lets in, by people enrolled."""
    rows = np.random.default_rng(SEED).permutation(first_photos(people, np.ones(len(people), bool)))
    lines = ["| people enrolled | strangers accepted | 95% of it |", "| --- | --- | --- |"]
    for enrolled in FIXED_SIZES:
        best = (vectors[rows[enrolled:]] @ vectors[rows[:enrolled]].T).max(axis=1)
        accepted, asked = int((best >= TEXTBOOK_THRESHOLD).sum()), len(best)
        interval = binomial_interval(accepted, asked)
        lines.append(
            f"| {enrolled} | {accepted} of {asked}: {100 * accepted / asked:.1f}% | "
            f"{100 * interval.low:.1f} to {100 * interval.high:.1f}% |"
        )
    return lines


def first_photos(people: np.ndarray, inside: np.ndarray) -> list[int]:
    """Return the row of one photograph of everybody."""
    rows: dict[str, int] = {}
    for row in np.flatnonzero(inside):
        rows.setdefault(str(people[row]), int(row))
    return list(rows.values())


def templates_of(vectors: np.ndarray, split: Split) -> list[Template]:
    """Return the gallery of a split as templates."""
    return [
        Template(f"{name}/{row}", PersonId(name), Embedding(vectors[row].copy(), SFACE_MODEL_ID))
        for name, rows in split.gallery.items()
        for row in rows
    ]


def lay_out(images: Path, views: LfwViews, split: Split, folder: Path) -> None:
    """Link the photographs in folders as `doorward evaluate identification` takes them."""
    strangers = {views.paths[row].split("/")[0]: [row] for row in split.strangers}
    for part, people in (("gallery", split.gallery), ("probes", split.probes), ("strangers", strangers)):
        for name, rows in people.items():
            for row in rows:
                link = folder / part / name / views.paths[row].split("/")[1]
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(images / views.paths[row])


def report(views: LfwViews, people: np.ndarray, folds: np.ndarray, shared: Path) -> str:
    """Return the whole document."""
    paired = door_vectors(views)
    failed = int((~views.acquired).sum())
    interval = binomial_interval(failed, len(views.acquired))
    text = (ROOT / "benchmarks" / "accuracy_template.md").read_text(encoding="utf-8")
    return text.format(
        improvements="\n".join(improvements(views, people, shared)),
        targets="\n".join(target_rates(paired, people, folds)),
        by_people="\n".join(by_people(paired, people, folds)),
        fixed="\n".join(fixed_threshold(unit(views.plain), people)),
        people=f"{len(set(people)):,}",
        photos=len(views.acquired),
        failed=failed,
        failed_high=f"{100 * interval.high:.2f}%",
        python=platform.python_version(),
    )


def main() -> None:
    """Measure, and write the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--weights", type=Path, default=ROOT / ".doorward" / "weights")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--folders", type=Path, help="lay the photographs out here instead")
    parser.add_argument("--enrolled", type=int, default=1, help="photographs each, for --folders")
    given = parser.parse_args()
    views = load_views(given.shared, given.weights, given.cache)
    people = identities(given.shared, views.paths)
    folds = folds_of(given.shared, people)
    if given.folders is not None:
        images = (given.shared / "data" / "lfw_dev" / "images").resolve()
        everyone = np.ones(len(people), bool)
        lay_out(images, views, split_open_set(people, given.enrolled, everyone), given.folders)
        return
    text = report(views, people, folds, given.shared)
    (ROOT / "docs" / "experiments" / "accuracy.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
