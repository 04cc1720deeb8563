"""`calibration_record`, `calibration_text`, ...: measurements for JSON, and as tables for people."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from models.domain import PersonId
from models.evaluation.calibration import ThresholdSet
from models.evaluation.recalibration import threshold_record
from models.evaluation.thresholds import CalibratedThreshold
from models.evaluation.whatif import Replayed
from models.events import DoorEvent

SHOWN_CHANGES = 20

LOOKALIKES_NOT_COVERED = (
    "The target rate is of strangers. It does not cover these people: the door may take one for the "
    "other. If they "
    "are one person, erase one of the two; twins and lookalikes need a second factor, or the door stays shut."
)
"""What an operator is told of people enrolled who look alike."""


def percent(rate: float | None) -> str:
    """Format a rate as a percentage with three significant digits; a dash for None."""
    return "-" if rate is None else f"{100 * rate:.3g}%"


def _between(interval: list[float]) -> str:
    return f"{percent(interval[0])} to {percent(interval[1])}"


def _figures(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in rows:
        table.add_row(name, value)
    return table


def _errors(errors: list[dict[str, Any]]) -> list[RenderableType]:
    if not errors:
        return ["No errors."]
    table = Table("worst errors", "score", "", title_justify="left")
    for error in errors:
        rest = [f"{key} {value}" for key, value in error.items() if key not in {"error", "score"}]
        table.add_row(error["error"], f"{error['score']:.3f}", ", ".join(rest))
    return [table]


def pairs_text(record: Mapping[str, Any]) -> RenderableType:
    """Format the result of `evaluate pairs` for people."""
    rows = [
        ("accuracy", f"{percent(record['accuracy'])} (folds: {_listed(record['accuracy_by_fold'])})"),
        ("threshold from", record["threshold_from"]),
        ("failed to acquire", f"{percent(record['fta'])} ({_between(record['fta_interval'])})"),
        ("equal error rate", percent(record["eer"])),
        *((f"FNMR at FMR {percent(float(at))}", percent(v)) for at, v in record["fnmr_at_fmr"].items()),
        ("  95% interval at FMR 1%", _between(record["fnmr_interval_at_fmr_0.01"])),
    ]
    return Group(_figures(f"{record['pairs']} pairs", rows), *_errors(record["worst_errors"]))


def _listed(rates: list[float]) -> str:
    return ", ".join(percent(rate) for rate in rates)


def identification_text(record: Mapping[str, Any]) -> RenderableType:
    """Format the result of `evaluate identification` for people."""
    rows = [
        ("threshold", f"{record['threshold']:.4f} from {record['threshold_from']}"),
        ("target FPIR", percent(record["target_fpir"])),
        ("expected, at most", f"{percent(record['expected_fpir'])}, {percent(record['fpir_bound'])}"),
        ("strangers accepted (FPIR)", f"{percent(record['fpir'])} ({_between(record['fpir_interval'])})"),
        ("enrolled refused (FNIR)", f"{percent(record['fnir'])} ({_between(record['fnir_interval'])})"),
        ("taken for somebody else", percent(record["wrong_person"])),
        ("failed to enrol, to acquire", f"{percent(record['fte'])}, {percent(record['fta'])}"),
        *((f"FNIR at FPIR {percent(float(at))}", percent(v)) for at, v in record["fnir_at_fpir"].items()),
    ]
    title = f"{record['people']} enrolled, {record['probes']} probes, {record['strangers']} strangers"
    return Group(_figures(title, rows), *_errors(record["worst_errors"]), *record["warnings"])


def calibration_record(found: ThresholdSet, release_id: str, names: Mapping[PersonId, str]) -> dict[str, Any]:
    """Return a calibration as a dictionary for JSON, with the names of people who look alike."""
    return {
        "release": release_id,
        "people": found.people,
        "templates": found.templates,
        "searches": dict(found.searches),
        "confidence": found.confidence,
        "identify": threshold_record(found.identify),
        "verify": threshold_record(found.verify),
        "duplicate": threshold_record(found.duplicate),
        "fnir": found.fnir,
        "fnir_interval": None if found.fnir_interval is None else asdict(found.fnir_interval),
        "days_to_false_accept": found.days_to_false_accept,
        "days_to_false_accept_at_least": found.days_to_false_accept_at_least,
        "visit_s": found.thresholds.targets.visit_s,
        "visit_factor": found.thresholds.targets.visit_factor,
        "lookalikes": [
            {"names": [names.get(pair.first, ""), names.get(pair.second, "")], "score": pair.score}
            for pair in found.lookalikes
        ],
        "warnings": list(found.warnings),
    }


def calibration_text(
    found: ThresholdSet, strangers_per_day: float, names: Mapping[PersonId, str]
) -> RenderableType:
    """Format a calibration for people."""
    visit = f"a stranger is let in (1:N, a visit of {found.thresholds.targets.visit_s:g} s)"
    table = Table("", "target", "threshold", "expected", f"at most ({percent(found.confidence)} sure)")
    parts: list[tuple[str, CalibratedThreshold]] = [
        (visit, found.identify),
        ("an impostor is confirmed (1:1)", found.verify),
        ("a newcomer is taken for someone enrolled", found.duplicate),
    ]
    for label, found_threshold in parts:
        table.add_row(
            label,
            percent(found_threshold.target),
            f"{found_threshold.threshold.value:.4f}",
            percent(found_threshold.expected),
            percent(found_threshold.bound),
        )
    lines: list[RenderableType] = [f"{found.people} people, {found.templates} templates", table]
    if found.days_to_false_accept is not None and found.days_to_false_accept_at_least is not None:
        expected = f"{found.days_to_false_accept:,.0f}"
        at_least = f"{found.days_to_false_accept_at_least:,.0f}"
        lines.append(
            f"With {strangers_per_day:g} strangers a day, one gets in every {expected} days, "
            f"and not more often than every {at_least}."
        )
    if found.fnir is not None and found.fnir_interval is not None:
        ends = [found.fnir_interval.low, found.fnir_interval.high]
        lines.append(f"Of the enrolled, {percent(found.fnir)} would be refused ({_between(ends)}).")
    if found.lookalikes:
        table = Table("look alike", "", "score")
        for pair in found.lookalikes:
            table.add_row(names.get(pair.first, ""), names.get(pair.second, ""), f"{pair.score:.3f}")
        lines += [table, LOOKALIKES_NOT_COVERED]
    return Group(*lines, *(f"[yellow]{warning}[/]" for warning in found.warnings))


def replay_record(replayed: Replayed, found: CalibratedThreshold, since: str) -> dict[str, Any]:
    """Return a what-if as a dictionary for JSON."""
    return {
        "since": since,
        "target_far": found.target,
        "threshold": found.threshold.value,
        "judged": replayed.judged,
        "granted": replayed.granted,
        "would_grant": replayed.would_grant,
        "newly_denied": [_event(event) for event in replayed.newly_denied],
        "newly_granted": [_event(event) for event in replayed.newly_granted],
    }


def _event(event: DoorEvent) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "door": event.door,
        "person_id": event.person_id,
        "score": event.score,
        "threshold": event.threshold,
    }


def replay_text(record: Mapping[str, Any]) -> RenderableType:
    """Format a what-if for people."""
    rows = [
        ("threshold", f"{record['threshold']:.4f} for a target FAR of {percent(record['target_far'])}"),
        ("decisions", f"{record['judged']} since {record['since']}"),
        ("granted", f"{record['granted']}, would have been {record['would_grant']}"),
    ]
    table = Table("change", "at", "door", "person", "score", "threshold then")
    for change in ("newly_denied", "newly_granted"):
        for event in record[change][:SHOWN_CHANGES]:
            then = f"{event['threshold']:.4f}"
            name = change.replace("_", " ")
            person = event["person_id"] or ""
            table.add_row(name, event["at"], event["door"], person, f"{event['score']:.4f}", then)
    return Group(_figures("What if", rows), table)
