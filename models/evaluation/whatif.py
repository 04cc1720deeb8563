"""`replay_decisions`: decides logged decisions again under another threshold."""

from collections.abc import Iterable
from dataclasses import dataclass

from models.domain import DenyReason
from models.events import DoorEvent


@dataclass(frozen=True, slots=True)
class Replayed:
    """What another threshold would have changed.

    Attributes:
        judged: logged decisions that have a score and a threshold.
        granted: how many of them let somebody in.
        would_grant: how many would have under the other threshold.
        newly_denied: granted then, denied under the other threshold.
        newly_granted: denied then as not recognised, granted under the other threshold.
    """

    judged: int
    granted: int
    would_grant: int
    newly_denied: tuple[DoorEvent, ...]
    newly_granted: tuple[DoorEvent, ...]


def replay_decisions(events: Iterable[DoorEvent], threshold: float, min_margin: float) -> Replayed:
    """Decide logged decisions again under another threshold; their order does not matter.

    Only the threshold differs: whoever was denied for another reason than the score stays denied, and whoever
    would be granted now must also have the margin over the runner-up.

    Args:
        events: of the register.
        threshold: the other threshold, in the metric and of the network that made the scores.
        min_margin: required between the best person and the runner-up.
    """
    judged = [event for event in events if event.score is not None and event.threshold is not None]
    denied, granted, kept = [], [], 0
    for event in judged:
        score = event.score if event.score is not None else 0.0
        if event.outcome == "granted":
            if score >= threshold:
                kept += 1
            else:
                denied.append(event)
        elif event.reason == DenyReason.NOT_RECOGNISED and score >= threshold:
            clear = event.runner_up_score is None or score - event.runner_up_score >= min_margin
            if clear:
                granted.append(event)
    return Replayed(
        judged=len(judged),
        granted=kept + len(denied),
        would_grant=kept + len(granted),
        newly_denied=_in_time(denied),
        newly_granted=_in_time(granted),
    )


def _in_time(events: list[DoorEvent]) -> tuple[DoorEvent, ...]:
    return tuple(sorted(events, key=lambda event: (event.at, event.door, event.track or 0)))
