"""`Roster`: what is done with people once they are enrolled: suspend, revoke, erase, export, consent.

It needs no network, so that revoking works while weights or a release are missing.
"""

import json
import stat
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from models.domain import ImageArray, PersonId
from models.errors import InputError
from models.events import DoorEvent
from models.register.records import Change, Consent, Person, PersonFile, PersonStatus, Purpose
from models.register.register import Register
from models.storage.files import write_atomically

ANOTHER_PERSON = "another person"
"""What an export says in the place of other people's ids."""


def purposes_of_consent(allow_training: bool) -> frozenset[Purpose]:
    """Recognition, which every consent covers, and training where it was agreed to."""
    return frozenset(Purpose) if allow_training else frozenset({Purpose.RECOGNITION})


def consent_record(consent: Consent) -> dict[str, Any]:
    """Return a consent as plain JSON values: `text`, `purposes` (sorted) and `given_at` (ISO 8601)."""
    return {
        "text": consent.text,
        "purposes": sorted(consent.purposes),
        "given_at": consent.given_at.isoformat(),
    }


class Roster:
    """The people of a register, by name.

    Every method that takes a name raises UnknownPersonError when nobody has it.

    Args:
        register: where they are kept.
        after_change: called after every change of who can be recognised, to find the thresholds again.
    """

    def __init__(self, register: Register, after_change: Callable[[], None]) -> None:
        self._register = register
        self._after_change = after_change

    def named(self, name: str) -> Person:
        """Return the person of that name, compared without regard to case."""
        return self._register.person_named(name)

    def suspend(self, name: str) -> Person:
        """Keep a person from being recognised until restored. Raises RevokedPersonError."""
        return self._set_status(name, PersonStatus.SUSPENDED)

    def restore(self, name: str) -> Person:
        """End a suspension. Raises RevokedPersonError: revoking is for good."""
        return self._set_status(name, PersonStatus.ACTIVE)

    def revoke(self, name: str) -> Person:
        """Keep a person from being recognised, for good; pictures and templates stay stored."""
        return self._set_status(name, PersonStatus.REVOKED)

    def erase(self, name: str) -> str:
        """Delete all that is kept of a person; return the receipt, see `Register.erase`."""
        receipt = self._register.erase(self.named(name).person_id)
        self._after_change()
        return receipt

    def consents(self, name: str) -> list[Consent]:
        """Return every consent of a person, oldest first; the last one is in force."""
        return self._register.consents(self.named(name).person_id)

    def record_consent(self, name: str, text: str, *, allow_training: bool = False) -> Consent:
        """Record what a person agrees to now, in the place of what was agreed before.

        Args:
            name: the person's.
            text: what was agreed to, in words.
            allow_training: it covers training on the stored pictures, beside recognition.

        Raises:
            ConsentError: there is no text.
        """
        person_id = self.named(name).person_id
        self._register.set_consent(person_id, text, purposes_of_consent(allow_training))
        return self._register.consent(person_id)

    def withdraw_training(self, name: str) -> Consent:
        """Record a consent without training, under the text of the one in force; return what is in force.

        Nothing is recorded when training is not covered already. Withdrawing recognition is `erase`.

        Raises:
            ConsentError: no consent is on record.
        """
        person_id = self.named(name).person_id
        newest = self._register.consent(person_id)
        if Purpose.TRAINING not in newest.purposes:
            return newest
        return self.record_consent(name, newest.text)

    def export(self, name: str, folder: Path) -> list[Path]:
        """Write all that is kept of a person into `folder`: `person.json` and the stored pictures.

        `picture-1.png` is the first stored crop, `picture-1-second.png` its second alignment where there is
        one. The files, and the folder when it is made here, can be read by their owner only.

        Raises:
            InputError: the folder cannot be written, or others may look into it.
        """
        kept = self._register.person_file(self.named(name).person_id)
        files = {"person.json": json.dumps(_exported(kept), indent=1, default=str).encode()}
        for number, stored in enumerate(kept.crops, start=1):
            files[f"{_picture_name(number)}.png"] = _png(stored.crop.image)
            if stored.crop.second is not None:
                files[f"{_picture_name(number)}-second.png"] = _png(stored.crop.second)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise InputError(
                    f"others may look into {folder}, and faces and templates are to be written there: name a "
                    f"folder that does not exist yet, or run chmod 700 {folder}"
                )
            for file, content in files.items():
                write_atomically(folder / file, content, 0o600)
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror}") from error
        return [folder / file for file in files]

    def _set_status(self, name: str, status: PersonStatus) -> Person:
        person = self.named(name)
        self._register.set_status(person.person_id, status)
        self._after_change()
        return self._register.person(person.person_id)


def _exported(kept: PersonFile) -> dict[str, Any]:
    """All that is kept as JSON values, without what it would tell of other people."""
    pictures = {stored.crop_id: _picture_name(number) for number, stored in enumerate(kept.crops, start=1)}
    return {
        "person": asdict(kept.person),
        "consents": [consent_record(consent) for consent in kept.consents],
        "templates": [
            {
                "picture": pictures[template.crop_id],
                "network": template.embedding.model_id,
                "numbers": template.embedding.vector.tolist(),
            }
            for template in kept.templates
        ],
        "events": [_event_record(event, kept.person.person_id) for event in kept.events],
        "changes": [_change_record(change) for change in kept.changes],
        "access": asdict(kept.credentials),
    }


def _event_record(event: DoorEvent, person_id: PersonId) -> dict[str, Any]:
    """An event with the id of this person alone."""
    record = event.to_record()
    for key in ("person_id", "runner_up_id"):
        if record[key] not in (None, person_id):
            record[key] = ANOTHER_PERSON
    return record


def _change_record(change: Change) -> dict[str, Any]:
    """A change without who made it, which is personal data of that operator."""
    return {"at": change.at.isoformat(), "action": change.action, "old": change.old, "new": change.new}


def _picture_name(number: int) -> str:
    return f"picture-{number}"


def _png(crop: ImageArray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[1].tobytes()
