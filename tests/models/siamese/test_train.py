"""`fine_tune`: frozen weights, losses, checkpoints, refusals, the optimiser and the allocator."""

import copy
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from models.clock import SimulatedClock
from models.errors import TrainingError
from models.siamese import batches
from models.siamese.losses import LossWeights
from models.siamese.plan import TrainingPlan
from models.siamese.siamese_network import SiameseNetwork, Strategy
from models.siamese.train import build_optimiser, fine_tune, set_learning_rate
from tests.conftest import ROOT
from tests.models.siamese.conftest import make_people, make_tiny

PEOPLE = make_people(6, 3)
UNLIKE_THEMSELVES = make_people(6, 3, unlike=60.0)
GENERAL = np.concatenate(list(make_people(5, 1, seed=5).values()))
PLAN = TrainingPlan(
    steps=6,
    people_per_batch=3,
    rehearsal_per_batch=3,
    learning_rate=0.02,
    warmup_steps=1,
    last_stages=2,
    views=2,
    held_out_share=0.3,
    validate_every=3,
    checkpoint_every=2,
)


def bits(network: SiameseNetwork) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in network.state_dict().items()}


def changed(before: SiameseNetwork, after: SiameseNetwork) -> set[str]:
    old, new = bits(before), bits(after)
    assert list(old) == list(new)
    return {name for name in old if old[name] != new[name]}


def is_statistic(name: str) -> bool:
    return name.rsplit(".", 1)[1] in {"running_mean", "running_var", "num_batches_tracked"}


@pytest.mark.parametrize(
    ("strategy", "free"),
    [
        (Strategy.PRETRAINED, ()),
        (Strategy.FEATURE_EXTRACTOR, ("head.",)),
        (Strategy.FINE_TUNE_LAST, ("backbone.stages.2.", "backbone.stages.3.", "head.")),
        (Strategy.FINE_TUNE, ("backbone.stages.", "head.")),
    ],
)
def test_frozen_parameters_and_all_statistics_are_bit_identical(strategy, free):
    start = make_tiny()
    # Without held-out people the last weights are handed back, so that something did move.
    result = fine_tune(
        PEOPLE, start, replace(PLAN, strategy=strategy, held_out_share=0.0), rehearsal_crops=GENERAL
    )
    moved = changed(start, result.network)
    expected = {
        name for name, _ in start.named_parameters() if any(name.startswith(prefix) for prefix in free)
    }
    assert moved == expected
    assert not any(is_statistic(name) for name in moved)
    assert result.network.training is False


def test_last_blocks_of_sface_itself_are_the_only_ones_to_move(untrained):
    result = fine_tune(PEOPLE, untrained, replace(PLAN, steps=1, held_out_share=0.0, last_stages=3, views=1))
    moved = changed(untrained, result.network)
    assert {name.split(".")[2] for name in moved if name.startswith("backbone")} == {"13", "14", "15"}
    assert not any(is_statistic(name) for name in moved)


@pytest.mark.slow
def test_scratch_starts_anew_and_gathers_its_own_statistics(untrained):
    plan = replace(PLAN, strategy=Strategy.SCRATCH, steps=2, held_out_share=0.0)
    result = fine_tune(PEOPLE, untrained, plan)
    moved = changed(untrained, result.network)
    assert any(is_statistic(name) for name in moved)
    assert all(step.anchor == 0.0 for step in result.history)


def test_the_pretrained_network_handed_in_is_not_changed():
    start = make_tiny()
    before = copy.deepcopy(start)
    fine_tune(PEOPLE, start, PLAN, rehearsal_crops=GENERAL)
    assert changed(before, start) == set()


def test_the_anchor_keeps_photos_near_their_pretrained_embeddings():
    start, crops = make_tiny(), np.concatenate(list(UNLIKE_THEMSELVES.values()))
    plan = replace(PLAN, strategy=Strategy.FINE_TUNE, held_out_share=0.0, steps=30, people_per_batch=6)
    away = []
    for anchor in (0.0, 10.0):
        weights = LossWeights(contrastive=1.0, template=0.0, anchor=anchor, rehearsal=0.0)
        held = replace(plan, weights=weights)
        network = fine_tune(UNLIKE_THEMSELVES, start, held, augmentation=_as_it_is).network
        before, after = (batches.embed_all(each, crops) for each in (start, network))
        away.append(float((1 - (before * after).sum(dim=1)).mean()))
    assert away[1] < 0.3 * away[0]


def mean_distances(network: SiameseNetwork) -> tuple[float, float]:
    """Of two photos of one person, and of two people's."""
    rows = batches.embed_all(network, np.concatenate(list(UNLIKE_THEMSELVES.values())))
    distance = torch.cdist(rows, rows)
    owners = torch.arange(len(rows)) // 3
    own = owners[:, None] == owners[None, :]
    off_diagonal = ~torch.eye(len(rows), dtype=torch.bool)
    return float(distance[own & off_diagonal].mean()), float(distance[~own].mean())


def test_training_brings_one_person_together_and_two_apart():
    start = make_tiny()
    plan = replace(PLAN, strategy=Strategy.FINE_TUNE, steps=40, held_out_share=0.0, people_per_batch=6)
    plan = replace(plan, weights=LossWeights(contrastive=1.0, template=0.0, anchor=0.0, rehearsal=0.0))
    result = fine_tune(UNLIKE_THEMSELVES, start, plan, augmentation=_as_it_is)
    alike, apart = mean_distances(start)
    alike_after, apart_after = mean_distances(result.network)
    assert alike_after / apart_after < 0.7 * alike / apart


def test_rehearsal_keeps_general_faces_where_they_were():
    plan = replace(PLAN, strategy=Strategy.FINE_TUNE, steps=30, held_out_share=0.0)

    def drift(weight: float) -> float:
        start = make_tiny()
        weights = LossWeights(anchor=0.0, rehearsal=weight)
        result = fine_tune(PEOPLE, start, replace(plan, weights=weights), rehearsal_crops=GENERAL)
        before, after = batches.embed_all(start, GENERAL), batches.embed_all(result.network, GENERAL)
        return float((1 - (before * after).sum(dim=1)).mean())

    assert drift(5.0) < 0.5 * drift(0.0)


def test_same_seed_same_network_and_another_seed_another():
    plan = replace(PLAN, held_out_share=0.0)  # what was learnt is handed back, helpful or not
    first, second = (fine_tune(PEOPLE, make_tiny(), plan, rehearsal_crops=GENERAL) for _ in range(2))
    assert changed(first.network, second.network) == set()
    assert first.history == second.history
    other = fine_tune(PEOPLE, make_tiny(), replace(plan, seed=1), rehearsal_crops=GENERAL)
    assert changed(first.network, other.network) != set()


def test_training_leaves_the_global_generators_alone():
    start = make_tiny()
    torch.manual_seed(5)
    np.random.seed(5)
    expected = (float(torch.rand(())), np.random.rand())
    torch.manual_seed(5)
    np.random.seed(5)
    fine_tune(PEOPLE, start, PLAN)
    assert (float(torch.rand(())), np.random.rand()) == expected


def test_kept_features_give_what_the_whole_network_gives(monkeypatch):
    """The cache is an optimisation: with no memory for it the frozen stages are run in every step."""
    plan = replace(PLAN, held_out_share=0.0, mixed_precision=False)
    kept = fine_tune(PEOPLE, make_tiny(), plan, rehearsal_crops=GENERAL, augmentation=_as_it_is)
    monkeypatch.setattr(batches, "MAX_KEPT_BYTES", 0)
    fresh = fine_tune(PEOPLE, make_tiny(), plan, rehearsal_crops=GENERAL, augmentation=_as_it_is)
    for one, other in zip(kept.network.parameters(), fresh.network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def _as_it_is(crop: torch.Tensor) -> torch.Tensor:
    return crop


def test_held_out_people_stop_training_and_the_best_network_is_kept():
    steps = []
    plan = replace(
        PLAN, strategy=Strategy.FINE_TUNE, steps=60, learning_rate=3.0, validate_every=2, patience=2
    )
    start = make_tiny()
    result = fine_tune(PEOPLE, start, plan, on_step=steps.append)
    looks = [(step.held_out_error, step.step) for step in result.history if step.held_out_error is not None]
    assert result.best_step == min(looks)[1]
    assert len(result.history) < 60  # a learning rate this high ruins it soon
    assert tuple(steps) == result.history
    assert set(result.held_out) & set(result.trained_on) == set()


def test_nothing_learnt_hands_back_the_pretrained_weights():
    plan = replace(PLAN, strategy=Strategy.FINE_TUNE, learning_rate=50.0, validate_every=2)
    start = make_tiny()
    result = fine_tune(PEOPLE, start, plan)
    if result.best_step == 0:
        assert changed(start, result.network) == set()
    assert result.history[0].held_out_error is not None


def test_scalars_are_logged_and_seconds_come_from_the_clock(tmp_path):
    result = fine_tune(PEOPLE, make_tiny(), PLAN, log_dir=tmp_path / "log", clock=SimulatedClock())
    assert next(file.name for file in (tmp_path / "log").iterdir()).startswith("events.out.tfevents")
    assert result.seconds == 0.0


KILLED = """
import os, signal, sys
from pathlib import Path
from models.siamese.train import fine_tune
from tests.models.siamese.conftest import make_tiny
from tests.models.siamese.test_train import GENERAL, PEOPLE, PLAN
import torch
torch.set_num_threads(1)
def die(step):
    if step.step == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
fine_tune(PEOPLE, make_tiny(), PLAN, rehearsal_crops=GENERAL, on_step=die, checkpoint_dir=Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_killed_training_resumes_to_the_same_bits(tmp_path):
    whole = fine_tune(PEOPLE, make_tiny(), PLAN, rehearsal_crops=GENERAL)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), "5"],
        cwd=ROOT,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert killed.returncode == -signal.SIGKILL
    told = []
    resumed = fine_tune(
        PEOPLE, make_tiny(), PLAN, rehearsal_crops=GENERAL, on_step=told.append, checkpoint_dir=tmp_path
    )
    assert [step.step for step in told] == [5, 6]  # the checkpoint was of step 4
    assert changed(whole.network, resumed.network) == set()
    assert resumed.history == whole.history
    assert resumed.best_step == whole.best_step


def test_checkpoint_of_another_network_plan_or_other_photos_is_refused(tmp_path):
    fine_tune(PEOPLE, make_tiny(), PLAN, checkpoint_dir=tmp_path)
    with pytest.raises(TrainingError, match="another plan"):
        fine_tune(PEOPLE, make_tiny(), replace(PLAN, seed=3), checkpoint_dir=tmp_path)
    with pytest.raises(TrainingError, match="other photos"):
        fine_tune(make_people(6, 3, seed=4), make_tiny(), PLAN, checkpoint_dir=tmp_path)
    with pytest.raises(TrainingError, match="another network"):
        fine_tune(PEOPLE, make_tiny(seed=2), PLAN, checkpoint_dir=tmp_path)
    renamed = make_tiny()
    renamed.backbone.name = "another"
    with pytest.raises(TrainingError, match="another network"):
        fine_tune(PEOPLE, renamed, PLAN, checkpoint_dir=tmp_path)


@pytest.mark.parametrize(
    ("photos", "message"),
    [
        ({}, "0 of 0 people"),
        ({"ann": PEOPLE["person-00"]}, "1 of 1 people have the 2 photos"),
        ({**PEOPLE, "twin": np.repeat(PEOPLE["person-00"][:1], 3, axis=0)}, "all 3 photos of person twin"),
        ({name: crops[:1] for name, crops in PEOPLE.items()}, "0 of 6 people have the 2 photos"),
        (dict(list(PEOPLE.items())[:3]), "3 people are too few"),
        ({"ann": np.zeros((3, 96, 96, 3), np.uint8), **PEOPLE}, "uint8"),
        ({"ann": np.zeros((3, 112, 112, 3), np.float32), **PEOPLE}, "float32"),
    ],
)
def test_photos_that_do_not_suffice_are_refused(photos, message):
    with pytest.raises(TrainingError, match=message):
        fine_tune(photos, make_tiny(), PLAN)


def test_people_with_too_few_photos_are_left_out_and_named():
    result = fine_tune({**PEOPLE, "zoe": PEOPLE["person-00"][:1]}, make_tiny(), replace(PLAN, steps=1))
    assert result.left_out == ("zoe",)


def test_too_many_stages_to_free_is_refused():
    with pytest.raises(TrainingError, match="4 stages"):
        fine_tune(PEOPLE, make_tiny(), replace(PLAN, last_stages=5))


def test_a_loss_that_is_not_a_number_is_refused():
    plan = replace(PLAN, weights=LossWeights(contrastive=float("inf")))
    with pytest.raises(TrainingError, match="not a number"):
        fine_tune(PEOPLE, make_tiny(), plan)


RATE_PLAN = TrainingPlan(steps=100, learning_rate=0.01, warmup_steps=10, weight_decay=0.0)


def test_first_step_moves_each_tensor_by_the_same_share_of_its_size():
    tensors = [torch.full((4, 4), size, requires_grad=True) for size in (0.01, 1.0, 50.0)]
    optimiser = build_optimiser(tensors, replace(RATE_PLAN, warmup_steps=0))
    assert set_learning_rate(optimiser, replace(RATE_PLAN, warmup_steps=0), 1) == pytest.approx(0.01)
    for tensor in tensors:
        tensor.grad = torch.randn(4, 4)
    optimiser.step()
    for tensor, size in zip(tensors, (0.01, 1.0, 50.0), strict=True):
        # Adam's first step is the learning rate itself, whatever the gradient's size.
        assert torch.allclose((tensor.detach() / size - 1).abs(), torch.tensor(0.01), rtol=1e-2)


def test_rate_rises_evenly_then_falls_to_nothing():
    optimiser = build_optimiser([torch.ones(2, requires_grad=True)], RATE_PLAN)
    rates = [set_learning_rate(optimiser, RATE_PLAN, step) for step in range(1, 101)]
    assert rates[4] == pytest.approx(0.5 * rates[9], rel=0.02)
    assert all(later < earlier for earlier, later in pairwise(rates[9:]))
    assert rates[-1] < 1e-3 * 0.01 * 10
    assert max(rates) == pytest.approx(0.01, rel=0.03)


def test_tensors_of_zeros_can_move():
    zeros = torch.zeros(3, requires_grad=True)
    optimiser = build_optimiser([zeros], RATE_PLAN)
    set_learning_rate(optimiser, RATE_PLAN, 20)
    assert optimiser.param_groups[0]["lr"] > 0


ALLOCATING = """
import resource, sys
import torch
from models.siamese.train import keep_freed_memory

torch.set_num_threads(1)
if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(5):
    torch.zeros(2**23).add_(1)  # 32 MiB: at first every page is new
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.zeros(2**23).add_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", ALLOCATING, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only glibc's allocator can be told")
def test_freed_memory_is_reused_without_new_page_faults() -> None:
    """The kernel itself counts the pages that it hands out."""
    assert page_faults("kept") < page_faults("given back") / 10
