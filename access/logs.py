"""`configure_logging`: how the programs of the door log: on stderr, for people or for machines."""

import io
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import numpy as np
import structlog
from rich.console import Console as RichConsole

from access.printing import event_line, local_time
from models.domain import Embedding, Face, FaceCrop, Frame, Template
from models.settings.log import LogSettings

EVENT_KEY = "door_event"
"""The key under which a log message carries a `models.events.DoorEvent`; `names` beside it has its people."""

BIOMETRICS = (np.ndarray, bytes, bytearray, memoryview, Frame, Face, FaceCrop, Embedding, Template)
"""Types that are, or may be, a picture or a vector of a face."""

MAX_NUMBERS = 16
"""A longer list of numbers is taken for the vector of a face; a trace or a box has fewer."""


def configure_logging(settings: LogSettings, zone: tzinfo | None = None) -> None:
    """Set structlog up for this process.

    Format `console` writes a decision as `doorward replay` does, in colours when stderr is a terminal, and
    the time of day in `zone`; None is this machine's. Format `json` writes all fields of the event, and UTC.
    Neither writes a picture or a vector of a face, whatever a message is given (`hide_biometrics`).
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            hide_biometrics,
            *(_json_processors() if settings.format == "json" else _console_processors(zone)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def _json_processors() -> list[structlog.typing.Processor]:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return [stamp, _spread_event, structlog.processors.JSONRenderer()]


def _console_processors(zone: tzinfo | None) -> list[structlog.typing.Processor]:
    def stamp(_logger: Any, _method: str, message: structlog.typing.EventDict) -> structlog.typing.EventDict:
        message["timestamp"] = local_time(datetime.now(UTC), zone)
        return message

    return [stamp, ConsoleLines(colours=sys.stderr.isatty(), zone=zone)]


def _spread_event(
    _logger: Any, _method: str, message: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Put the fields of the message's door event in its place, without names."""
    event = message.pop(EVENT_KEY, None)
    message.pop("names", None)
    return message if event is None else event.to_record() | message


def hide_biometrics(
    _logger: Any, _method: str, message: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace pictures, templates and vectors in a message's values by the name of their type.

    A log is read by more people than the register, is copied and kept: nobody should find a face in it.
    """
    return {name: _hidden(value) for name, value in message.items()}


def _hidden(value: object) -> object:
    if isinstance(value, BIOMETRICS):
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return {name: _hidden(each) for name, each in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
        numbers = sum(isinstance(each, int | float | np.number) for each in value)
        if numbers > MAX_NUMBERS:
            return f"<{numbers} numbers>"
        return (tuple if isinstance(value, tuple) else list)(_hidden(each) for each in value)
    return value


class ConsoleLines:
    """Turns a log message into a line for people: a decision as `event_line`, anything else with its values.

    Args:
        colours: True for a terminal.
        zone: of the times of day; None for this machine's.
    """

    def __init__(self, *, colours: bool, zone: tzinfo | None) -> None:
        self._colours, self._zone = colours, zone
        self._other = structlog.dev.ConsoleRenderer(
            pad_event_to=0, pad_level=False, colors=colours, exception_formatter=structlog.dev.plain_traceback
        )

    def __call__(self, logger: Any, method: str, message: structlog.typing.EventDict) -> str:
        """The line, without its end."""
        event = message.get(EVENT_KEY)
        if event is None:
            return self._other(logger, method, message)
        return self._render(event_line(event, message["names"], local_time(event.at, self._zone)))

    def _render(self, markup: str) -> str:
        out = io.StringIO()
        console = RichConsole(
            file=out,
            force_terminal=self._colours,
            color_system="standard" if self._colours else None,
            highlight=False,
        )
        console.print(markup, soft_wrap=True, end="")
        return out.getvalue()
