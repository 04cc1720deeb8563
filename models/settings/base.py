"""`Section`: a table of the settings file; how tables of several kinds are read, and values shown."""

import re
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict

KIND = "kind"
"""The key that says of which kind a table is, where there are several."""


class Section(BaseModel):
    """A table of the settings file: closed, frozen, without NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def without_password(text: str) -> str:
    """The same text without user name and password of an address in it, such as a camera's."""
    # A password may hold an @ that nobody has escaped: everything up to the last one is hidden. A path made
    # of an address has one slash left.
    return re.sub(r":/+.*@", "://***@", text, flags=re.DOTALL)


def section_classes(annotation: Any) -> tuple[type[Section], ...]:
    """The classes that a table may be of: one, or one per kind; none when the annotation is no table."""
    if get_origin(annotation) is Annotated:
        return section_classes(get_args(annotation)[0])
    members = get_args(annotation) or (annotation,)
    if all(isinstance(member, type) and issubclass(member, Section) for member in members):
        return members
    return ()


def kind_of(section: type[Section]) -> str | None:
    """The kind that a class is for; None where a table has one form only."""
    field = section.model_fields.get(KIND)
    return None if field is None else str(field.default)
