"""Events from before there were chains are carried over into chains."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from models.register import migrations
from models.register.database import WRITE, open_engine
from models.register.register import Register
from models.storage.keys import Cipher

KEY = bytes(32)
DOORS = ("front", "site", "front", "back", "front")


def write_old(database: Path) -> None:
    """A register of the schema before, with events of three doors, one called `site`, and a damaged one."""
    engine = open_engine(database, 1.0)
    config = Config()
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    config.set_main_option("path_separator", "os")
    with engine.execution_options(**{WRITE: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        connection.execute(
            text("INSERT INTO state VALUES (1, :key_id, x'', 7, NULL, NULL)"), {"key_id": Cipher(KEY).key_id}
        )
        for number, door in enumerate(DOORS):
            connection.execute(
                text(
                    "INSERT INTO events (event_id, at, door, track, outcome, reason, person_id, score, "
                    "runner_up_id, release, stages_ms, frames, detail, advice, intent_id) VALUES "
                    "(:id, :at, :door, 1, :outcome, 'not_recognised', :who, 0.5, 'b', 'r', '{}', 3, 'words', "
                    "'[]', NULL)"
                ),
                {
                    "id": 10 + 2 * number,
                    "at": f"2026-11-0{number + 1} 12:00:00.000000",
                    "door": door,
                    "outcome": "denied" if number != 3 else "perhaps",
                    "who": "a" * 32,
                },
            )
    engine.dispose()


def test_older_events_keep_their_numbers_and_begin_chains_that_verify(database: Path) -> None:
    write_old(database)
    with Register.open(database, KEY) as register:
        events = register.events()
        assert [(each.event_id, each.door, each.seq) for each in events] == [
            (10, "front", 2),
            (12, "site_door", 2),
            (14, "front", 3),
            (18, "front", 4),
        ]
        assert {(each.person_id, each.runner_up_id, each.detail) for each in events} == {
            ("a" * 32, "b", "words")
        }
        assert register.chain_events("front", 0, 1)[0].detail == "carried_over"
        register.write_checkpoints()
        assert register.verify_log(register.checkpoints()).problems == ()
        assert register.chains() == ["front", "site_door"]
    with closing(sqlite3.connect(database)) as raw:
        tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master")}
        (noted,) = raw.execute("SELECT public FROM events WHERE chain = 'front' AND seq = 1").fetchone()
    assert "events_before_chains" not in tables
    assert {"events": 3, "unreadable": 1}.items() <= json.loads(noted).items()
    with Register.open(database, KEY) as again:
        assert again.events() == events, "nothing is carried over twice"
