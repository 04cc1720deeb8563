"""Train under torchrun, started by test_distributed.py; rank 0 writes the network and the history."""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from models.siamese.distributed import joined_processes
from models.siamese.siamese_network import Strategy
from models.siamese.train import fine_tune
from tests.models.siamese.conftest import make_tiny
from tests.models.siamese.test_train import GENERAL, PEOPLE, PLAN


def main(strategy: str, output: Path) -> None:
    torch.set_num_threads(1)
    plan = replace(
        PLAN,
        strategy=Strategy(strategy),
        people_per_batch=4,
        rehearsal_per_batch=4,
        mixed_precision=False,
    )
    with joined_processes() as rank:
        result = fine_tune(PEOPLE, make_tiny(), plan, rehearsal_crops=GENERAL)
        if rank == 0:
            history = [(step.loss, step.held_out_error or 0.0) for step in result.history]
            torch.save({"network": result.network.state_dict(), "history": history}, output)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
