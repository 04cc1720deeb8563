"""`check_export`: checks an exported log, or the proof of one event, with the site's public key alone.

An export is a file of JSON lines. The first one names the format and the site's public key; then come lines
of a kind each: `segment`, `event` and `checkpoint`. Nothing sealed is in it.
"""

import base64
import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from models.audit.chain import ChainEvent, Problem, check_event
from models.audit.check import check_chain
from models.audit.checkpoint import Checkpoint, NoteError, SiteVerifier
from models.audit.segments import Segment, inclusion_path, root_from_path

LOG_FORMAT = "doorward-log-1"
PROOF_FORMAT = "doorward-proof-1"


class ExportError(ValueError):
    """The file is neither an export nor a proof."""


@dataclasses.dataclass(frozen=True, slots=True)
class ExportReport:
    """What was checked of a file.

    Attributes:
        format: `LOG_FORMAT` or `PROOF_FORMAT`.
        events: by chain, how many events it holds.
        problems: what is not as it was written.
    """

    format: str
    events: Mapping[str, int]
    problems: tuple[Problem, ...]


def header_line(verifier: SiteVerifier) -> str:
    """Return the first line of an export."""
    return _line({"format": LOG_FORMAT, "site": verifier.site_id, "key": str(verifier)})


def segment_line(segment: Segment, *, included: bool) -> str:
    """Return the line of a segment; `included` says whether its events follow."""
    return _line({"kind": "segment", **_plain(segment), "pruned": not included})


def event_line(event: ChainEvent) -> str:
    """Return the line of an event."""
    return _line({"kind": "event", "event": _plain(event)})


def checkpoint_line(note: str) -> str:
    """Return the line of a chain's newest checkpoint."""
    return _line({"kind": "checkpoint", "note": note})


def proof_record(
    verifier: SiteVerifier, events: Sequence[ChainEvent], seq: int, checkpoint: str
) -> dict[str, object]:
    """Return the proof of one event as plain JSON values.

    Args:
        verifier: the site's public key.
        events: all of the tree that the checkpoint signed.
        seq: the number of the event to prove.
        checkpoint: the signed note.
    """
    index = seq - events[0].seq
    path = inclusion_path([event.hash for event in events], index)
    return {
        "format": PROOF_FORMAT,
        "site": verifier.site_id,
        "key": str(verifier),
        "event": _plain(events[index]),
        "path": [_encoded(each) for each in path],
        "checkpoint": checkpoint,
    }


def check_export(lines: Iterable[str], verifier: SiteVerifier) -> ExportReport:
    """Check the lines of an export or of a proof.

    Args:
        lines: of the file.
        verifier: the site's public key, from somewhere else than the file.

    Raises:
        ExportError: it is neither.
    """
    try:
        records = [json.loads(line) for line in lines if line.strip()]
        kind = records[0]["format"] if records else None
        if kind == PROOF_FORMAT:
            event, problems = _check_proof(records[0], verifier)
            return ExportReport(kind, {event.chain: 1}, tuple(problems))
        if kind == LOG_FORMAT:
            return _check_log(records[1:], verifier)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(f"a line of the file is not one that Doorward writes: {error}") from error
    raise ExportError("the file is neither an exported log nor a proof of Doorward")


def _check_proof(record: Mapping[str, Any], verifier: SiteVerifier) -> tuple[ChainEvent, list[Problem]]:
    event = _event(record["event"])
    problems = list(check_event(event))
    try:
        signed = Checkpoint.from_text(verifier.open(record["checkpoint"]))
    except NoteError:
        return event, [Problem(event.chain, event.seq, "has no checkpoint that this site's key signed")]
    index, size = event.seq - signed.first_seq, signed.size - signed.first_seq + 1
    path = [base64.b64decode(each, validate=True) for each in record["path"]]
    if event.chain != signed.chain or root_from_path(event.hash, index, size, path) != signed.root:
        problems.append(Problem(event.chain, event.seq, "is not in what the checkpoint signed"))
    return event, problems


def _check_log(records: Sequence[Mapping[str, Any]], verifier: SiteVerifier) -> ExportReport:
    segments: dict[str, list[Segment]] = {}
    events: dict[str, list[ChainEvent]] = {}
    checkpoints: dict[str, list[Checkpoint]] = {}
    problems: list[Problem] = []
    for record in records:
        if record["kind"] == "segment":
            segment = _segment(record)
            segments.setdefault(segment.chain, []).append(segment)
        elif record["kind"] == "event":
            event = _event(record["event"])
            events.setdefault(event.chain, []).append(event)
        else:
            try:
                signed = Checkpoint.from_text(verifier.open(record["note"]))
            except NoteError as error:
                problems.append(
                    Problem("export", None, f"holds a checkpoint that is not this site's: {error}")
                )
                continue
            checkpoints.setdefault(signed.chain, []).append(signed)
    for chain in sorted({*segments, *events, *checkpoints}):
        found, signed_to = events.get(chain, []), checkpoints.get(chain, [])
        problems += check_chain(
            verifier, chain, segments.get(chain, []), found, head=None, checkpoints=signed_to
        )
        problems += _check_signed(chain, found, signed_to)
    return ExportReport(LOG_FORMAT, {chain: len(each) for chain, each in events.items()}, tuple(problems))


def _check_signed(
    chain: str, events: Sequence[ChainEvent], checkpoints: Sequence[Checkpoint]
) -> Iterator[Problem]:
    """Events after the newest checkpoint are covered by no signature."""
    covered = max((each.size for each in checkpoints), default=0)
    if events and events[-1].seq > covered:
        yield Problem(
            chain, covered + 1, "and what follows is covered by no checkpoint: anybody can write it"
        )


def _plain(value: Segment | ChainEvent) -> dict[str, Any]:
    record = dataclasses.asdict(value)
    return {key: _encoded(each) if isinstance(each, bytes) else each for key, each in record.items()}


def _event(record: Mapping[str, Any]) -> ChainEvent:
    return ChainEvent(**_values(record, ("commits", "prev", "hash")))


def _segment(record: Mapping[str, Any]) -> Segment:
    values = {name: value for name, value in record.items() if name != "kind"}
    return Segment(**_values(values, ("root", "last_hash", "previous")))


def _values(record: Mapping[str, Any], binary: Sequence[str]) -> dict[str, Any]:
    return {
        name: base64.b64decode(value, validate=True) if name in binary else value
        for name, value in record.items()
    }


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=True)
