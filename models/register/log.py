"""`EventLog`: the part of `Register` that writes, reads, delivers and proves events."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from models.audit.checkpoint import SiteVerifier
from models.domain import PersonId
from models.errors import LogAlteredError, RegisterError
from models.events import DoorEvent
from models.register import chains, closing, events, log_check, log_export, site_key
from models.register.base import RegisterBase
from models.register.schema import DeliveryRow, HeadRow
from models.register.session import table_of

CHECKPOINT_EVENTS = 1000
"""A chain gets a checkpoint every so many events, beside that of each day."""
DELIVERIES, HEADS = table_of(DeliveryRow), table_of(HeadRow)


class EventLog(RegisterBase):
    """Events in chains; what each method raises beside what it says: see `Register`."""

    def append_event(self, event: DoorEvent) -> int:
        """Write one event and return its number; on return it survives a power cut.

        Raises:
            RegisterError: it cannot be written, or its door is called `site`.
        """
        with self._connection.writing() as session:
            keys = self._connection.keys_of_log(session)
            written = events.append_event(session, keys, event)
        if written.new_day or written.seq % CHECKPOINT_EVENTS == 0:
            # The event is safe. What cannot be signed now is signed with the next day, or a check reports it.
            with contextlib.suppress(RegisterError):
                self.write_checkpoints([written.chain])
        return written.event_id

    def events(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        door: str | None = None,
        person_id: PersonId | None = None,
        outcome: str | None = None,
        limit: int | None = None,
        silent: bool = False,
    ) -> list[DoorEvent]:
        """Return the newest `limit` matching events of the time [since, until), oldest first.

        Args:
            since, until, door, person_id, outcome, limit: what matches.
            silent: True for silent events too, which only the receiver of alarms may hear of.
        """
        with self._connection.reading() as session:
            return events.list_events(
                session,
                since=since,
                until=until,
                door=door,
                person_id=person_id,
                outcome=outcome,
                limit=limit,
                silent=silent,
            )

    def event(self, event_id: int) -> DoorEvent | None:
        """Return the event of a number; None when there is none, it was deleted, or it is a silent one."""
        with self._connection.reading() as session:
            return events.one_event(session, event_id)

    def delete_events(self, before: datetime, limit: int) -> int:
        """Delete the oldest `limit` events of days (UTC) that ended before `before`; returns how many.

        A small limit keeps the door from waiting: call it until it returns less than the limit. What is left
        of a day is its signed segment.

        Raises:
            LogAlteredError: a day that is to be closed is not as it was written: the events of that chain
                stay, and those of all others were deleted before this is raised.
        """
        deleted, altered = 0, None
        for chain in self.chains():
            if chain == chains.SITE or deleted == limit:
                continue
            try:
                with self._connection.writing() as session:
                    deleted += closing.prune(session, chain, before, limit - deleted)
            except LogAlteredError as error:
                altered = error
        if altered is not None and deleted < limit:
            raise altered
        return deleted

    # --- chains -------------------------------------------------------------------------------------------

    def chains(self) -> list[str]:
        """Return the names of all chains: the doors, `<door>/silent` where there are such events, `site`."""
        with self._connection.reading() as session:
            return chains.chain_names(session.connection())

    def chain_events(self, chain: str, after_seq: int, limit: int) -> list[DoorEvent]:
        """Return the first `limit` events of a chain after a number, in the order of their numbers (`seq`).

        What operators do are notices of the door `site`, with the action as detail.
        """
        with self._connection.reading() as session:
            return events.chain_events(session, chain, after_seq, limit)

    def acknowledge(self, receiver: str, chain: str, seq: int) -> None:
        """Note that a receiver has every event of a chain up to a number; a lower one changes nothing."""
        values = {"receiver": receiver, "chain": chain, "seq": seq}
        statement = sqlite.insert(DELIVERIES).values(values)
        raised = statement.on_conflict_do_update(
            index_elements=[DELIVERIES.c.receiver, DELIVERIES.c.chain],
            set_={"seq": seq},
            where=DELIVERIES.c.seq < seq,
        )
        with self._connection.writing() as session:
            session.connection().execute(raised)

    def acknowledged(self, receiver: str) -> Mapping[str, int]:
        """Return by chain the number of the last event that a receiver has."""
        query = select(DELIVERIES.c.chain, DELIVERIES.c.seq).where(DELIVERIES.c.receiver == receiver)
        with self._connection.reading() as session:
            return {row.chain: row.seq for row in session.connection().execute(query)}

    # --- proofs -------------------------------------------------------------------------------------------

    def site_verifier(self) -> SiteVerifier:
        """Return the site's public key, with which others check what it signed."""
        with self._connection.reading() as session:
            return site_key.verifier_of(session)

    def write_checkpoints(self, names: Sequence[str] | None = None) -> None:
        """Close the days that have ended, and sign a checkpoint of each chain as it is now.

        Args:
            names: of these chains; None for all.

        Raises:
            LogAlteredError: events since the last closed day are not as they were written: nothing is signed.
        """
        for chain in self.chains() if names is None else names:
            with self._connection.writing() as session:
                closing.close_days(session, chain)

    def checkpoints(self) -> list[str]:
        """Return the newest checkpoint of each chain that has one: signed notes to keep on other machines."""
        query = select(HEADS.c.checkpoint).where(HEADS.c.checkpoint.is_not(None)).order_by(HEADS.c.chain)
        with self._connection.reading() as session:
            return list(session.connection().execute(query).scalars())

    def verify_log(self, checkpoints: Sequence[str] = ()) -> log_check.LogReport:
        """Check every event still held, every closed day, and what checkpoints from elsewhere say.

        Args:
            checkpoints: signed notes that another machine kept.

        Raises:
            InputError: one of them is no checkpoint of this site.
            RegisterTamperedError: a segment, a receipt or the site's key was changed without the key.
        """
        with self._connection.reading() as session:
            return log_check.check_log(session, checkpoints)

    def check_against(self, checkpoint: str) -> None:
        """Check the chain of a checkpoint that another machine kept.

        Raises:
            InputError: it is no checkpoint of this site.
            LogAlteredError: the log says otherwise, was cut off, or is an older copy.
        """
        with self._connection.reading() as session:
            log_check.check_against(session, checkpoint)

    def prove_event(self, chain: str, seq: int) -> dict[str, object]:
        """Return the proof of one event: plain JSON values that `models.audit.export` checks.

        Raises:
            InputError: the log does not hold that event.
            LogAlteredError: it is not as it was written.
        """
        self.write_checkpoints([chain])
        with self._connection.reading() as session:
            return log_export.proof_of(session, chain, seq)

    def export_log(self, chain: str | None = None, since_day: str | None = None) -> Iterator[str]:
        """Write checkpoints, then yield the lines of an export, which can be checked without the register.

        Args:
            chain: this one alone; None for all.
            since_day: without the events of days (UTC) before it, 2026-11-02; None for all that are held.
        """
        self.write_checkpoints(None if chain is None else [chain])
        with self._connection.reading() as session:
            yield from log_export.lines_of(session, chain, since_day)
