"""`Check`: what one check counted and found; `quantiles`: p50, p95 and the largest of some numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Check:
    """What one check found.

    Attributes:
        name: what must hold.
        counted: how many things were looked at.
        violations: a sentence for each that does not hold.
        figures: what was measured besides.
    """

    name: str
    counted: int = 0
    violations: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Count one thing, and note what is wrong where it does not hold."""
        self.counted += 1
        if not holds:
            self.violations.append(otherwise)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "counted": self.counted,
            "violations": self.violations,
            "figures": self.figures,
        }


def quantiles(numbers: Sequence[float]) -> dict[str, float | int]:
    """How many there are, and p50, p95 and the largest; of none only that."""
    if not numbers:
        return {"number": 0}
    p50, p95 = np.quantile(numbers, [0.5, 0.95])
    return {
        "number": len(numbers),
        "p50_s": round(float(p50), 3),
        "p95_s": round(float(p95), 3),
        "max_s": round(max(numbers), 3),
    }
