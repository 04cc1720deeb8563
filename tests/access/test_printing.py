"""Events as CSV: one row per event, every cell as the event has it, nothing that a spreadsheet calculates."""

import csv
import io

from access.printing import events_csv
from models.domain import PersonId, QualityReason
from tests.door_events import door_event

ADA = PersonId("a" * 32)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_has_what_the_event_has() -> None:
    event = door_event(
        person_id=ADA,
        score=-0.25,
        threshold=0.5,
        reason="poor_quality",
        advice=(QualityReason.BLURRED, QualityReason.TOO_DARK),
        detail='a comma, a "quote"\nand a line',
    )
    (row,) = rows_of(events_csv([event], {ADA: "Ada, Lovelace"}))
    assert (row["person_name"], row["person_id"], row["door"]) == ("Ada, Lovelace", ADA, "front")
    assert (row["score"], row["threshold"], row["runner_up_score"]) == ("-0.25", "0.5", "")
    assert row["advice"] == "blurred too_dark"
    assert row["detail"] == event.detail


def test_a_name_that_is_a_formula_stays_a_text() -> None:
    for name in ("=1+1", "+1", "-1", "@SUM(A1)"):
        (row,) = rows_of(events_csv([door_event(person_id=ADA)], {ADA: name}))
        assert row["person_name"] == f"'{name}"
