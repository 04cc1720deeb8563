"""One training run, from its first step to its last. Read `Run.step`."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter

from models.domain import ImageArray
from models.errors import TrainingError
from models.siamese import checkpoints
from models.siamese.augmentation import Augmentation
from models.siamese.batches import (
    FreshViews,
    Indices,
    KeptFeatures,
    Photos,
    can_be_kept,
    embed_all,
    embed_photos,
    flatten,
    mislabel,
    schedule,
    to_device,
)
from models.siamese.distributed import autocast_for, gather, own_share, rank, world_size
from models.siamese.held_out import HeldOut, two_views
from models.siamese.lesson import Lesson
from models.siamese.optimiser import build_optimiser, set_learning_rate
from models.siamese.plan import OnStep, TrainingPlan, TrainingStep
from models.siamese.siamese_network import SiameseNetwork, build_network
from models.siamese.strategies import Strategy, free_parameters, prepare
from models.vision.alignment import CROP_PX

NO_CROPS: ImageArray = np.empty((0, CROP_PX, CROP_PX, 3), np.uint8)
# Seeds of different streams of chance must differ, or a photo's rehearsal would repeat its training view.
SITE_STREAM, REHEARSAL_STREAM, HELD_OUT_STREAM, NOISE_STREAM = 1, 2, 3, 4
PROGRESS_FIELDS = ("best_step", "best_error", "stale", "done")


class Run:
    """Everything that a run holds between two steps."""

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
        self.fingerprint = checkpoints.fingerprint(plan, crops, *held_out.values(), rehearsal_crops)
        self.network = _start_network(pretrained, plan.strategy, plan.seed)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.frozen = prepare(self.network, plan.strategy, plan.last_stages)
        # A network that does not embed faces yet has nothing to be pulled back to.
        rehearses = pretrained.backbone.identity_head and plan.strategy != Strategy.SCRATCH
        general = rehearsal_crops if rehearses else NO_CROPS
        kept = len(crops) * plan.views + len(general)
        self.photos = self._see(crops, augmentation, SITE_STREAM, kept)
        self.general = self._see(general, None, REHEARSAL_STREAM, kept)
        teacher = copy.deepcopy(pretrained)
        teacher.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        prepare(teacher, Strategy.PRETRAINED, plan.last_stages)
        self.lesson = Lesson(
            mislabel(labels, plan.label_noise, _seed(plan, NOISE_STREAM)),
            targets=embed_all(teacher, crops if rehearses else NO_CROPS, self.autocast),
            # What frozen stages say of them is what the same stages of the teacher say.
            general_targets=embed_photos(teacher, self.general, len(general), self.autocast),
            weights=plan.weights,
            margin=plan.margin,
        )
        self.order = schedule(self.lesson.labels.cpu().numpy(), plan)  # (steps, P * K)
        self.watch = self._watch(held_out, augmentation) if held_out else None
        self.history: list[TrainingStep] = []
        self.best_step, self.best_error, self.stale, self.done = 0, math.inf, 0, 0
        self.best = _copy_state(self.network)
        self.optimiser = build_optimiser(free_parameters(self.network).values(), plan)
        self.model = self._joined(len(general))

    def _watch(self, held_out: Mapping[str, ImageArray], augmentation: Augmentation) -> HeldOut:
        views, owners = two_views(held_out, augmentation, _seed(self.plan, HELD_OUT_STREAM))
        return HeldOut(self._see(views, None, HELD_OUT_STREAM, len(views)), owners)

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

    def train(self, on_step: OnStep | None, checkpoint_dir: Path | None, log_dir: Path | None) -> None:
        """Step until the plan ends or the held-out people see no more improvement."""
        plan, writer = self.plan, None
        if log_dir is not None and rank() == 0:
            writer = SummaryWriter(str(log_dir), purge_step=self.done + 1)
        if self.done == 0 and not self.history:
            self._record(TrainingStep(0, plan.steps, 0.0, 0.0, 0.0, 0.0, self._look(0), 0.0), on_step, writer)
        while self.done < plan.steps and self.stale < plan.patience:
            step = self.done + 1
            record = self.step(step)
            self.done = step
            self._record(record, on_step, writer)
            if checkpoint_dir is not None and rank() == 0 and step % plan.checkpoint_every == 0:
                self._save(checkpoint_dir)
        if writer is not None:
            writer.close()

    def step(self, step: int) -> TrainingStep:
        """One update of the free weights."""
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

        terms = self.lesson.judge(site, chosen, rest, general)
        if not bool(torch.isfinite(terms.loss)):
            raise TrainingError(f"the loss of step {step} is not a number: choose a lower learning rate")

        self.optimiser.zero_grad(set_to_none=True)
        (terms.loss * world_size()).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        held_out_error = self._look(step) if step % plan.validate_every == 0 or step == plan.steps else None
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
        count = min(self.plan.rehearsal_per_batch, len(self.lesson.general_targets))
        rng = np.random.default_rng((_seed(self.plan, REHEARSAL_STREAM), step))
        return rng.permutation(len(self.lesson.general_targets))[:count]

    def _look(self, step: int) -> float | None:
        """The error on held-out people; remembers the best network so far."""
        if self.watch is None:
            self.best_step, self.best = step, _copy_state(self.network)
            return None
        error = self.watch.error(self.network, self.autocast)
        if error < self.best_error:
            self.best_error, self.best_step, self.stale = error, step, 0
            self.best = _copy_state(self.network)
        else:
            self.stale += 1
        return error

    def _record(self, record: TrainingStep, on_step: OnStep | None, writer: SummaryWriter | None) -> None:
        self.history.append(record)
        if writer is not None:
            for name in ("loss", "contrastive", "anchor", "rehearsal", "held_out_error", "learning_rate"):
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


def _seed(plan: TrainingPlan, stream: int) -> int:
    return plan.seed * 16 + stream


def _start_network(pretrained: SiameseNetwork, strategy: Strategy, seed: int) -> SiameseNetwork:
    if strategy == Strategy.SCRATCH:
        return build_network(pretrained.backbone.name, pretrained=False, seed=seed)
    return copy.deepcopy(pretrained)


def _copy_state(network: SiameseNetwork) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
