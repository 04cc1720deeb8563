"""`doorward sync` over chains in a SQLite file, as a process that a test can kill: `python -m ... HOME`."""

import sys
from pathlib import Path

from access.integrations.service import run_sync
from access.logs import configure_logging
from access.signals import stopped_by_signals
from models.clock import SystemClock
from models.settings.load import load_settings
from tests.access.integrations.peers import SqliteSource


def main() -> None:
    settings = load_settings(Path(sys.argv[1]))
    configure_logging(settings.log)
    source = SqliteSource(settings.home / "chains.sqlite")
    with stopped_by_signals() as stop:
        run_sync(settings, source, lambda _person: None, SystemClock(), stop)
    source.close()


if __name__ == "__main__":
    main()
