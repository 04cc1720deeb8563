"""`DecisionSettings`: the table `[decision]`."""

from typing import Self

from pydantic import Field, model_validator

from models.settings.base import Section


class DecisionSettings(Section):
    """How much evidence opens the door."""

    min_frames: int = Field(default=3, ge=1, le=100)
    """Pictures of one face that must agree."""
    window_s: float = Field(default=1.0, gt=0, le=30)
    """They must lie within this many seconds."""
    min_margin: float = Field(default=0.05, ge=0, le=2)
    """How far the best person's score must be above the next person's."""
    cooldown_s: float = Field(default=5.0, ge=0, le=300)
    """After a grant, the same face is not judged again for this many seconds."""
    same_face_score: float = Field(default=0.4, ge=-1, le=1)
    """A picture less like the others of its track than this is another person: evidence starts anew."""
    max_faces: int = Field(default=3, ge=1, le=20)
    """Faces judged per picture; if there are more they take turns, the largest first."""
    visit_s: float = Field(default=10.0, ge=1, le=300)
    """A face judged for this many seconds without a grant rests: for 5 s, then 10, 20, 40, at most 60."""

    @model_validator(mode="after")
    def _a_visit_has_room_for_its_pictures(self) -> Self:
        if self.visit_s < self.window_s:
            raise ValueError(
                f"visit_s is {self.visit_s}, less than window_s, {self.window_s}: a face would rest before "
                "it has enough pictures; make visit_s longer"
            )
        return self
