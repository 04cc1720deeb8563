"""Measures re-training of a whole site: 100 people by five photos each, through the commands a user types.

    python -m benchmarks.retrain_site [--shared ../shared]

Enrols people of LFW's development set with `doorward enroll`, then lets `doorward retrain` train, judge, and
promote or refuse, each time on a fresh copy of the site; everybody else of the set stands for people in
general. Writes docs/experiments/retrain.json and renders docs/experiments/transfer.md anew.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.first_site import ROOT
from benchmarks.own_reference import doorward
from benchmarks.transfer_report import EXPERIMENTS, render

PEOPLE, PHOTOS = 100, 5
RUNS = (  # strategy, camera, steps at most
    ("feature-extractor", "door", 200),
    ("fine-tune-last", "door", 200),
    ("fine-tune", "night", 100),
)


def lay_out(images: Path, site: Path, general: Path) -> None:
    """Lay out the first `PEOPLE` with `PHOTOS` photos in name order, that many each, and all others whole."""
    folders = sorted(images.iterdir())
    enough = [folder for folder in folders if len(list(folder.glob("*.jpg"))) >= PHOTOS][:PEOPLE]
    for folder in enough:
        (site / folder.name).mkdir(parents=True)
        for photo in sorted(folder.glob("*.jpg"))[:PHOTOS]:
            shutil.copy(photo, site / folder.name)
    general.mkdir()
    for folder in folders:
        if folder not in enough:
            (general / folder.name).symlink_to(folder.resolve())


def main() -> None:
    """Enrol once, re-train in every way, and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("DOORWARD_SHARED", ROOT.parent / "shared"))
    )
    parser.add_argument("--reports", type=Path, help="Keep the reports of the runs in this folder.")
    given = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as scratch:
        site, general, home = (Path(scratch, name) for name in ("site", "general", "home"))
        lay_out(given.shared / "data" / "lfw_dev" / "images", site, general)
        shutil.copytree(ROOT / ".doorward" / "weights", home / "weights")
        doorward(home, "enroll", "--folder", str(site), "--consent", "measurement", "--allow-training")
        enrolled = len(doorward(home, "people"))
        for strategy, camera, steps in RUNS:
            fresh = Path(scratch, f"{strategy}-{camera}")
            shutil.copytree(home, fresh)
            began = time.perf_counter()
            how = ("--strategy", strategy, "--camera", camera, "--steps", str(steps))
            answers = doorward(fresh, "retrain", *how, "--general", str(general))
            seconds = time.perf_counter() - began
            verdict = next(answer for answer in answers if "comparisons" in answer or "error" in answer)
            runs.append({"strategy": strategy, "camera": camera, "seconds": seconds, **verdict})
            if given.reports is not None:
                shutil.copytree(fresh / "reports", given.reports / fresh.name, dirs_exist_ok=True)
            print(json.dumps(runs[-1], default=str), flush=True)
    for run in runs:
        run.pop("report", None)
    numbers = {"people": enrolled, "photos": PHOTOS, "runs": runs}
    (EXPERIMENTS / "retrain.json").write_text(json.dumps(numbers, indent=1) + "\n")
    render()


if __name__ == "__main__":
    main()
