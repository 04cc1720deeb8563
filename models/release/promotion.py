"""`promote`, `rollback`: change the release that doors use.

Every stored crop that has no template of the new network is embedded, some at a time, and its template
stored: doors do not see it yet. Then one short transaction makes the release the active one. Until it commits
the old release is in use, from then on the new one; promoting again after a kill goes on with what is
missing. Doors see the register's new revision and load the new release.
"""

from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.errors import RegisterChangedError, ReleaseError
from models.ports import Encoder
from models.progress import Advance, ignore_steps
from models.register.records import CropEmbedding, ReleaseRecord
from models.register.register import Register
from models.release.store import PRETRAINED_ID, Release, check_release, load_release
from models.settings.settings import Settings

MAX_ATTEMPTS = 3
CHUNK_CROPS = 32


def promote(
    settings: Settings,
    register: Register,
    release_id: str,
    advance: Advance = ignore_steps,
    *,
    override_reason: str | None = None,
    champion_id: str | None = None,
) -> Release:
    """Make a release the active one, which every door uses.

    The gate must have compared it with the release in use and let it through. The pretrained release needs no
    verdict, for every other one was compared with it.

    Args:
        settings, register: of the site.
        release_id: of a saved release, or of the pretrained one.
        advance: called with the number of crops after each chunk that was embedded.
        override_reason: uses the release without the gate's verdict; the reason stays on record.
        champion_id: the release that must be in use until then; None takes the place of any.

    Raises:
        ReleaseError: it is absent, incomplete or altered, the gate has not let it through, or people were
            enrolled during each attempt.
        RegisterChangedError: another release than `champion_id` is in use by now.
        WeightsError: it is the pretrained one, and its weights cannot be had.
        RegisterError: the register cannot be read or written. In each case the old release stays in use.
    """
    active = register.active_release_id() or PRETRAINED_ID
    if champion_id not in (None, active):
        raise RegisterChangedError("another release has become active in the meantime")
    if release_id not in (PRETRAINED_ID, active):
        _, record = check_release(settings, register, release_id)
        if not (record.passed and record.parent == active):
            if override_reason is None:
                raise ReleaseError(_without_verdict(record, active))
            register.record_override(release_id, override_reason)
    return _activate(settings, register, release_id, active, advance)


def _without_verdict(record: ReleaseRecord, active: str) -> str:
    """Say why a release may not be used."""
    if record.passed:
        what = f"was compared with {record.parent}, and {active} is in use"
    else:
        what = "was not let through by the gate"
    return (
        f"release {record.release_id} {what}: run doorward retrain again, or, for a trial, "
        "doorward promote --override REASON"
    )


def rollback(settings: Settings, register: Register, advance: Advance = ignore_steps) -> Release:
    """Make the release active again that the active one was compared with, whatever has become of its files.

    Raises:
        ReleaseError: the pretrained release is in use: there is none before it.
            And what `promote` raises, except for the verdict, which is not asked for.
    """
    active = register.active_release_id() or PRETRAINED_ID
    if active == PRETRAINED_ID:
        raise ReleaseError("the pretrained release is in use: there is none to roll back to")
    record = register.release_record(active)
    if record is None:
        raise ReleaseError(
            f"the register does not know what was in use before {active}: run "
            f"doorward promote {PRETRAINED_ID}"
        )
    return _activate(settings, register, record.parent, active, advance)


def _activate(
    settings: Settings, register: Register, release_id: str, champion_id: str, advance: Advance
) -> Release:
    """Embed every stored crop with a release and make it active, in place of the champion alone."""
    release = load_release(settings, register, release_id)
    encoder = FlippedEncoder(
        OpenVinoEncoder(release.encoder_path, release.model_id, settings.encoder.threads)
    )
    attempts_left = MAX_ATTEMPTS
    while True:
        _embed_missing(register, encoder, advance)
        attempts_left -= 1
        try:
            register.activate_release(release.release_id, release.model_id, instead_of=_stored(champion_id))
            return release
        except ReleaseError:
            # Somebody was enrolled while the others were embedded: embed them too, and try again.
            if not attempts_left or not register.crops_lacking_templates(release.model_id):
                raise


def _stored(release_id: str) -> tuple[str | None, ...]:
    """The ids under which the register may have a release; it names the pretrained one only after another."""
    return (release_id, None) if release_id == PRETRAINED_ID else (release_id,)


def _embed_missing(register: Register, encoder: Encoder, advance: Advance) -> None:
    missing = register.crops_lacking_templates(encoder.model_id)
    for start in range(0, len(missing), CHUNK_CROPS):
        chunk = register.crops_by_id(missing[start : start + CHUNK_CROPS])
        embeddings = encoder.embed([stored.crop for stored in chunk])
        register.prepare_templates(
            encoder.model_id,
            [CropEmbedding(stored.crop_id, each) for stored, each in zip(chunk, embeddings, strict=True)],
        )
        advance(len(chunk))
