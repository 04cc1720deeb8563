"""What becomes of people once they are enrolled. It needs no network: revoking must work on a broken desk."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2

from models.domain import PersonId
from models.errors import InputError, UnknownPersonError
from models.register.records import Person, PersonStatus
from models.register.register import Register


class Roster:
    """The people of a register, by name.

    Args:
        register: where they are kept.
        after_change: called after every change, to find the thresholds again.
    """

    def __init__(self, register: Register, after_change: Callable[[], None]) -> None:
        self._register = register
        self._after_change = after_change

    def named(self, name: str) -> Person:
        """Somebody enrolled. Raises UnknownPersonError."""
        person = self._register.find_person(name)
        if person is None:
            raise UnknownPersonError(f"nobody is enrolled as {name}: see doorward people")
        return person

    def suspend(self, name: str) -> Person:
        """Let a person in no more, until restored. Raises UnknownPersonError, ConsentError."""
        return self._set_status(name, PersonStatus.SUSPENDED)

    def restore(self, name: str) -> Person:
        """End a suspension. Raises UnknownPersonError; ConsentError when the person was revoked."""
        return self._set_status(name, PersonStatus.ACTIVE)

    def revoke(self, name: str) -> Person:
        """Let a person in never again. Raises UnknownPersonError."""
        return self._set_status(name, PersonStatus.REVOKED)

    def erase(self, name: str) -> PersonId:
        """Delete all that is kept of a person; the id that is now nobody's. Raises UnknownPersonError."""
        person = self.named(name)
        self._register.erase(person.person_id)
        self._after_change()
        return person.person_id

    def export(self, name: str, folder: Path) -> list[Path]:
        """Write all that is kept of a person into `folder`: `person.json` and the stored pictures.

        Raises:
            UnknownPersonError: nobody has that name.
            InputError: the folder cannot be written.
        """
        kept = self._register.person_file(self.named(name).person_id)
        record = {
            "person": asdict(kept.person),
            "consent": asdict(kept.consent) | {"purposes": sorted(kept.consent.purposes)},
            "events": [event.to_record() for event in kept.events],
        }
        written = [folder / "person.json"]
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            written[0].write_text(json.dumps(record, indent=1, default=str), encoding="utf-8")
            for number, crop in enumerate(kept.crops, start=1):
                path = folder / f"picture-{number}.png"
                content = cv2.imencode(".png", cv2.cvtColor(crop.crop.image, cv2.COLOR_RGB2BGR))[1]
                path.write_bytes(content.tobytes())
                written.append(path)
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror}") from error
        return written

    def _set_status(self, name: str, status: PersonStatus) -> Person:
        person = self.named(name)
        self._register.set_status(person.person_id, status)
        self._after_change()
        return self._register.person(person.person_id)
