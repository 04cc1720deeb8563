"""`LockSettings`: the table `[lock]`, a class per kind of lock. docs/extend/lock.md adds one."""

from typing import Literal

from models.settings.base import Section


class SimulatedLockSettings(Section):
    """What opens."""

    kind: Literal["simulated"] = "simulated"
    """The kind of lock: `simulated`."""


# With a second kind: Annotated[SimulatedLockSettings | OtherLockSettings, Field(discriminator="kind")]
LockSettings = SimulatedLockSettings
