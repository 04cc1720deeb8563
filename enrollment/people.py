"""`Roster`: what is done with people once they are enrolled: suspend, revoke, erase, export, consent.

It needs no network, so that revoking works while weights or a release are missing.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from models.domain import PersonId
from models.errors import InputError
from models.register.records import Consent, Person, PersonFile, PersonStatus, Purpose
from models.register.register import Register


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

    def erase(self, name: str) -> PersonId:
        """Delete all that is kept of a person; return the id, which is nobody's any more."""
        person = self.named(name)
        self._register.erase(person.person_id)
        self._after_change()
        return person.person_id

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

        The files, and the folder when it is made here, can be read by their owner only.

        Raises:
            InputError: the folder cannot be written.
        """
        kept = self._register.person_file(self.named(name).person_id)
        files = {"person.json": json.dumps(_exported(kept), indent=1, default=str).encode()}
        for number, stored in enumerate(kept.crops, start=1):
            image = cv2.cvtColor(stored.crop.image, cv2.COLOR_RGB2BGR)
            files[f"picture-{number}.png"] = cv2.imencode(".png", image)[1].tobytes()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file, content in files.items():
                _write_private(folder / file, content)
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror}") from error
        return [folder / file for file in files]

    def _set_status(self, name: str, status: PersonStatus) -> Person:
        person = self.named(name)
        self._register.set_status(person.person_id, status)
        self._after_change()
        return self._register.person(person.person_id)


def _exported(kept: PersonFile) -> dict[str, Any]:
    return {
        "person": asdict(kept.person),
        "consents": [consent_record(consent) for consent in kept.consents],
        "events": [event.to_record() for event in kept.events],
    }


def _write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, also where a wider one lies already. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor has no path
        os.fchmod(descriptor, 0o600)
        stream.write(content)
