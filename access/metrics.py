"""`KioskMetrics`: what a door counts and measures of itself, for Prometheus.

There is no name, no face and no id of a person in it. docs/reference/metrics.md lists every metric.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from access.doorway import DoorDriver
from models.domain import Contact, LockState
from models.errors import DoorwardError, LockError
from models.events import DoorEvent
from models.ports import Clock

STAGE_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
UNLOCK_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Readings:
    """What is looked up when somebody asks, not counted before.

    Attributes:
        lock: of the door; asked for its state and inputs from memory (`LockDriver`).
        revisions: the number of what is in force, by part: `gallery`, and where there are any `rules`. Raises
            a DoorwardError when it is not known.
        unsent: events that wait to be sent to other systems; None where nothing is sent. May raise a
            DoorwardError.
    """

    lock: DoorDriver
    revisions: Callable[[], Mapping[str, int]]
    unsent: Callable[[], int] | None = None


class KioskMetrics:
    """The metrics of one door. `turn` and `count` are for the door's thread, `render` is for any.

    Args:
        door: the door's name; a label of every metric of the door.
        clock: the one that stamped the frames.
        readings: what is looked up at each request.

    Attributes:
        turned_at_s: when `turn` was called last, or the start.
        judged_at_s: when a picture was judged last; None before the first.
        failing: why pictures cannot be judged now, as a code; None when they can.
    """

    def __init__(self, door: str, clock: Clock, readings: Readings) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._door, self._clock = door, clock
        self._registry = CollectorRegistry()
        self._frames = Counter(
            "doorward_frames", "Pictures that were judged.", ["door"], registry=self._registry
        ).labels(door)
        self._events = Counter(
            "doorward_events",
            "Decisions, what the lock did, faults, alarms and notices.",
            ["door", "outcome", "reason"],
            registry=self._registry,
        )
        self._stages = Histogram(
            "doorward_stage_seconds",
            "How long a stage took, on pictures that led to a decision.",
            ["door", "stage"],
            buckets=STAGE_BUCKETS_S,
            registry=self._registry,
        )
        self._unlock = Histogram(
            "doorward_unlock_seconds",
            "From taking the picture that the decision rests on to the lock's answer.",
            ["door"],
            buckets=UNLOCK_BUCKETS_S,
            registry=self._registry,
        ).labels(door)
        self._registry.register(_DoorCollector(door, self, clock, readings))
        ProcessCollector(registry=self._registry)
        self.turned_at_s = clock.monotonic_s()
        self.judged_at_s: float | None = None
        self.failing: str | None = None

    def turn(self, failing: str | None = None) -> None:
        """Note a turn of the door's loop.

        Args:
            failing: None: a picture was judged; else why not: an error's code or a reason, never free text.
        """
        self.turned_at_s, self.failing = self._clock.monotonic_s(), failing
        if failing is None:
            self.judged_at_s = self.turned_at_s
            self._frames.inc()

    def count(self, events: Sequence[DoorEvent]) -> None:
        """Count events, as soon as they were written and acted on. A silent alarm is not counted."""
        for event in events:
            if event.silent:  # whoever sees the figures must not learn of it
                continue
            self._events.labels(self._door, event.outcome, str(event.reason)).inc()
            for stage, took_ms in event.stages_ms.items():
                self._stages.labels(self._door, stage).observe(took_ms / 1000)
            if event.outcome == "unlocked" and event.clip_s is not None:
                self._unlock.observe(max(0.0, self._clock.monotonic_s() - event.clip_s))

    def render(self) -> bytes:
        """All metrics as Prometheus reads them (text format 0.0.4, UTF-8)."""
        return generate_latest(self._registry)


class _DoorCollector(Collector):
    """Looks up what is not counted; what cannot be looked up is left out."""

    def __init__(self, door: str, metrics: KioskMetrics, clock: Clock, readings: Readings) -> None:
        self._door, self._metrics, self._clock, self._readings = door, metrics, clock, readings

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: the registry need not look anything up to learn the names."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges, as they are now."""
        judged_at_s = self._metrics.judged_at_s
        if judged_at_s is not None:
            yield self._gauge(
                "doorward_camera_age_seconds",
                "Time since a picture was judged last.",
                {(): self._clock.monotonic_s() - judged_at_s},
            )
        yield self._gauge(
            "doorward_failing",
            "1 while pictures cannot be judged, by the reason.",
            {} if self._metrics.failing is None else {(self._metrics.failing,): 1.0},
            "reason",
        )
        yield from self._of_the_lock()
        yield from self._of_the_register()

    def _of_the_lock(self) -> Iterable[GaugeMetricFamily]:
        state = self._readings.lock.state()
        yield self._one_of("doorward_lock_state", "1 for the state that the lock is in.", LockState, state)
        try:
            inputs = self._readings.lock.inputs()
        except LockError:
            return
        yield self._one_of(
            "doorward_door_contact", "1 for what the door contact says.", Contact, inputs.contact
        )
        yield self._gauge(
            "doorward_door_input",
            "1 while an input of the door is active.",
            {
                ("exit_request",): float(inputs.exit_request),
                ("tamper",): float(inputs.tamper),
                ("fire",): float(inputs.fire),
            },
            "input",
        )

    def _of_the_register(self) -> Iterable[GaugeMetricFamily]:
        try:
            revisions = self._readings.revisions()
        except DoorwardError:
            revisions = {}
        values: dict[tuple[str, ...], float] = {(part,): float(no) for part, no in revisions.items()}
        yield self._gauge("doorward_revision", "The number of what is in force.", values, "part")
        if self._readings.unsent is None:
            return
        try:
            unsent = float(self._readings.unsent())
        except DoorwardError:
            return
        yield self._gauge(
            "doorward_unsent_events", "Events that wait to be sent to other systems.", {(): unsent}
        )

    def _one_of(
        self, name: str, text: str, states: type[LockState] | type[Contact], now: str
    ) -> GaugeMetricFamily:
        return self._gauge(name, text, {(str(state),): float(state == now) for state in states}, "state")

    def _gauge(
        self, name: str, text: str, values: Mapping[tuple[str, ...], float], *labels: str
    ) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=["door", *labels])
        for label_values, value in values.items():
            family.add_metric([self._door, *label_values], value)
        return family
