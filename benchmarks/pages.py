"""`replace_part`, `write_factors`: puts what was measured into a page and into a table of the package."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THRESHOLDS_PAGE = ROOT / "docs" / "experiments" / "thresholds.md"
STEPS_A_UNIT = 20


def replace_part(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`, each on a line of its own."""
    before, start, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not start or not end:
        raise SystemExit(f"{page} has no part {name}: put <!-- {name} --> and <!-- /{name} --> into it")
    text = "\n".join(lines)
    page.write_text(f"{before}{start}\n{text}\n\n{end}{after}", encoding="utf-8")


def write_factors(file: Path, measured: Mapping[int, float]) -> dict[int, float]:
    """Write factors by number: at least 1, never falling, rounded up to a twentieth; returns them."""
    factors, highest = {}, 1.0
    for number in sorted(measured):
        highest = max(highest, math.ceil(measured[number] * STEPS_A_UNIT - 1e-9) / STEPS_A_UNIT)
        factors[number] = highest
    text = json.dumps({str(number): factor for number, factor in factors.items()})
    file.write_text(f"{text}\n", encoding="utf-8")
    return factors
