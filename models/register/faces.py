"""`insert_faces`, `templates_of`, `crops_by_id`: crops and templates in the register, encrypted."""

import uuid
from collections.abc import Callable, Collection, Sequence

import numpy as np
from sqlalchemy import func, select

from models.domain import Embedding, FaceCrop, PersonId, Template
from models.errors import ModelMismatchError, RegisterError, RegisterTamperedError, ReleaseError
from models.register import site_key
from models.register.macs import RowValues
from models.register.person_access import refuse_refused_face
from models.register.records import CropEmbedding, EnrolledFace, PersonStatus, Purpose, StoredCrop
from models.register.schema import ConsentRow, CropRow, PersonRow, TemplateRow
from models.register.session import RegisterSession, table_of

# The format of stored crops. Not `models.vision.alignment.CROP_PX`: what is on disk does not change with it.
CROP_SHAPE = (112, 112, 3)
CHUNK_ROWS = 200
FLOAT_BYTES = 4


def insert_faces(session: RegisterSession, person_id: PersonId, faces: Sequence[EnrolledFace]) -> None:
    """Store each crop with its template.

    Raises:
        FaceRefusedError: the person does not want a face stored.
        ModelMismatchError: the templates are not of the active network: no search would ever find them.
    """
    refuse_refused_face(session, person_id)
    in_force = session.state().active_model_id
    for face in faces:
        if in_force not in (None, face.embedding.model_id):
            raise ModelMismatchError(
                f"{in_force} has become active since these pictures were read by {face.embedding.model_id}: "
                "enrol them again"
            )
        row = CropRow(crop_id=uuid.uuid4().hex, person_id=person_id)
        place = _crop_place({"crop_id": row.crop_id, "person_id": person_id})
        row.image = session.keys.current.cipher.encrypt(_crop_bytes(face.crop), place)
        session.add(row)
        session.flush()
        _insert_template(session, person_id, row.crop_id, face.embedding)


def templates_of(
    session: RegisterSession, model_id: str, statuses: Collection[PersonStatus]
) -> list[Template]:
    """Return the templates of one network, of people with these statuses, ordered by id.

    Every template and every person is checked, those too that are not wanted: whether a row is wanted is
    written in it.

    Raises:
        RegisterTamperedError: a row was changed, added, removed or put back without the key.
    """
    people, templates = table_of(PersonRow), table_of(TemplateRow)
    wanted = {row.person_id for row in session.all_rows(people) if row.status in statuses}
    rows = [
        row for row in session.all_rows(templates) if row.model_id == model_id and row.person_id in wanted
    ]
    if not rows:
        return []
    rows.sort(key=lambda row: row.template_id)
    vectors = [
        session.keys.cipher_of(templates, row.mac).decrypt(row.vector, _template_place(row._mapping))
        for row in rows
    ]
    if {len(vector) for vector in vectors} != {len(vectors[0])} or len(vectors[0]) % FLOAT_BYTES:
        raise RegisterTamperedError(templates.name)
    matrix = np.frombuffer(b"".join(vectors), "<f4").astype(np.float32).reshape(len(rows), -1)
    return [
        Template(row.template_id, PersonId(row.person_id), Embedding(vector, model_id))
        for row, vector in zip(rows, matrix, strict=True)
    ]


def crop_ids(session: RegisterSession, purpose: Purpose) -> list[str]:
    """Return the ids of the crops whose person's newest consent covers `purpose`, in their order.

    Nobody trains on revoked people. To be recognised they are kept: a newcomer is compared with them too.
    """
    newest = {row.person_id: row.purposes for row in session.all_rows(table_of(ConsentRow))}
    people = {row.person_id: row.status for row in session.all_rows(table_of(PersonRow))}
    session.check_complete(table_of(CropRow))
    allowed = {
        person_id
        for person_id, status in people.items()
        if purpose in newest.get(person_id, [])
        and (status != PersonStatus.REVOKED or purpose != Purpose.TRAINING)
    }
    rows = session.execute(select(CropRow.crop_id, CropRow.person_id).order_by(CropRow.crop_id)).all()
    if not {row.person_id for row in rows} <= set(people):
        raise RegisterTamperedError(CropRow.__tablename__)
    return [row.crop_id for row in rows if row.person_id in allowed]


def crops_by_id(session: RegisterSession, ids: Sequence[str]) -> list[StoredCrop]:
    """Return the crops of these ids that are still there, ordered by id."""
    return [
        StoredCrop(row.crop_id, PersonId(row.person_id), _open_crop(session, row))
        for start in range(0, len(ids), CHUNK_ROWS)
        for row in session.scalars(
            select(CropRow)
            .where(CropRow.crop_id.in_(ids[start : start + CHUNK_ROWS]))
            .order_by(CropRow.crop_id)
        )
    ]


def crops_of(session: RegisterSession, person_id: PersonId) -> list[StoredCrop]:
    """Return the crops of one person of any status, ordered by id."""
    rows = session.scalars(select(CropRow).where(CropRow.person_id == person_id).order_by(CropRow.crop_id))
    return [StoredCrop(row.crop_id, person_id, _open_crop(session, row)) for row in rows]


def embeddings_of(session: RegisterSession, person_id: PersonId) -> list[CropEmbedding]:
    """Return the templates of one person of any status, by every network, ordered by crop and network."""
    rows = session.scalars(
        select(TemplateRow)
        .where(TemplateRow.person_id == person_id)
        .order_by(TemplateRow.crop_id, TemplateRow.model_id)
    )
    return [CropEmbedding(row.crop_id, _open_template(session, row)) for row in rows]


def _open_template(session: RegisterSession, row: TemplateRow) -> Embedding:
    place = _template_place(
        {"template_id": row.template_id, "person_id": row.person_id, "model_id": row.model_id}
    )
    content = session.keys.cipher_of(table_of(TemplateRow), row.mac).decrypt(row.vector, place)
    return Embedding(np.frombuffer(content, "<f4").astype(np.float32), row.model_id)


def count_crops(session: RegisterSession, person_id: PersonId) -> int:
    """The number of crops stored of a person."""
    query = select(func.count()).select_from(CropRow).where(CropRow.person_id == person_id)
    return session.scalar(query) or 0


def delete_faces(session: RegisterSession, person_id: PersonId) -> int:
    """Delete the templates and crops of a person; returns how many crops there were."""
    count = count_crops(session, person_id)
    for table in (TemplateRow, CropRow):
        session.delete_rows(table, table.person_id == person_id)
    return count


def replace_templates(session: RegisterSession, model_id: str, embeddings: Sequence[CropEmbedding]) -> None:
    """Replace the templates of a network for the same crops; crops erased in the meantime are skipped.

    Raises:
        ReleaseError: an embedding is of another network.
    """
    ids = [item.crop_id for item in embeddings]
    session.delete_rows(TemplateRow, TemplateRow.crop_id.in_(ids) & (TemplateRow.model_id == model_id))
    crops = session.scalars(select(CropRow).where(CropRow.crop_id.in_(ids)))
    owners = {crop.crop_id: PersonId(crop.person_id) for crop in crops}
    for item in embeddings:
        if item.embedding.model_id != model_id:
            raise ReleaseError(f"a template of {item.embedding.model_id} cannot be part of {model_id}")
        if item.crop_id in owners:
            _insert_template(session, owners[item.crop_id], item.crop_id, item.embedding)


def crops_lacking_templates(session: RegisterSession, model_id: str) -> list[str]:
    """Return the ids of the crops that have no template of the network, those of revoked people too."""
    served = select(TemplateRow.crop_id).where(TemplateRow.model_id == model_id)
    query = select(CropRow.crop_id).where(CropRow.crop_id.not_in(served)).order_by(CropRow.crop_id)
    return list(session.scalars(query))


def names_of_crops(session: RegisterSession, ids: Sequence[str]) -> list[str]:
    """Return the names of the people whose crops these are, ordered; for messages, hence not checked."""
    people = select(CropRow.person_id).where(CropRow.crop_id.in_(ids))
    query = select(PersonRow.name).where(PersonRow.person_id.in_(people)).order_by(PersonRow.name_key)
    return list(session.scalars(query))


def _insert_template(
    session: RegisterSession, person_id: PersonId, crop_id: str, embedding: Embedding
) -> None:
    row = TemplateRow(
        template_id=uuid.uuid4().hex, person_id=person_id, crop_id=crop_id, model_id=embedding.model_id
    )
    place = _template_place(
        {"template_id": row.template_id, "person_id": person_id, "model_id": row.model_id}
    )
    row.vector = session.keys.current.cipher.encrypt(embedding.vector.astype("<f4").tobytes(), place)
    session.add(row)


def _crop_bytes(crop: FaceCrop) -> bytes:
    """Return the bytes of one picture, or of two with the second crop."""
    pictures = [crop.image] if crop.second is None else [crop.image, crop.second]
    for picture in pictures:
        if picture.shape != CROP_SHAPE or picture.dtype != np.uint8:
            raise RegisterError(f"a crop is uint8 {CROP_SHAPE}, not {picture.dtype} {picture.shape}")
    return np.stack(pictures).tobytes()


def _open_crop(session: RegisterSession, row: CropRow) -> FaceCrop:
    cipher = session.keys.cipher_of(table_of(CropRow), row.mac)
    content = cipher.decrypt(row.image, _crop_place({"crop_id": row.crop_id, "person_id": row.person_id}))
    return FaceCrop(*np.frombuffer(content, np.uint8).reshape(-1, *CROP_SHAPE))


def _crop_place(row: RowValues) -> str:
    return f"crops|image|{row['crop_id']}|{row['person_id']}"


def _template_place(row: RowValues) -> str:
    return f"templates|vector|{row['template_id']}|{row['person_id']}|{row['model_id']}"


ENCRYPTED: dict[str, tuple[str, Callable[[RowValues], str]]] = {
    "crops": ("image", _crop_place),
    "templates": ("vector", _template_place),
    "site_keys": ("box", site_key.place_of),
}
"""By table: the encrypted column, and what its value is bound to."""
