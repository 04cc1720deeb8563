"""`insert_faces`, `templates_of`, `stored_crops`: crops and templates in the register, encrypted."""

import uuid
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models.domain import Embedding, FaceCrop, PersonId, Template
from models.errors import ModelMismatchError, RegisterError, ReleaseError
from models.register.records import CropEmbedding, EnrolledFace, PersonStatus, Purpose, StoredCrop
from models.register.schema import ConsentRow, CropRow, PersonRow, TemplateRow
from models.register.state import state_of
from models.storage.keys import Cipher

# The format of stored crops. Not `models.vision.alignment.CROP_PX`: what is on disk does not change with it.
CROP_SHAPE = (112, 112, 3)
CHUNK_ROWS = 500


def insert_faces(
    session: Session, cipher: Cipher, person_id: PersonId, faces: Sequence[EnrolledFace]
) -> None:
    """Store each crop with its template.

    Raises:
        ModelMismatchError: the templates are not of the active network: no search would ever find them.
    """
    in_force = state_of(session).active_model_id
    for face in faces:
        if in_force not in (None, face.embedding.model_id):
            raise ModelMismatchError(
                f"{in_force} has become active since these pictures were read by {face.embedding.model_id}: "
                "enrol them again"
            )
        crop_id = uuid.uuid4().hex
        sealed = cipher.encrypt(_crop_bytes(face.crop), _crop_place(crop_id, person_id))
        session.add(CropRow(crop_id=crop_id, person_id=person_id, image=sealed))
        session.flush()
        _insert_template(session, cipher, person_id, crop_id, face.embedding)


def templates_of(
    session: Session, cipher: Cipher, model_id: str, statuses: Collection[PersonStatus]
) -> list[Template]:
    """Return the templates of one network, of people with these statuses, ordered by id."""
    rows = session.scalars(
        select(TemplateRow)
        .join(PersonRow, PersonRow.person_id == TemplateRow.person_id)
        .where(PersonRow.status.in_(statuses), TemplateRow.model_id == model_id)
        .order_by(TemplateRow.template_id)
    )
    return [Template(row.template_id, PersonId(row.person_id), _open_template(cipher, row)) for row in rows]


def stored_crops(session: Session, cipher: Cipher, purpose: Purpose) -> list[StoredCrop]:
    """Return the crops whose person's newest consent covers `purpose`, by id.

    Nobody trains on revoked people. To be recognised they are kept: a newcomer is compared with them too.
    """
    query = select(ConsentRow.person_id, ConsentRow.purposes).order_by(ConsentRow.id)
    newest = {row.person_id: row.purposes for row in session.execute(query)}
    rows = session.scalars(
        select(CropRow)
        .join(PersonRow, PersonRow.person_id == CropRow.person_id)
        .where((PersonRow.status != PersonStatus.REVOKED) | (purpose != Purpose.TRAINING))
        .order_by(CropRow.crop_id)
    )
    return [
        StoredCrop(row.crop_id, PersonId(row.person_id), _open_crop(cipher, row))
        for row in rows
        if purpose in newest.get(row.person_id, [])
    ]


def crops_of(session: Session, cipher: Cipher, person_id: PersonId) -> list[StoredCrop]:
    """Return the crops of one person of any status, ordered by id."""
    rows = session.scalars(select(CropRow).where(CropRow.person_id == person_id).order_by(CropRow.crop_id))
    return [StoredCrop(row.crop_id, person_id, _open_crop(cipher, row)) for row in rows]


def embeddings_of(session: Session, cipher: Cipher, person_id: PersonId) -> list[CropEmbedding]:
    """Return the templates of one person of any status, by every network, ordered by crop and network."""
    rows = session.scalars(
        select(TemplateRow)
        .where(TemplateRow.person_id == person_id)
        .order_by(TemplateRow.crop_id, TemplateRow.model_id)
    )
    return [CropEmbedding(row.crop_id, _open_template(cipher, row)) for row in rows]


def count_crops(session: Session, person_id: PersonId) -> int:
    """The number of crops stored of a person."""
    query = select(func.count()).select_from(CropRow).where(CropRow.person_id == person_id)
    return session.scalar(query) or 0


def replace_templates(
    session: Session, cipher: Cipher, model_id: str, embeddings: Sequence[CropEmbedding]
) -> None:
    """Replace the templates of a network for the same crops; crops erased in the meantime are skipped.

    Raises:
        ReleaseError: an embedding is of another network.
    """
    for item in embeddings:
        if item.embedding.model_id != model_id:
            raise ReleaseError(f"a template of {item.embedding.model_id} cannot be part of {model_id}")
        crop = session.get(CropRow, item.crop_id)
        if crop is None:
            continue
        session.execute(
            delete(TemplateRow).where(TemplateRow.crop_id == item.crop_id, TemplateRow.model_id == model_id)
        )
        _insert_template(session, cipher, PersonId(crop.person_id), item.crop_id, item.embedding)


def people_lacking_templates(session: Session, model_id: str) -> list[str]:
    """Return the names of everybody with a crop that has no template of the network, revoked people too."""
    served = select(TemplateRow.crop_id).where(TemplateRow.model_id == model_id)
    rows = session.scalars(
        select(PersonRow.name)
        .join(CropRow, CropRow.person_id == PersonRow.person_id)
        .where(CropRow.crop_id.not_in(served))
        .group_by(PersonRow.person_id)
        .order_by(PersonRow.name_key)
    )
    return list(rows)


def encrypt_again(session: Session, old: Cipher, new: Cipher) -> None:
    """Encrypt every crop and template anew, from one key to another."""
    for keys in _chunks(list(session.scalars(select(CropRow.crop_id)))):
        for crop in session.scalars(select(CropRow).where(CropRow.crop_id.in_(keys))):
            place = _crop_place(crop.crop_id, crop.person_id)
            crop.image = new.encrypt(old.decrypt(crop.image, place), place)
        _write_out(session)
    for keys in _chunks(list(session.scalars(select(TemplateRow.template_id)))):
        for row in session.scalars(select(TemplateRow).where(TemplateRow.template_id.in_(keys))):
            place = _template_place(row)
            row.vector = new.encrypt(old.decrypt(row.vector, place), place)
        _write_out(session)


def _write_out(session: Session) -> None:
    """Write a chunk's changes and drop its rows: a large register does not have to fit in memory."""
    session.flush()
    session.expunge_all()


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    yield from (keys[start : start + CHUNK_ROWS] for start in range(0, len(keys), CHUNK_ROWS))


def _insert_template(
    session: Session, cipher: Cipher, person_id: PersonId, crop_id: str, embedding: Embedding
) -> None:
    row = TemplateRow(
        template_id=uuid.uuid4().hex, person_id=person_id, crop_id=crop_id, model_id=embedding.model_id
    )
    row.vector = cipher.encrypt(embedding.vector.astype("<f4").tobytes(), _template_place(row))
    session.add(row)
    session.flush()


def _open_template(cipher: Cipher, row: TemplateRow) -> Embedding:
    vector = np.frombuffer(cipher.decrypt(row.vector, _template_place(row)), "<f4").astype(np.float32)
    return Embedding(vector, row.model_id)


def _crop_bytes(crop: FaceCrop) -> bytes:
    """Return the bytes of one picture, or of two with the second crop."""
    pictures = [crop.image] if crop.second is None else [crop.image, crop.second]
    for picture in pictures:
        if picture.shape != CROP_SHAPE or picture.dtype != np.uint8:
            raise RegisterError(f"a crop is uint8 {CROP_SHAPE}, not {picture.dtype} {picture.shape}")
    return np.stack(pictures).tobytes()


def _open_crop(cipher: Cipher, row: CropRow) -> FaceCrop:
    content = cipher.decrypt(row.image, _crop_place(row.crop_id, row.person_id))
    return FaceCrop(*np.frombuffer(content, np.uint8).reshape(-1, *CROP_SHAPE))


def _crop_place(crop_id: str, person_id: str) -> str:
    return f"crops|image|{crop_id}|{person_id}"


def _template_place(row: TemplateRow) -> str:
    return f"templates|vector|{row.template_id}|{row.person_id}|{row.model_id}"
