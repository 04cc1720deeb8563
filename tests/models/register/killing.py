"""Kills a process before every statement of an action in turn, and says what the register holds afterwards.

Of a first start or a change of keys, which have hundreds of statements, before every few (`STEPS`).

Run as `python -m tests.models.register.killing ACTION FOLDER`: one JSON line per kill. A process of its own
forks, so that threads of other tests are not forked with it.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from sqlalchemy import event

from models.register.records import CropEmbedding, Purpose
from models.register.register import Register
from models.storage.keys import KeyFile
from tests.models.register.faces import MODEL, embedding, face

NEXT_MODEL = "network-b"
PIN, CARD = "8035", "4711"
STEPS = {"create": 12, "rotate": 5}
"""Statements from one kill to the next."""


def enrol(register: Register) -> None:
    register.add_person("Grace", [face(2), face(3)], "I agree.", frozenset(Purpose))


def erase(register: Register) -> None:
    ada = register.find_person("Ada")
    assert ada is not None
    register.erase(ada.person_id)


def rotate(register: Register) -> None:
    register.rotate_key()


def activate(register: Register) -> None:
    crops = register.crops(Purpose.RECOGNITION)
    templates = [CropEmbedding(crop.crop_id, embedding(7, NEXT_MODEL)) for crop in crops]
    register.prepare_templates(NEXT_MODEL, templates)
    register.activate_release("release-b", NEXT_MODEL)


def create(register: Register) -> None:
    """Nothing more than opening it."""


ACTIONS: dict[str, Callable[[Register], None]] = {
    "enrol": enrol,
    "erase": erase,
    "rotate": rotate,
    "activate": activate,
    "create": create,
}


def run_until_statement(action: str, folder: Path, fatal: int) -> None:
    """Do the action, and die before statement or commit number `fatal`."""
    seen = count()

    def die(*_: object) -> None:
        if next(seen) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    from models.register import database

    plain = database.open_engine

    def open_deadly(*arguments: object) -> object:
        engine = plain(*arguments)  # type: ignore[arg-type]
        event.listen(engine, "before_cursor_execute", die)
        event.listen(engine, "commit", die)
        return engine

    import models.register.connection as module

    module.open_engine = open_deadly  # type: ignore[assignment]
    with Register.open(folder / "r.sqlite", KeyFile(folder / "key")) as register:
        ACTIONS[action](register)
    os._exit(0)


def state_of(folder: Path) -> dict[str, object]:
    with Register.open(folder / "r.sqlite", KeyFile(folder / "key")) as register:
        return {
            "people": {person.name: 0 for person in register.people()}
            | {
                person.name: sum(t.person_id == person.person_id for t in register.templates(MODEL))
                for person in register.people()
            },
            "crops": len(register.crops(Purpose.RECOGNITION)),
            "consents": sum(bool(register.consent(person.person_id).text) for person in register.people()),
            "next": len(register.templates(NEXT_MODEL)),
            "active": register.active_release_id(),
            "revision": register.gallery_revision(),
            "rules": register.rules_revision(),
            "pin": register.find_pin(PIN),
            "card": register.card_owner(CARD),
        }


def main(action: str, folder: Path) -> None:
    start = folder / "start"
    start.mkdir()
    if action != "create":
        with Register.open(start / "r.sqlite", KeyFile(start / "key")) as register:
            ada = register.add_person("Ada", [face(1)], "I agree.", frozenset(Purpose))
            register.set_pin(ada.person_id, PIN)
            register.add_card(ada.person_id, CARD)
    for fatal in count(step=STEPS.get(action, 1)):
        scene = folder / str(fatal)
        shutil.copytree(start, scene)
        child = os.fork()
        if child == 0:
            run_until_statement(action, scene, fatal)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        assert killed or os.waitstatus_to_exitcode(status) == 0, status
        sys.stdout.write(json.dumps({"killed": killed, **state_of(scene)}) + "\n")
        if not killed:
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
