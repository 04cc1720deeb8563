"""The Siamese network learns the site. Read `fine_tune`, then `models.siamese.run`.

    photos of the site --P x K--> views --twins--> embeddings --> contrastive + anchor   --\\
    general faces -----------------------twins--> embeddings --> rehearsal pull ------------> loss
"""

import copy
from collections.abc import Mapping
from pathlib import Path

from models.clock import SystemClock
from models.domain import ImageArray
from models.ports import Clock
from models.siamese.augmentation import Augmentation, door_camera
from models.siamese.distributed import joined_processes
from models.siamese.memory import keep_freed_memory
from models.siamese.plan import OnStep, TrainingPlan, TrainingResult, usable_people
from models.siamese.run import NO_CROPS, Run
from models.siamese.siamese_network import SiameseNetwork
from models.siamese.splits import hold_out
from models.siamese.strategies import Strategy


def fine_tune(
    crops_by_person: Mapping[str, ImageArray],
    pretrained: SiameseNetwork,
    plan: TrainingPlan | None = None,
    *,
    rehearsal_crops: ImageArray = NO_CROPS,
    augmentation: Augmentation | None = None,
    on_step: OnStep | None = None,
    checkpoint_dir: Path | None = None,
    log_dir: Path | None = None,
    clock: Clock | None = None,
) -> TrainingResult:
    """Fine-tune a Siamese network on the faces of a site.

    Under torchrun every process calls this with the same arguments and gets the same network.

    Args:
        crops_by_person: uint8 (n, 112, 112, 3) RGB aligned crops by person id.
        pretrained: where to start; it is copied, not changed. `scratch` takes only its architecture.
        plan: how to train; None takes the defaults.
        rehearsal_crops: uint8 (R, 112, 112, 3), general faces on which the network must not change.
        augmentation: what the camera does to a photo; None takes `door_camera`.
        on_step: called after every step.
        checkpoint_dir: where to keep checkpoints; one found there is resumed, to the same result bit by bit.
        log_dir: where to write TensorBoard scalars.
        clock: measures `TrainingResult.seconds`.

    Raises:
        TrainingError: the photos do not suffice, the plan does not fit them, the checkpoint is another run's,
            or the loss is no longer a number.
    """
    keep_freed_memory()
    clock = clock or SystemClock()
    began_s = clock.monotonic_s()
    plan = plan or TrainingPlan()
    usable, left_out = usable_people(crops_by_person, plan.min_photos)
    if plan.strategy == Strategy.PRETRAINED:
        network, seconds = copy.deepcopy(pretrained).eval(), clock.monotonic_s() - began_s
        return TrainingResult(network, (), 0, (), (), left_out, seconds)
    trained_on, held_out = tuple(usable), tuple[str, ...]()
    if plan.held_out_share > 0:
        trained_on, held_out = hold_out(usable, plan.held_out_share, plan.seed)
    with joined_processes():
        run = Run(
            {person: usable[person] for person in trained_on},
            {person: usable[person] for person in held_out},
            pretrained=pretrained,
            plan=plan,
            rehearsal_crops=rehearsal_crops,
            augmentation=augmentation or door_camera(),
        )
        if checkpoint_dir is not None:
            run.resume(checkpoint_dir)
        run.train(on_step, checkpoint_dir, log_dir)
        return TrainingResult(
            network=run.best_network(),
            history=tuple(run.history),
            best_step=run.best_step,
            trained_on=trained_on,
            held_out=held_out,
            left_out=left_out,
            seconds=clock.monotonic_s() - began_s,
        )
