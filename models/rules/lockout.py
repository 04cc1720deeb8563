"""`delay_s`, `face_disabled`: what follows from attempts that failed one after the other.

The numbers are those of NIST SP 800-63B-4, section 3.2.3.
"""

from models.rules.request import Failures

FREE_FAILURES = 5
"""Failed attempts in a row before the first delay; twice as many where attacks are detected."""
FACE_FAILURES = 50
"""Failed attempts in a row that disable the face; twice as many where attacks are detected."""
FIRST_DELAY_S = 30
LONGEST_DELAY_S = 3600


def delay_s(failures: int, attack_detection: bool = False) -> int:
    """Return how long a person must wait after so many failed attempts in a row, in seconds, 0 to 3600.

    None before the fifth (the tenth with attack detection); 30 s after it; doubled by each further one.
    """
    beyond = failures - _limit(FREE_FAILURES, attack_detection)
    if beyond < 0:
        return 0
    # Seven doublings exceed an hour already: no huge power is ever computed.
    return min(FIRST_DELAY_S << min(beyond, 7), LONGEST_DELAY_S)


def face_disabled(failures: int, attack_detection: bool = False) -> bool:
    """Return whether the face no longer counts for a person after so many failed attempts in a row."""
    return failures >= _limit(FACE_FAILURES, attack_detection)


def still_waits(failures: Failures, waited_s: float | None, attack_detection: bool = False) -> bool:
    """Return whether a person must still wait.

    Args:
        failures: of the person.
        waited_s: seconds since the newest of them; negative after the clock was set back, None when it is
            not known. Then the person waits, where there is anything to wait for.
        attack_detection: True where pictures are checked for attacks.
    """
    delay = delay_s(failures.count, attack_detection)
    return delay > 0 and (waited_s is None or waited_s < delay)


def _limit(failures: int, attack_detection: bool) -> int:
    return 2 * failures if attack_detection else failures
