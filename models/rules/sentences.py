"""`sentence_for`: what one check of a decision compared and found, in a sentence for an operator.

`doorward why` and `doorward would` print one for each check of a trace. The numbers and names come from what
the check saw; a record of another version that lacks them gets a shorter sentence.
"""

from collections.abc import Callable, Mapping
from typing import Any

from models.domain import CheckName, CheckResult

Saw = Mapping[str, Any]

SUBJECT: dict[CheckName, str] = {
    CheckName.FRESH_PICTURE: "The age of the picture",
    CheckName.SOMEBODY_ENROLLED: "The number of people enrolled",
    CheckName.ENOUGH_PICTURES: "The number of good pictures",
    CheckName.RECOGNISED: "The likeness of the face",
    CheckName.CLEAR_LEAD: "The lead over the next person",
    CheckName.CREDENTIAL: "The card or PIN",
    CheckName.RULES_IN_FORCE: "The rules in force",
    CheckName.DOOR_MODE: "The mode of the door",
    CheckName.STATUS: "The person's status",
    CheckName.VALIDITY: "The begin and end of the person's access",
    CheckName.LOCKOUT: "The person's failed attempts",
    CheckName.ANTI_PASSBACK: "Anti-passback",
    CheckName.RULE: "The rules for this person and door",
    CheckName.SCHEDULE: "The schedules of the rules",
    CheckName.FACTORS: "What was shown",
    CheckName.SECOND_PERSON: "The second person",
    CheckName.LOCK: "The lock",
}
"""What each check looks at."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FACTOR_WORD = {"face": "the face", "pin": "the PIN", "card": "the card"}
CLOSED_BECAUSE = {
    "schedule": "its schedule is closed",
    "not_yet_valid": "it begins later",
    "expired": "it has ended",
}


def sentence_for(check: CheckResult, name: str = "The person") -> str:
    """Return what a check found, in one or two sentences.

    Args:
        check: of a trace.
        name: of the person, at the begin of a sentence.
    """
    try:
        return SENTENCES[check.name](check.saw, check.passed, name)
    except (KeyError, TypeError, ValueError, IndexError):
        return f"{SUBJECT[check.name]} {'is in order' if check.passed else 'is the reason for the denial'}."


def _fresh_picture(saw: Saw, passed: bool, _: str) -> str:
    verdict = "fresh enough" if passed else "too old"
    return f"The picture was {saw['age_s']:.2f} s old, which is {verdict}: the limit is {saw['limit_s']:g} s."


def _somebody_enrolled(saw: Saw, passed: bool, _: str) -> str:
    return f"{saw['people']} people are enrolled." if passed else "Nobody is enrolled."


def _enough_pictures(saw: Saw, passed: bool, _: str) -> str:
    verdict = "enough" if passed else "not enough"
    refused = f"; {saw['refused']} were not good enough" if saw.get("refused") else ""
    found = f"There were {saw['pictures']} good pictures, which is {verdict}"
    return f"{found}: {saw['needed']} are needed{refused}."


def _recognised(saw: Saw, passed: bool, name: str) -> str:
    verdict = "recognised" if passed else "not recognised"
    place = "at or above" if passed else "below"
    return f"{name} was {verdict}: the score {saw['score']:.3f} is {place} the threshold {saw['needed']:.3f}."


def _clear_lead(saw: Saw, passed: bool, name: str) -> str:
    if saw.get("told_apart"):
        return "Two people are too alike, and the card or PIN that was shown tells them apart."
    if saw["margin"] is None:
        return "Nobody else is enrolled who could be taken for this person."
    verdict = "clear" if passed else "too small"
    return (
        f"{name} is {saw['margin']:.3f} ahead of the next person, which is {verdict}: "
        f"{saw['needed']:.3f} is needed."
    )


def _credential(saw: Saw, passed: bool, name: str) -> str:
    what = FACTOR_WORD[saw["factor"]]
    return f"{what[0].upper()}{what[1:]} {'is' if passed else 'is not'} that of {_inside(name)}."


def _rules_in_force(saw: Saw, _: bool, __: str) -> str:
    return f"The rules in force are those with the digest {saw['digest'][:12]}."


def _door_mode(saw: Saw, passed: bool, name: str) -> str:
    door = f"The door {saw['door']}"
    if saw["mode"] == "fire":
        return f"{door} is released because of fire: whoever asks is let through."
    by_itself = {"locked": "is in ordinary use", "unlocked": "stands unlocked by its schedule"}
    sentences = [f"{door} {by_itself[saw['mode']]}."] if saw["mode"] in by_itself else []
    for each in saw.get("lockdowns", []):
        if each["drill"]:
            sentences.append(f"A drill of the lockdown {each['plan']} is in force: it refuses nobody.")
        elif each["bypassed"]:
            sentences.append(
                f"{door} is locked down by {each['plan']}; {_inside(name)} is in {each['bypass_group']}, "
                "which may pass."
            )
        else:
            group = each["bypass_group"]
            who = f"only {group} may pass" if group else "nobody may pass"
            sentences.append(f"{door} is locked down by {each['plan']}: {who}.")
    return " ".join(sentences) if sentences else f"{door} is locked down."


def _status(saw: Saw, _: bool, name: str) -> str:
    return f"{name} {'is' if saw['suspended'] else 'is not'} suspended."


def _validity(saw: Saw, passed: bool, name: str) -> str:
    limits = [f"{word} {_time(saw[key])}" for key, word in (("from", "from"), ("until", "until")) if saw[key]]
    if not limits:
        return f"The access of {_inside(name)} has no limit in time."
    verdict = "is valid" if passed else "is not valid"
    return f"The access of {_inside(name)} {verdict} at {_time(saw['at'])}: it holds {' '.join(limits)}."


def _lockout(saw: Saw, passed: bool, name: str) -> str:
    face = " The face does not count until another way was used." if saw["face_disabled"] else ""
    count = f"{saw['failures']} attempts in a row failed"
    if passed:
        return (
            f"{count}, and nothing is to be waited for." if saw["failures"] else "No attempt failed."
        ) + face
    until = f" until {_time(saw['until'])}" if "until" in saw else ""
    return f"{count}: {_inside(name)} must wait{until}.{face}"


def _anti_passback(saw: Saw, passed: bool, name: str) -> str:
    again = saw["entered_again"]
    if not again:
        return f"{name} enters no zone twice."
    parts = [f"{each['zone']} (since {_time(each['since'])})" for each in again]
    verdict = "which is recorded and refuses nobody" if passed else "and may not enter it again"
    return f"{name} is already inside {' and '.join(parts)}, {verdict}."


def _rule(saw: Saw, passed: bool, name: str) -> str:
    groups = _listed(saw["groups"]) or "no group"
    if not passed:
        return f"No rule names {_inside(name)} ({groups}) for the door {saw['door']}."
    return f"{name} ({groups}) is named for the door {saw['door']} by {_listed(saw['rules'])}."


def _schedule(saw: Saw, passed: bool, _: str) -> str:
    day = f"a holiday ({saw['holiday']})" if saw["holiday"] else DAYS[saw["weekday"]]
    parts = []
    for each in saw["rules"]:
        verdict = "is open" if each["closed"] is None else f"does not count: {CLOSED_BECAUSE[each['closed']]}"
        hours = each["windows"]
        shown = "" if hours is None else f", {', '.join(hours) or 'closed'} on this day"
        parts.append(f"{each['rule']} (schedule {each['schedule']}{shown}) {verdict}")
    verdict = "a rule is open" if passed else "no rule is open"
    opens = f" The first opens at {_time(saw['opens'])}." if saw.get("opens") else ""
    return f"At {_time(saw['at'])}, {day}, {verdict}: {'; '.join(parts)}.{opens}"


def _factors(saw: Saw, passed: bool, name: str) -> str:
    shown = _listed([FACTOR_WORD[each] for each in saw["shown"]]) or "nothing"
    if passed:
        return f"{name} showed {shown}, which is enough by the rule {saw['rule']}."
    if not saw["enough"]:
        return f"{name} showed {shown}, and nothing would be enough: the face does not count now."
    beside = "; the face alone is not enough for this person" if saw["second_factor"] else ""
    lacks = "" if saw["possible"] else f"; {_inside(name)} has nothing of this"
    return f"{name} showed {shown}; enough would be {_either(saw['enough'])}{beside}{lacks}."


def _second_person(saw: Saw, passed: bool, name: str) -> str:
    rule = f"The door opens for two people within {saw['within_s']:g} s, the second of {saw['group']}"
    if passed:
        return f"{rule}: {_inside(name)} is the second."
    if saw["same"]:
        return f"{rule}: {_inside(name)} is the first and cannot be the second too."
    return f"{rule}: {_inside(name)} cannot be the second now, and is the first."


def _lock(saw: Saw, passed: bool, _: str) -> str:
    return f"The lock says that it is {saw['state']}{'' if passed else ', so that it is not moved'}."


SENTENCES: dict[CheckName, Callable[[Saw, bool, str], str]] = {
    CheckName.FRESH_PICTURE: _fresh_picture,
    CheckName.SOMEBODY_ENROLLED: _somebody_enrolled,
    CheckName.ENOUGH_PICTURES: _enough_pictures,
    CheckName.RECOGNISED: _recognised,
    CheckName.CLEAR_LEAD: _clear_lead,
    CheckName.CREDENTIAL: _credential,
    CheckName.RULES_IN_FORCE: _rules_in_force,
    CheckName.DOOR_MODE: _door_mode,
    CheckName.STATUS: _status,
    CheckName.VALIDITY: _validity,
    CheckName.LOCKOUT: _lockout,
    CheckName.ANTI_PASSBACK: _anti_passback,
    CheckName.RULE: _rule,
    CheckName.SCHEDULE: _schedule,
    CheckName.FACTORS: _factors,
    CheckName.SECOND_PERSON: _second_person,
    CheckName.LOCK: _lock,
}


def _inside(name: str) -> str:
    """The name inside a sentence: `the person` where it is no name."""
    return "the person" if name == "The person" else name


def _time(text: str) -> str:
    """A moment as `2026-12-25 07:30`, without the offset."""
    return text[:16].replace("T", " ")


def _listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`; nothing for none."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _either(ways: list[str]) -> str:
    """`the face, or the card and the PIN`."""
    return ", or ".join(_listed([FACTOR_WORD[factor] for factor in way.split("+")]) for way in ways)
