"""The Siamese network learns the site. Read `fine_tune`, then `_Run.step`.

    photos of the site --P x K--> views --twins--> embeddings --> contrastive + anchor   --\\
    general faces -----------------------twins--> embeddings --> rehearsal pull ------------> loss
"""

import copy
import math
from collections.abc import Mapping
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
    Indices,
    KeptFeatures,
    Photos,
    can_be_kept,
    embed_all,
    flatten,
    mislabel,
    schedule,
    to_device,
)
from models.siamese.held_out import HeldOut, two_views
from models.siamese.losses import SiteLoss, pull
from models.siamese.optimiser import build_optimiser, set_learning_rate
from models.siamese.plan import Progress, TrainingPlan, TrainingResult, TrainingStep, usable_people
from models.siamese.processes import autocast_for, gather, joined_processes, own_share, rank, world_size
from models.siamese.splits import hold_out
from models.siamese.strategies import Strategy, free_parameters, prepare
from models.siamese.twin import SiameseNetwork, build_network
from models.vision.alignment import CROP_PX

NO_CROPS: ImageArray = np.empty((0, CROP_PX, CROP_PX, 3), np.uint8)
# Seeds of different streams of chance must differ, or a photo's rehearsal would repeat its training view.
SITE_STREAM, REHEARSAL_STREAM, HELD_OUT_STREAM, NOISE_STREAM = 1, 2, 3, 4


def fine_tune(
    crops_by_person: Mapping[str, ImageArray],
    pretrained: SiameseNetwork,
    plan: TrainingPlan | None = None,
    *,
    rehearsal_crops: ImageArray = NO_CROPS,
    augmentation: Augmentation | None = None,
    progress: Progress | None = None,
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
        progress: told of every step.
        checkpoint_dir: where to keep checkpoints; one found there is resumed, to the same result bit by bit.
        log_dir: where to write TensorBoard scalars.
        clock: measures `TrainingResult.seconds`.

    Raises:
        TrainingError: the photos do not suffice, the plan does not fit them, the checkpoint is another run's,
            or the loss is no longer a number.
    """
    clock = clock or SystemClock()
    began_s = clock.monotonic_s()
    plan = plan or TrainingPlan()
    usable, left_out = usable_people(crops_by_person, plan.min_photos)
    trained_on, held_out = tuple(usable), tuple[str, ...]()
    if plan.held_out_share > 0:
        trained_on, held_out = hold_out(usable, plan.held_out_share, plan.seed)
    with joined_processes():
        run = _Run(
            {person: usable[person] for person in trained_on},
            {person: usable[person] for person in held_out},
            pretrained=pretrained,
            plan=plan,
            rehearsal_crops=rehearsal_crops,
            augmentation=augmentation or door_camera(),
        )
        if checkpoint_dir is not None:
            run.resume(checkpoint_dir)
        run.train(progress, checkpoint_dir, log_dir)
        return TrainingResult(
            network=run.best_network(),
            history=tuple(run.history),
            best_step=run.best_step,
            trained_on=trained_on,
            held_out=held_out,
            left_out=left_out,
            seconds=clock.monotonic_s() - began_s,
        )


class _Run:
    """Everything that a run holds between two steps."""

    def __init__(
        self,
        site: dict[str, ImageArray],
        held_out: dict[str, ImageArray],
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
        self.network = _start_network(pretrained, plan.strategy, plan.seed)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.frozen = prepare(self.network, plan.strategy, plan.last_stages)
        # A network that does not embed faces yet has nothing to be pulled back to.
        self.rehearses = pretrained.backbone.identity_head and plan.strategy != Strategy.SCRATCH
        self.targets = embed_all(self.network, crops if self.rehearses else NO_CROPS, self.autocast)  # (N, D)
        general = rehearsal_crops if self.rehearses else NO_CROPS
        self.general_targets = embed_all(self.network, general, self.autocast)  # (R, D)
        self.fingerprint = checkpoints.fingerprint(plan, crops, *held_out.values(), rehearsal_crops)
        self.photos = self._see(crops, augmentation, SITE_STREAM, len(crops) * plan.views + len(general))
        self.general = self._see(general, None, REHEARSAL_STREAM, len(crops) * plan.views + len(general))
        self.labels = mislabel(labels, plan.label_noise, _seed(plan, NOISE_STREAM))
        self.order = schedule(self.labels, plan)  # (steps, P * K)
        self.loss = SiteLoss(plan.weights, plan.margin)
        self.watch = None
        if held_out:
            views, owners = two_views(held_out, augmentation, _seed(plan, HELD_OUT_STREAM))
            kept = self._see(views, None, HELD_OUT_STREAM, len(views))
            self.watch = HeldOut(kept, owners, plan.margin)
        self.history: list[TrainingStep] = []
        self.best_step, self.best_loss, self.stale, self.done = 0, math.inf, 0, 0
        self.best = _copy_state(self.network)
        free = free_parameters(self.network)
        self.optimiser = build_optimiser(free.values(), plan)
        self.model = self._joined(len(general)) if free else self.network

    def _joined(self, general: int) -> nn.Module:
        """The network, or under torchrun the one that averages its gradients over the processes."""
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

    def train(self, progress: Progress | None, checkpoint_dir: Path | None, log_dir: Path | None) -> None:
        """Step until the plan ends or the held-out people see no more improvement."""
        plan, writer = self.plan, None
        if log_dir is not None and rank() == 0:
            writer = SummaryWriter(str(log_dir), purge_step=self.done + 1)
        if self.done == 0 and not self.history:
            self._record(
                TrainingStep(0, plan.steps, 0.0, 0.0, 0.0, 0.0, self._look(0), 0.0), progress, writer
            )
        steps = 0 if plan.strategy == Strategy.PRETRAINED else plan.steps
        while self.done < steps and self.stale < plan.patience:
            step = self.done + 1
            record = self.step(step)
            self.done = step
            self._record(record, progress, writer)
            if checkpoint_dir is not None and rank() == 0 and step % plan.checkpoint_every == 0:
                self._save(checkpoint_dir)
        if writer is not None:
            writer.close()

    def step(self, step: int) -> TrainingStep:
        """One update of the free weights."""
        plan, weights = self.plan, self.plan.weights
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

        people = torch.from_numpy(self.labels[chosen]).to(self.device)  # (B,)
        contrastive = self.loss.contrastive(site, people)
        loss = weights.contrastive * contrastive
        anchor = rehearsal = torch.zeros((), device=self.device)
        if self.rehearses:
            anchor = pull(site, self.targets[chosen])
            loss = loss + weights.anchor * anchor
            if weights.template > 0:
                owners = torch.from_numpy(self.labels).to(self.device)  # (N,)
                loss = loss + weights.template * self.loss.against_templates(
                    site, people, self.targets, owners
                )  # every view against all photos' pretrained embeddings
        if len(general):
            rehearsal = pull(rest, self.general_targets[general])
            loss = loss + weights.rehearsal * rehearsal
        if not bool(torch.isfinite(loss)):
            raise TrainingError(f"the loss of step {step} is not a number: choose a lower learning rate")

        self.optimiser.zero_grad(set_to_none=True)
        (loss * world_size()).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        held_out_loss = self._look(step) if step % plan.validate_every == 0 or step == plan.steps else None
        return TrainingStep(
            step=step,
            of=plan.steps,
            loss=loss.item(),
            contrastive=contrastive.item(),
            anchor=anchor.item(),
            rehearsal=rehearsal.item(),
            held_out_loss=held_out_loss,
            learning_rate=rate,
        )

    def _see(
        self, crops: ImageArray, transform: Augmentation | None, stream: int, kept_photos: int
    ) -> Photos:
        """Photos by way of the frozen stages, once, where that can be kept; else anew in every step."""
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
        count = min(self.plan.rehearsal_per_batch, len(self.general_targets))
        rng = np.random.default_rng((_seed(self.plan, REHEARSAL_STREAM), step))
        return rng.permutation(len(self.general_targets))[:count]

    def _look(self, step: int) -> float | None:
        """The loss on held-out people; remembers the best network so far."""
        if self.watch is None:
            self.best_step, self.best = step, _copy_state(self.network)
            return None
        loss = self.watch.loss(self.network, self.autocast)
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.stale = loss, step, 0
            self.best = _copy_state(self.network)
        else:
            self.stale += 1
        return loss

    def _record(self, record: TrainingStep, progress: Progress | None, writer: SummaryWriter | None) -> None:
        self.history.append(record)
        if writer is not None:
            for name in ("loss", "contrastive", "anchor", "rehearsal", "held_out_loss", "learning_rate"):
                value = getattr(record, name)
                if value is not None:
                    writer.add_scalar(name, value, record.step)
        if progress is not None and rank() == 0:
            progress(record)

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
        """Go on from the checkpoint in `folder`, if there is one."""
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
        """The network at its best, with nothing frozen any more."""
        self.network.load_state_dict(self.best)
        return self.network.requires_grad_(True).eval()


PROGRESS_FIELDS = ("best_step", "best_loss", "stale", "done")


def _seed(plan: TrainingPlan, stream: int) -> int:
    return plan.seed * 16 + stream


def _start_network(pretrained: SiameseNetwork, strategy: Strategy, seed: int) -> SiameseNetwork:
    if strategy == Strategy.SCRATCH:
        return build_network(pretrained.backbone.name, pretrained=False, seed=seed)
    return copy.deepcopy(pretrained)


def _copy_state(network: SiameseNetwork) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
