"""`TrainingPlan`, `TrainingStep`, `TrainingResult`: input, progress and output of a training run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from models.domain import ImageArray
from models.errors import TrainingError
from models.siamese.losses import LossWeights
from models.siamese.siamese_network import SiameseNetwork, Strategy
from models.vision.alignment import CROP_PX

# Two photos that differ by less, in grey levels per pixel on average, are the same photo stored twice.
MIN_DIFFERENCE_GREY_LEVELS = 1.0


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train. The defaults are for a site of ten to a few hundred people with about five photos each.

    Attributes:
        strategy: what is transferred and what learns.
        last_stages: for `fine-tune-last`, how many of the backbone's last stages learn; SFace has 16: pixels,
            14 blocks and the layer that makes the embedding.
        steps: updates of the weights, unless held-out people stop it earlier.
        people_per_batch, photos_per_person: P x K sampling; fewer people than P are all taken.
        rehearsal_per_batch: general faces in each step.
        learning_rate: how far a step may move a tensor, as a share of the tensor's own size (its root mean
            square at the start); warms up evenly to this value, then falls along a cosine to 0. An absolute
            rate would tear up SFace's last layer, whose weights are ten times smaller than the first's.
        warmup_steps: until the highest learning rate.
        weight_decay: AdamW's.
        margin: distance of unit vectors from which two people are far enough apart, 0 to 2.
        weights: of the loss's terms.
        views: augmented views per photo, where the features of frozen stages are kept in memory; without
            frozen stages every step draws new views.
        min_photos: people with fewer photos are left out.
        held_out_share: of the people, kept from training to stop it early; 0 holds nobody out.
        validate_every: steps between two held-out checks.
        patience: held-out checks without improvement before training stops.
        checkpoint_every: steps between two checkpoints.
        mixed_precision: compute in bfloat16 where the hardware does it natively, graphics card or processor.
        seed: of everything that is drawn.
    """

    strategy: Strategy = Strategy.FINE_TUNE_LAST
    last_stages: int = 3
    steps: int = 200
    people_per_batch: int = 16
    photos_per_person: int = 2
    rehearsal_per_batch: int = 16
    learning_rate: float = 4e-3
    warmup_steps: int = 10
    weight_decay: float = 1e-4
    margin: float = 1.2
    weights: LossWeights = field(default_factory=LossWeights)
    views: int = 3
    min_photos: int = 2
    held_out_share: float = 0.2
    validate_every: int = 20
    patience: int = 4
    checkpoint_every: int = 20
    mixed_precision: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One update, as the progress callback, the log and the checkpoint get it.

    Attributes:
        step: from 1; 0 is the held-out check before the first update.
        of: steps planned.
        loss, contrastive, anchor, rehearsal: this step's loss and its unweighted terms.
        held_out_error: of held-out people (`models.siamese.held_out.error_if_normal`); None in most steps.
        learning_rate: of this step.
    """

    step: int
    of: int
    loss: float
    contrastive: float
    anchor: float
    rehearsal: float
    held_out_error: float | None
    learning_rate: float


OnStep = Callable[[TrainingStep], None]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingResult:
    """The result of `models.siamese.train.fine_tune`.

    Attributes:
        network: the best network by its held-out error (the last without held-out people), evaluation mode.
        history: every step, in order; a resumed run has the earlier ones too, and `pretrained` none.
        best_step: the step `network` is from; 0 is the untrained network: nothing that was learnt helped.
        trained_on, held_out, left_out: ids of people; those left out had too few photos.
        seconds: of this call, without what an earlier, killed run took.
    """

    network: SiameseNetwork
    history: tuple[TrainingStep, ...]
    best_step: int
    trained_on: tuple[str, ...]
    held_out: tuple[str, ...]
    left_out: tuple[str, ...]
    seconds: float


def usable_people(
    crops_by_person: Mapping[str, ImageArray], min_photos: int
) -> tuple[dict[str, ImageArray], tuple[str, ...]]:
    """Return the people who can be trained on, in sorted order, and those with too few photos.

    Raises:
        TrainingError: crops of another form, one person only, too few photos altogether, or a person whose
            photos are all the same picture.
    """
    usable: dict[str, ImageArray] = {}
    left_out: list[str] = []
    for person in sorted(crops_by_person):
        crops = np.asarray(crops_by_person[person])
        if crops.dtype != np.uint8 or crops.shape[1:] != (CROP_PX, CROP_PX, 3):
            raise TrainingError(
                f"photos to train on are uint8 (n, {CROP_PX}, {CROP_PX}, 3), not {crops.dtype} {crops.shape}"
            )
        if len(crops) < min_photos:
            left_out.append(person)
            continue
        if len(crops) > 1 and _all_alike(crops):
            raise TrainingError(
                f"all {len(crops)} photos of person {person} are the same picture: "
                "enrol them again with photos taken at different moments"
            )
        usable[person] = crops
    if len(usable) < 2:
        raise TrainingError(
            f"{len(usable)} of {len(crops_by_person)} people have the {min_photos} photos that training "
            "needs, and at least two people must: enrol more photos, with consent for training"
        )
    return usable, tuple(left_out)


def _all_alike(crops: ImageArray) -> bool:
    first = crops[0].astype(np.int16)
    return all(float(np.abs(crop - first).mean()) < MIN_DIFFERENCE_GREY_LEVELS for crop in crops[1:])
