"""`fine_tune`: trains the Siamese network on the faces of a site. Read it first, then `Run.train_step`.

    photos of the site --P x K--> camera views --network--> embeddings --> contrastive + anchor --\\
    general faces ------------------------------network--> embeddings --> rehearsal -------------> loss
"""

import copy
import ctypes
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter

from models.clock import SystemClock
from models.domain import ImageArray
from models.errors import TrainingError
from models.ports import Clock
from models.siamese import checkpoints
from models.siamese.augmentation import Augmentation, door_camera
from models.siamese.batches import (
    FreshViews,
    KeptFeatures,
    Photos,
    can_be_kept,
    embed_all,
    embed_photos,
    flatten,
    schedule,
    to_device,
)
from models.siamese.distributed import (
    autocast_for,
    gather,
    joined_processes,
    own_share,
    rank,
    world_size,
)
from models.siamese.held_out import HeldOutCheck, photos_and_camera_views
from models.siamese.losses import Indices, StepLoss
from models.siamese.plan import OnStep, TrainingPlan, TrainingResult, TrainingStep, usable_people
from models.siamese.siamese_network import (
    SiameseNetwork,
    Strategy,
    build_network,
    free_parameters,
    prepare,
)
from models.siamese.splits import hold_out
from models.vision.alignment import CROP_PX

NO_CROPS: ImageArray = np.empty((0, CROP_PX, CROP_PX, 3), np.uint8)
# Random streams must differ in their seeds, or a photo's rehearsal would repeat its training view.
SITE_STREAM, REHEARSAL_STREAM, HELD_OUT_STREAM = 1, 2, 3
# Of `Run`, as a checkpoint stores them.
PROGRESS_FIELDS = ("best_step", "best_error", "stale", "done")
LOGGED_FIELDS = ("loss", "contrastive", "anchor", "rehearsal", "held_out_error", "learning_rate")
# Options of mallopt(3), from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
MAX_INT = 2**31 - 1


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
        on_step: called after every step, and with step 0 before the first.
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


class Run:
    """One training run: everything that it holds between two steps.

    Args:
        site: uint8 (n, 112, 112, 3) RGB crops by person, to learn from.
        held_out: the same, of people who are only checked on; empty: no check, and no early stop.
        pretrained: where to start.
        plan: how to train.
        rehearsal_crops: uint8 (R, 112, 112, 3), general faces.
        augmentation: what the camera does to a photo.

    Raises:
        TrainingError: the plan does not fit the network or the number of processes.
    """

    def __init__(
        self,
        site: Mapping[str, ImageArray],
        held_out: Mapping[str, ImageArray],
        *,
        pretrained: SiameseNetwork,
        plan: TrainingPlan,
        rehearsal_crops: ImageArray,
        augmentation: Augmentation,
    ) -> None:
        self.plan = plan
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.autocast = autocast_for(self.device, plan.mixed_precision)
        crops, labels = flatten(site)
        self.fingerprint = checkpoints.fingerprint(
            pretrained, plan, crops, *held_out.values(), rehearsal_crops
        )
        self.network = _start_network(pretrained, plan.strategy, plan.seed)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.frozen = prepare(self.network, plan.strategy, plan.last_stages)
        # A network that does not embed faces yet has nothing to be pulled back to.
        rehearses = pretrained.backbone.identity_head and plan.strategy != Strategy.SCRATCH
        general = rehearsal_crops if rehearses else NO_CROPS
        kept = len(crops) * plan.views + len(general)
        self.photos = self._prepare_photos(crops, augmentation, SITE_STREAM, kept)
        self.general = self._prepare_photos(general, None, REHEARSAL_STREAM, kept)
        teacher = copy.deepcopy(pretrained)
        teacher.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        prepare(teacher, Strategy.PRETRAINED, plan.last_stages)
        self.step_loss = StepLoss(
            labels,
            targets=embed_all(teacher, crops if rehearses else NO_CROPS, self.autocast),
            # The frozen stages are the teacher's own, so the kept features serve both networks.
            general_targets=embed_photos(teacher, self.general, len(general), self.autocast),
            weights=plan.weights,
            margin=plan.margin,
        )
        self.order = schedule(self.step_loss.labels.cpu().numpy(), plan)  # (steps, P * K)
        self.held_out = self._prepare_check(held_out, augmentation) if held_out else None
        self.history: list[TrainingStep] = []
        self.best_step, self.best_error, self.stale, self.done = 0, math.inf, 0, 0
        self.best = _copy_state(self.network)
        self.optimiser = build_optimiser(free_parameters(self.network).values(), plan)
        self.model = self._over_processes(len(general))

    def _prepare_check(self, held_out: Mapping[str, ImageArray], augmentation: Augmentation) -> HeldOutCheck:
        seed = _seed(self.plan, HELD_OUT_STREAM)
        crops, owners = photos_and_camera_views(held_out, augmentation, seed)
        return HeldOutCheck(self._prepare_photos(crops, None, HELD_OUT_STREAM, len(crops)), owners)

    def _over_processes(self, general: int) -> nn.Module:
        """Return the network; under torchrun one that averages its gradients over the processes."""
        processes = world_size()
        if processes == 1:
            return self.network
        photos, general = self.order.shape[1], min(self.plan.rehearsal_per_batch, general)
        if photos % processes or general % processes:
            raise TrainingError(
                f"batches of {photos} photos and {general} to rehearse cannot be shared by {processes} "
                "processes: choose multiples of that"
            )
        if self.plan.strategy == Strategy.SCRATCH:
            raise TrainingError("scratch gathers batch-norm statistics of its own: train it in one process")
        return DistributedDataParallel(self.network)

    def train(self, on_step: OnStep | None, checkpoint_dir: Path | None, log_dir: Path | None) -> None:
        """Train until the plan ends or the error on held-out people stops falling.

        Args:
            on_step: called after every step, and with step 0 before the first.
            checkpoint_dir: where to save checkpoints; None saves none.
            log_dir: where to write TensorBoard scalars; None writes none.
        """
        plan, writer = self.plan, None
        if log_dir is not None and rank() == 0:
            writer = SummaryWriter(str(log_dir), purge_step=self.done + 1)
        if self.done == 0 and not self.history:
            error = self._check_held_out(0)
            self._record(TrainingStep(0, plan.steps, 0.0, 0.0, 0.0, 0.0, error, 0.0), on_step, writer)
        while self.done < plan.steps and self.stale < plan.patience:
            step = self.done + 1
            record = self.train_step(step)
            self.done = step
            self._record(record, on_step, writer)
            if checkpoint_dir is not None and rank() == 0 and step % plan.checkpoint_every == 0:
                self._save(checkpoint_dir)
        if writer is not None:
            writer.close()

    def train_step(self, step: int) -> TrainingStep:
        """Update the free weights once, and check on the held-out people when it is time.

        Raises:
            TrainingError: the loss is not a number.
        """
        plan = self.plan
        rate = set_learning_rate(self.optimiser, plan, step)
        chosen = self.order[step - 1]  # (B,) photos, P people x K photos
        general = self._draw_general(step)  # (R,) general faces

        site_share, general_share = own_share(len(chosen)), own_share(len(general))
        x = torch.cat(
            [self.photos.batch(chosen, step)[site_share], self.general.batch(general, step)[general_share]]
        )  # ((B + R) / W, ...)
        with self.autocast:
            own = self.model(to_device(x, self.network), self.photos.start)  # ((B + R) / W, D)
        own_site = site_share.stop - site_share.start
        site, rest = gather(own[:own_site]), gather(own[own_site:])  # (B, D), (R, D)

        terms = self.step_loss.compute(site, chosen, rest, general)
        if not bool(torch.isfinite(terms.loss)):
            raise TrainingError(f"the loss of step {step} is not a number: choose a lower learning rate")

        self.optimiser.zero_grad(set_to_none=True)
        (terms.loss * world_size()).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        checks = step % plan.validate_every == 0 or step == plan.steps
        held_out_error = self._check_held_out(step) if checks else None
        return TrainingStep(
            step=step,
            of=plan.steps,
            loss=terms.loss.item(),
            contrastive=terms.contrastive.item(),
            anchor=terms.anchor.item(),
            rehearsal=terms.rehearsal.item(),
            held_out_error=held_out_error,
            learning_rate=rate,
        )

    def _prepare_photos(
        self, crops: ImageArray, transform: Augmentation | None, stream: int, kept_photos: int
    ) -> Photos:
        """Pass photos through the frozen stages once where memory suffices, else anew in every step."""
        seed = _seed(self.plan, stream)
        if not can_be_kept(self.network, self.frozen, kept_photos):
            return FreshViews(crops, transform, seed)
        return KeptFeatures(
            self.network,
            self.frozen,
            crops=crops,
            transform=transform,
            views=self.plan.views,
            seed=seed,
            autocast=self.autocast,
        )

    def _draw_general(self, step: int) -> Indices:
        count = min(self.plan.rehearsal_per_batch, len(self.step_loss.general_targets))
        rng = np.random.default_rng((_seed(self.plan, REHEARSAL_STREAM), step))
        return rng.permutation(len(self.step_loss.general_targets))[:count]

    def _check_held_out(self, step: int) -> float | None:
        """Return the error on held-out people, and keep the weights when it is the lowest so far."""
        if self.held_out is None:
            self.best_step, self.best = step, _copy_state(self.network)
            return None
        error = self.held_out.error(self.network, self.autocast)
        if error < self.best_error:
            self.best_error, self.best_step, self.stale = error, step, 0
            self.best = _copy_state(self.network)
        else:
            self.stale += 1
        return error

    def _record(self, record: TrainingStep, on_step: OnStep | None, writer: SummaryWriter | None) -> None:
        self.history.append(record)
        if writer is not None:
            for name in LOGGED_FIELDS:
                value = getattr(record, name)
                if value is not None:
                    writer.add_scalar(name, value, record.step)
        if on_step is not None and rank() == 0:
            on_step(record)

    def _save(self, folder: Path) -> None:
        checkpoints.save(
            folder,
            {
                "fingerprint": self.fingerprint,
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "best": self.best,
                "history": checkpoints.pack_history(self.history),
                **{name: getattr(self, name) for name in PROGRESS_FIELDS},
            },
        )

    def resume(self, folder: Path) -> None:
        """Continue from the checkpoint in `folder`, if there is one.

        Raises:
            TrainingError: it belongs to another network, to another plan or to other photos.
        """
        state = checkpoints.load(folder, self.fingerprint)
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best = state["best"]
        self.history = checkpoints.unpack_history(state["history"])
        for name in PROGRESS_FIELDS:
            setattr(self, name, state[name])

    def best_network(self) -> SiameseNetwork:
        """Return the network with its best weights, nothing frozen, in evaluation mode."""
        self.network.load_state_dict(self.best)
        return self.network.requires_grad_(True).eval()


def _seed(plan: TrainingPlan, stream: int) -> int:
    return plan.seed * 16 + stream


def _start_network(pretrained: SiameseNetwork, strategy: Strategy, seed: int) -> SiameseNetwork:
    if strategy == Strategy.SCRATCH:
        return build_network(pretrained.backbone.name, pretrained=False, seed=seed)
    return copy.deepcopy(pretrained)


def _copy_state(network: SiameseNetwork) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def build_optimiser(tensors: Iterable[Tensor], plan: TrainingPlan) -> torch.optim.AdamW:
    """Build AdamW (Loshchilov and Hutter 2019) with one parameter group per tensor.

    The rate of a group is a share of its tensor's size (`set_learning_rate`), so each needs its own.
    """
    groups = [{"params": [tensor], "size": _size(tensor)} for tensor in tensors]
    return torch.optim.AdamW(groups, lr=0.0, weight_decay=plan.weight_decay)


def set_learning_rate(optimiser: torch.optim.Optimizer, plan: TrainingPlan, step: int) -> float:
    """Set the learning rate of `step`, from 1: an even warm-up, then half a cosine down to 0.

    Returns:
        the rate, a share of each tensor's size.
    """
    warm = min(1.0, step / max(1, plan.warmup_steps))
    rate = plan.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * (step - 1) / plan.steps))
    for group in optimiser.param_groups:
        group["lr"] = rate * group["size"]
    return rate


def _size(tensor: Tensor) -> float:
    """Root mean square of the values, at least 0.001: a tensor of zeros must be able to move."""
    return max(1e-3, tensor.detach().square().mean().sqrt().item())


def keep_freed_memory() -> None:
    """Tell glibc not to give freed memory back to the kernel; without glibc nothing happens.

    glibc hands large blocks back as soon as they are freed, and the kernel clears every page when it is asked
    for one again. A step on a processor frees and asks for gigabytes, and waits for that as long as for its
    arithmetic.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, MAX_INT)
