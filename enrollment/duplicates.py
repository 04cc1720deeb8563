"""`DuplicateIndex`: the templates of everybody in the register, to find a face that is enrolled already."""

import uuid
from collections.abc import Sequence

from enrollment.pictures import ExaminedPicture
from models.domain import PersonId, Template
from models.gallery.gallery import Gallery
from models.register.records import PersonStatus
from models.register.register import Register


class DuplicateIndex:
    """The templates of everybody in the register, suspended and revoked people too.

    It reads the register again when somebody else has changed it, not for each of many enrolments in a row.
    """

    def __init__(self, register: Register, model_id: str) -> None:
        self._register = register
        self._model_id = model_id
        self.revision = -1
        """The register's gallery revision that `gallery` was made of, at the least."""
        self._templates: list[Template] = []

    def gallery(self) -> Gallery:
        """Return the gallery of everybody in the register now."""
        revision = self._register.gallery_revision()
        if revision != self.revision:
            self._templates = self._register.templates(self._model_id, tuple(PersonStatus))
            self.revision = revision
        return Gallery.build(self._templates, self._model_id)

    def add(self, person_id: PersonId, pictures: Sequence[ExaminedPicture]) -> None:
        """Add a person whom the register has just stored, as its next revision."""
        self._templates += [
            Template(uuid.uuid4().hex, person_id, picture.analysis.embedding) for picture in pictures
        ]
        self.revision += 1
