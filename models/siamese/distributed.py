"""`joined_processes`, `gather`: train one network in several processes, started by torchrun.

Every process embeds its share of a batch; the embeddings are gathered, so that each process sees every pair,
and the gradients are averaged. Two processes thus do what one does, up to rounding.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed


@contextmanager
def joined_processes() -> Iterator[int]:
    """Join the processes that torchrun started until the `with` ends; one process alone joins nothing.

    Yields:
        this process's rank; 0 writes files and reports.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        yield rank()
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield rank()
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """Return this process's number, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes that train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def own_share(count: int) -> slice:
    """Return which of `count` rows of a batch this process embeds; `count` is a multiple of `world_size`."""
    each = count // world_size()
    return slice(rank() * each, (rank() + 1) * each)


def gather(embeddings: Tensor) -> Tensor:
    """Return all processes' rows in order of rank; only this process's own carry a gradient.

    The loss over the gathered rows must be multiplied by `world_size`, for averaging divides by it: the sum
    over the processes of gradients through their own rows is the whole gradient.

    (B / W, D) -> (B, D)
    """
    if world_size() == 1:
        return embeddings
    all_rows = [torch.empty_like(embeddings) for _ in range(world_size())]
    distributed.all_gather(all_rows, embeddings.detach().contiguous())
    all_rows[rank()] = embeddings
    return torch.cat(all_rows)


def autocast_for(device: torch.device, wanted: bool) -> torch.autocast:
    """Return a context that computes in bfloat16 where wanted and native; emulated bfloat16 is slower."""
    if device.type == "cuda":
        native = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    else:
        native = bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and native)
