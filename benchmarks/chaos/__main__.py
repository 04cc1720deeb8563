"""Runs two doors under random changes and faults for some minutes, then checks everything.

python -m benchmarks.chaos [--minutes 30] [--seed 1]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.chaos.processes import find_mosquitto
from benchmarks.chaos.report import page, tables
from benchmarks.chaos.run import run_chaos, to_json

SHOWN = 5
DOCUMENT = Path("docs/experiments/chaos.md")


def main() -> int:
    """Read the arguments, run, print and write; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=2.0, help="seconds until a change must count")
    parser.add_argument("--home", type=Path, help="an empty folder to keep; default: one that is deleted")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--document", action="store_true", help=f"write {DOCUMENT}")
    options = parser.parse_args()
    mosquitto = find_mosquitto()
    if mosquitto is None:
        print("there is no mosquitto: install it first", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        run_s = 60 * options.minutes
        result = run_chaos(home, mosquitto, run_s=run_s, seed=options.seed, within_s=options.within)
    print(f"\n{tables(result)}\n")
    for check in result.checks:
        for violation in check.violations[:SHOWN]:
            print(f"VIOLATED: {check.name}: {violation}")
    if options.json is not None:
        options.json.write_text(to_json(result) + "\n", encoding="utf-8")
    if options.document:
        command = f"python -m benchmarks.chaos --minutes {options.minutes:g} --document"
        DOCUMENT.write_text(page(result, command, options.minutes), encoding="utf-8")
    return 0 if result.holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
