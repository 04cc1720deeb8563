"""Runs two doors under random changes and faults for some minutes, then checks everything.

python -m benchmarks.chaos [--minutes 30] [--seed 1]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.chaos.processes import find_mosquitto
from benchmarks.chaos.run import Result, run_chaos, to_json

SHOWN = 5
DOCUMENT = Path("docs/experiments/chaos.md")


def table(result: Result) -> str:
    """The result as a table in Markdown."""
    lines = ["| what must hold | looked at | violations | figures |", "| --- | --- | --- | --- |"]
    for check in result.checks:
        figures = "; ".join(f"{name}: {_figure(value)}" for name, value in check.figures.items())
        lines.append(f"| {check.name} | {check.counted} | {len(check.violations)} | {figures} |")
    return "\n".join(lines)


def _figure(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_figure(each)}" for name, each in value.items())
    if isinstance(value, list):
        return " / ".join(map(_figure, value))
    return str(value)


def main() -> int:
    """Read the arguments, run, print and write; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=2.0, help="seconds until a change must count")
    parser.add_argument("--home", type=Path, help="an empty folder to keep; default: one that is deleted")
    parser.add_argument("--json", type=Path, help="where to write the results")
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
    print("\n" + table(result) + "\n")
    print("done:", _figure(result.done))
    print("events:", _figure(result.totals))
    for check in result.checks:
        for violation in check.violations[:SHOWN]:
            print(f"VIOLATED: {check.name}: {violation}")
    if options.json is not None:
        options.json.write_text(to_json(result) + "\n", encoding="utf-8")
    return 0 if result.holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
