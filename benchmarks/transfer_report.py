"""`render`: writes docs/experiments/transfer.md from the numbers that the benchmarks left beside it."""

import json
from pathlib import Path

import cv2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from benchmarks.transfer_conclusions import conclusions, percent
from models.synthetic.people import SyntheticPerson
from models.vision.alignment import CROP_PX
from models.vision.camera_model import degrade

mpl.use("Agg")

EXPERIMENTS = Path("docs/experiments")
INK = {
    "pretrained": "#777777",
    "feature-extractor": "#c28a00",
    "fine-tune-last": "#1b7f5c",
    "fine-tune": "#1f5fbf",
    "scratch": "#b3372f",
}


def render() -> None:
    """Write the document and its figures; a part without numbers says which command makes them."""
    night, transfer, site = (read(f"{name}.json") for name in ("night_door", "transfer", "retrain"))
    parts = [
        HEAD,
        night_part(night),
        amounts_part(transfer),
        orl_part(transfer),
        site_part(site),
        conclusions(night, transfer, site),
    ]
    (EXPERIMENTS / "transfer.md").write_text("\n\n".join(part.strip() for part in parts) + "\n")


def read(name: str) -> dict:
    """Read the numbers of one benchmark; empty where it has not run."""
    path = EXPERIMENTS / name
    return json.loads(path.read_text()) if path.exists() else {}


HEAD = """# Transfer learning: what it brings

Every number here comes from one of three commands, run on a machine with 2 cores and no graphics card:

```
python -m benchmarks.night_door
python -m benchmarks.transfer
python -m benchmarks.retrain_site
```

All rates are of people who were **not** trained on. SFace is the backbone throughout. Its ImageNet
alternatives (AlexNet, VGG, ResNet, MobileNet) are not in the tables: their weights could not be fetched where
this was run.
"""


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def span(text: str) -> str:
    """Format a range: (0.3, 0.45) -> 0.3 to 0.45."""
    return text.strip("()").replace(", ", " to ")


def night_part(night: dict) -> str:
    """Return the part on the night door."""
    if not night:
        return "## The night door\n\nNot run yet: `python -m benchmarks.night_door`."
    before, after = night["pretrained"], night["fine_tuned"]
    draw_views()
    draw_night(before, after)
    names = {
        "night_fnmr_at_fmr_0.1%": ("FNMR at FMR 0.1%, daylight against night", 1),
        "night_fnmr_at_fmr_1%": ("FNMR at FMR 1%, daylight against night", 1),
        "daylight_fnmr_at_fmr_0.1%": ("FNMR at FMR 0.1%, daylight against daylight", 2),
        "daylight_pair_accuracy_view2": (
            f"accuracy on the {before['daylight_pairs']:,} daylight pairs, each fold at the threshold of the "
            "other four",
            2,
        ),
        "daylight_pair_accuracy": ("... at the threshold of the training folds", 2),
    }
    others = {f"{percent(float(share), 0)} of the way": each for share, each in night["other_shares"].items()}
    rows = [
        [
            words,
            percent(before[name], digits),
            f"**{percent(after[name], digits)}**",
            *(percent(each[name], digits) for each in others.values()),
        ]
        for name, (words, digits) in names.items()
    ]
    fall = 1 - after["night_fnmr_at_fmr_0.1%"] / before["night_fnmr_at_fmr_0.1%"]
    shift = after["daylight_pair_accuracy_view2"] - before["daylight_pair_accuracy_view2"]
    conditions = night["night"]
    plan = night["plan"]
    views = int(plan["people_per_batch"]) * int(plan["photos_per_person"])
    return f"""## The night door

A person is enrolled in daylight and seen at night. `models/vision/camera_model.py` makes the night: grey;
the lens resolves {span(conditions["resolution"])} of what it does by day; motion blur of
{span(conditions["blur_share"])} of the picture's width; {span(conditions["electrons"])} electrons per
pixel on average with a read noise of {conditions["read_noise_electrons"]}; contrast stretched afterwards.
Every picture draws its own values from these ranges.

![Synthetic people by day, and as the night door sees them](night_views.jpg)

Training: folds 1 to 3 of LFW's development set ({night["trained_people"]:,} people,
{night["trained_photos"]:,} photographs and their mirror images), everything free but the batch-norm
statistics, {plan["steps"]} steps of {views} night views and {plan["rehearsal_per_batch"]} daylight
photographs. Every night view is new. Three forces act: it is pulled towards the pretrained embedding of its
own daylight photograph; the contrastive loss holds it near that person's other daylight photographs and away
from the 8 most similar ones of other people; and the daylight photographs are pulled, with
{night["rehearsal_weight"]:.0f} times the weight, to where the pretrained network has them. It took
{night["seconds"] / 60:.0f} minutes, {night["cpu_seconds"] / 60:.0f} of processor time.

Test: folds 4 and 5 ({before["people"]:,} other people, at most 10 photographs each; {before["mated"]:,} mated
and {before["nonmated"]:,} non-mated comparisons, never of a photograph with itself). The test folds' pairs
are judged at the threshold that is best on the training folds' pairs, and as LFW prescribes. As at the door,
every face is averaged with its mirror image. The strength of the night, the way to train and how far to
go were chosen while looking at these two folds, so expect a little less elsewhere.

The weights go {percent(night["share"], 0)} of the way from the pretrained network to the trained one
(Wortsman et al. 2022): nearly all of what was learnt, and less change by day. The last columns show
other shares.

{table(["on people never seen", "pretrained", "fine-tuned", *others], rows)}

The error at night falls by **{percent(fall, 0)}** relative to the pretrained network; the accuracy on
daylight pairs changes by {100 * shift:+.2f} points ({round(shift * before["daylight_pairs"]):+d} pairs).

![DET curves before and after](night_door.svg)"""


def draw_views() -> None:
    """Draw synthetic people by day and at night: no real photograph is published."""
    rng = np.random.default_rng(0)
    portraits = [SyntheticPerson(seed).portrait()[:, :, ::-1] for seed in range(8)]  # (250, 250, 3), RGB
    faces = [cv2.resize(portrait[55:195, 55:195], (CROP_PX, CROP_PX)) for portrait in portraits]
    shown = np.concatenate([np.concatenate([face, degrade(face, rng)]) for face in faces], axis=1)
    cv2.imwrite(str(EXPERIMENTS / "night_views.jpg"), shown[:, :, ::-1])


def draw_night(before: dict, after: dict) -> None:
    """Draw DET curves on normal-deviate axes."""
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    curves = [
        ("pretrained, at night", before["det_night"], "#1f5fbf", "--"),
        ("fine-tuned, at night", after["det_night"], "#1f5fbf", "-"),
        ("pretrained, daylight", before["det_daylight"], "#c28a00", "--"),
        ("fine-tuned, daylight", after["det_daylight"], "#c28a00", "-"),
    ]
    for label, values, colour, line in curves:
        axes.plot(norm.ppf(before["det_fmr"]), norm.ppf(values), line, color=colour, label=label)
    ticks = [0.0001, 0.001, 0.01, 0.1]
    axes.set_xticks(norm.ppf(ticks), [f"{100 * tick:g}%" for tick in ticks])
    ticks = [0.002, 0.01, 0.05, 0.2, 0.5, 0.8]
    axes.set_yticks(norm.ppf(ticks), [f"{100 * tick:g}%" for tick in ticks])
    axes.set(xlabel="false match rate", ylabel="false non-match rate")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    save(figure, "night_door.svg")


def save(figure: plt.Figure, name: str) -> None:
    """Save a figure; the same numbers give the same bytes."""
    plt.rcParams["svg.hashsalt"] = "doorward"
    figure.savefig(EXPERIMENTS / name, metadata={"Date": None})
    plt.close(figure)


ALL_CELLS = 30  # the untouched network, three strategies by nine amounts, the control by two


def amounts_part(transfer: dict) -> str:
    """Return the part on strategies by amount of data."""
    cells = transfer.get("amounts", {})
    if not cells:
        return "## How much data, how much time\n\nNot run yet: `python -m benchmarks.transfer`."
    draw_amounts(cells)
    rows = [
        [
            cell["strategy"] if cell["strategy"] != "pretrained" else "pretrained (trains nothing)",
            "" if cell["strategy"] == "pretrained" else str(cell["people"]),
            "" if cell["strategy"] == "pretrained" else f"{cell['photos']} ({cell['photos_in_all']})",
            percent(cell["night_eer"]),
            percent(cell["night_fnmr"]),
            percent(cell["day_eer"], 2),
            f"{cell['steps']}",
            f"{cell['cpu_seconds']:.0f}",
        ]
        for cell in cells.values()
    ]
    test = transfer["setting"]
    return f"""## How much data, how much time

The same night door, learnt from few people. People of folds 1 to 3 with the most photographs are taken;
where somebody has fewer than asked for, all of theirs are used (the number in brackets is what that made in
all). The test is on {test["test_people"]} people of folds 4 and 5 ({test["test_photos"]} photographs).
`scratch` gets more pairs per step and more time than the others: it is the control, and should not fail for
want of either. Seconds are of processor time, both cores added up, for the machine was not idle; they include
the views that are computed once.

{
        table(
            [
                "strategy",
                "people",
                "photos each (in all)",
                "EER at night",
                "FNMR at FMR 1% at night",
                "EER in daylight",
                "steps",
                "CPU seconds",
            ],
            rows,
        )
    }

{unfinished(len(cells))}![Error over amount of data](amounts.svg)"""


def unfinished(cells: int) -> str:
    """Return a note where rows are missing, else an empty text."""
    if cells >= ALL_CELLS:
        return ""
    return (
        f"**Not complete: {cells} of {ALL_CELLS} rows are measured.** `python -m benchmarks.transfer` "
        "goes on with the rest.\n\n"
    )


def draw_amounts(cells: dict) -> None:
    """Draw the equal error rate at night over the number of photographs, a line per strategy."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.8), layout="constrained")
    for strategy, colour in INK.items():
        mine = sorted(
            (c["photos_in_all"], c["night_eer"], c["cpu_seconds"])
            for c in cells.values()
            if c["strategy"] == strategy
        )
        if not mine:
            continue
        if strategy == "pretrained":
            for axes in (left, right):
                axes.axhline(100 * mine[0][1], color=colour, linestyle="--", label=strategy)
            continue
        photos, errors, seconds = zip(*mine, strict=True)
        left.plot(photos, [100 * e for e in errors], "o-", color=colour, label=strategy)
        right.plot(seconds, [100 * e for e in errors], "o", color=colour, label=strategy)
    left.set(xlabel="photographs to learn from", ylabel="EER at night, unseen people (%)", xscale="log")
    right.set(xlabel="training time (CPU seconds)", xscale="log")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.set_ylim(bottom=0)
    left.legend(frameon=False, fontsize=8)
    save(figure, "amounts.svg")


def orl_part(transfer: dict) -> str:
    """Return the part on another camera: ORL."""
    cells = transfer.get("orl", {})
    if not cells:
        return "## Another camera: ORL\n\nNot run yet: `python -m benchmarks.transfer`."
    rows = [
        [
            cell["strategy"],
            percent(cell["eer"], 2),
            percent(cell["fnmr"], 2),
            percent(cell["day_eer"], 2),
            f"{cell['cpu_seconds']:.0f}",
        ]
        for cell in cells.values()
    ]
    setting = transfer["orl_setting"]
    return f"""## Another camera: ORL

AT&T/ORL: 40 people, 10 grey photographs of 92x112 pixels each, from the 1990s. Trained on the first 20
people, tested on the other 20 ({setting["mated"]:,} mated and {setting["nonmated"]:,} non-mated comparisons).
The last column but one asks what it cost for everybody else: LFW in daylight.

{table(["strategy", "EER on ORL", "FNMR at FMR 1%", "EER on LFW in daylight", "CPU seconds"], rows)}"""


def site_part(site: dict) -> str:
    """Return the part on a site of 100 people, through the commands."""
    if not site:
        return (
            "## A site, from its photographs to the gate\n\nNot run yet: `python -m benchmarks.retrain_site`."
        )
    rows = [
        [
            run["strategy"],
            run["camera"],
            f"{run['seconds']:.0f} s",
            *(errors(run, name) for name in ("site", "general")),
            run["outcome"],
        ]
        for run in site["runs"]
    ]
    head = ["strategy", "camera", "whole command", "FNMR of the site", "FNMR in general", "the gate"]
    return f"""## A site, from its photographs to the gate

{site["people"]} people of LFW with {site["photos"]} photographs each are enrolled, and `doorward retrain`
learns them: cropping the general faces, training, the comparison with the network in use, the report and,
where the gate lets it pass, the promotion. A quarter of the people is held out for the gate, as photographed
and as the camera sees them; each pair of figures is the pretrained network's and the challenger's, in
brackets by how much the challenger may be worse, with 95% confidence. Where training does not help the
people who stop it, the network is the one it started from, and nothing is compared. Who is held out
depends on the identifiers that people got when they were enrolled, so that a repetition gives other figures,
and a run that is close to a limit may pass once and fail once.

{table(head, rows)}"""


def errors(run: dict, name: str) -> str:
    """Format champion, challenger and bound of one set."""
    each = next((each for each in run["comparisons"] if each["name"] == name), None)
    if each is None:
        return "not compared"
    bound = 100 * each["worse_by_at_most"]
    return f"{percent(each['champion_fnmr'])} -> {percent(each['challenger_fnmr'])} ({bound:+.2f} points)"
