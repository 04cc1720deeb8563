"""Two processes under torchrun do what one does."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.errors import TrainingError
from models.siamese.distributed import gather, own_share, rank, world_size
from models.siamese.siamese_network import Strategy
from models.siamese.train import fine_tune
from tests.conftest import ROOT
from tests.models.siamese.test_train import GENERAL, PEOPLE, PLAN

JOB = "tests.models.siamese.torchrun_job"


def test_one_process_has_rank_0_and_the_whole_batch():
    rows = torch.randn(6, 2)
    assert (rank(), world_size()) == (0, 1)
    assert rows[own_share(6)].shape == rows.shape
    assert gather(rows) is rows


def run(launcher: list[str], strategy: str, output: Path) -> dict:
    # One thread each: the point is the arithmetic, and the machine is shared.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, JOB, strategy, str(output)]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return torch.load(output, weights_only=True)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["fine-tune", "fine-tune-last"])
def test_two_processes_match_one(tmp_path: Path, strategy: str):
    alone = run(["-m"], strategy, tmp_path / "one.pt")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m"]
    together = run(torchrun, strategy, tmp_path / "two.pt")
    assert len(alone["history"]) == len(together["history"])
    assert torch.allclose(torch.tensor(alone["history"]), torch.tensor(together["history"]), atol=1e-4)
    for name, tensor in alone["network"].items():
        assert torch.allclose(tensor, together["network"][name], atol=2e-4), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"people_per_batch": 3, "photos_per_person": 1}, "batches of 3 photos"),
        ({"rehearsal_per_batch": 3}, "3 to rehearse"),
        ({"strategy": Strategy.SCRATCH}, "train it in one process"),
    ],
)
def test_what_two_processes_cannot_share_is_refused(monkeypatch, untrained, changes, message):
    monkeypatch.setattr("models.siamese.train.world_size", lambda: 2)
    plan = replace(replace(PLAN, people_per_batch=2, rehearsal_per_batch=2), **changes)
    with pytest.raises(TrainingError, match=message):
        fine_tune(PEOPLE, untrained, plan, rehearsal_crops=GENERAL)
