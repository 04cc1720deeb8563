"""`newest_policy`, `insert_policy`, `all_policies`: the rules of the site, as they are and as they were."""

from datetime import datetime
from importlib.metadata import version
from typing import Any

from sqlalchemy import Row

from models.errors import InputError, RegisterError
from models.register.access_records import PolicyVersion
from models.register.access_schema import PolicyRow
from models.register.session import RegisterSession, table_of
from models.rules.document import digest, policy_from_record, policy_record
from models.rules.policy import OPEN_SITE, Policy

KEPT = 20
"""So many of the newest rules are kept: all of them are read whenever a door learns of new ones."""


def policy_digest(policy: Policy) -> str:
    """Return the digest of a policy with the time zone data of this machine."""
    return digest(policy, version("tzdata"))


def newest_policy(session: RegisterSession) -> Policy:
    """Return the rules in force; `OPEN_SITE` where none were imported."""
    rows = _rows(session)
    return _policy(rows[-1]) if rows else OPEN_SITE


def insert_policy(session: RegisterSession, policy: Policy, at: datetime) -> PolicyVersion:
    """Store rules, which are in force from then on; of the earlier ones the newest `KEPT` - 1 are kept.

    Raises:
        RulesError: names in them do not fit together, so that no door could read them.
    """
    document = policy_record(policy)
    policy_from_record(document)
    row = PolicyRow(document=document, digest=policy_digest(policy), created_at=at)
    session.add(row)
    session.flush()
    session.delete_rows(PolicyRow, PolicyRow.id <= row.id - KEPT)
    return PolicyVersion(row.id, policy, row.digest, at)


def all_policies(session: RegisterSession) -> list[PolicyVersion]:
    """Return all rules that were ever in force, oldest first."""
    return [PolicyVersion(row.id, _policy(row), row.digest, row.created_at) for row in _rows(session)]


def _rows(session: RegisterSession) -> list[Row[Any]]:
    """The whole table, oldest first: which row is the newest is written in the rows."""
    return sorted(session.all_rows(table_of(PolicyRow)), key=lambda row: row.id)


def _policy(row: Row[Any]) -> Policy:
    try:
        return policy_from_record(row.document)
    except (InputError, KeyError, TypeError, ValueError) as error:
        # The row is authenticated: a Doorward that knows more rules, or fewer, has written it.
        raise RegisterError(
            "the rules in the register are not of this version of Doorward: import them again with "
            "`doorward rules import`"
        ) from error
