"""`newest_policy`, `insert_policy`, `all_policies`: the rules of the site, as they are and as they were."""

from datetime import datetime
from importlib.metadata import version

from sqlalchemy import select

from models.errors import InputError, RegisterError
from models.register.access_records import PolicyVersion
from models.register.access_schema import PolicyRow
from models.register.session import RegisterSession, table_of
from models.rules.document import digest, policy_from_record, policy_record
from models.rules.policy import OPEN_SITE, Policy


def policy_digest(policy: Policy) -> str:
    """Return the digest of a policy with the time zone data of this machine."""
    return digest(policy, version("tzdata"))


def newest_policy(session: RegisterSession) -> Policy:
    """Return the rules in force; `OPEN_SITE` where none were imported."""
    session.check_complete(table_of(PolicyRow))
    row = session.scalar(select(PolicyRow).order_by(PolicyRow.id.desc()).limit(1))
    return OPEN_SITE if row is None else _policy(row)


def insert_policy(session: RegisterSession, policy: Policy, at: datetime) -> PolicyVersion:
    """Store rules, which are in force from then on."""
    row = PolicyRow(document=policy_record(policy), digest=policy_digest(policy), created_at=at)
    session.add(row)
    session.flush()
    return PolicyVersion(row.id, policy, row.digest, at)


def all_policies(session: RegisterSession) -> list[PolicyVersion]:
    """Return all rules that were ever in force, oldest first."""
    session.check_complete(table_of(PolicyRow))
    rows = session.scalars(select(PolicyRow).order_by(PolicyRow.id))
    return [PolicyVersion(row.id, _policy(row), row.digest, row.created_at) for row in rows]


def _policy(row: PolicyRow) -> Policy:
    try:
        return policy_from_record(row.document)
    except (InputError, KeyError, TypeError, ValueError) as error:
        # The row is authenticated: a Doorward that knows more rules, or fewer, has written it.
        raise RegisterError(
            "the rules in the register are not of this version of Doorward: import them again with "
            "`doorward rules import`"
        ) from error
