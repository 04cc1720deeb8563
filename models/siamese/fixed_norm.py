"""The same convolution units, faster to train when the batch-norm statistics are fixed.

Two things make SFace slow to train on a processor. A batch norm with fixed statistics is only a scale and a
shift, yet it costs two more passes over the largest tensors: here the scale goes into the convolution's
weight, which is tiny. And torch's backward pass of PReLU is not vectorised: here it is written with
operations that are. The arithmetic is the same and every parameter keeps its name, so state dicts pass freely
between both forms.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.siamese.sface import ConvUnit, SeparableBlock


class _SlopeFunction(torch.autograd.Function):
    """PReLU, y = max(x, 0) + a * min(x, 0), with its gradient in vectorised operations."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return functional.prelu(x, slope.to(x.dtype))  # (B, C, H, W)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        x, slope = ctx.saved_tensors
        a = slope.to(x.dtype).view(1, -1, 1, 1)  # (1, C, 1, 1)
        grad_slope = None
        if ctx.needs_input_grad[1]:
            low = x.clamp(max=0).mul_(grad)  # (B, C, H, W)
            # A matrix product sums over places and pictures faster than `sum` does on channels-last memory.
            places = low.permute(0, 2, 3, 1).reshape(-1, x.shape[1])  # (B * H * W, C)
            ones = torch.ones(1, places.shape[0], dtype=x.dtype, device=x.device)
            grad_slope = (ones @ places)[0].to(slope.dtype)  # (C,)
        # where(x > 0, grad, a * grad), for `where` is slow on bfloat16.
        passed = torch.ops.aten.threshold_backward(grad, x, 0.0)  # (B, C, H, W)
        return passed.mul_(1 - a).add_(grad * a), grad_slope


def slope(x: Tensor, weight: Tensor) -> Tensor:
    """PReLU: (B, C, H, W) and (C,) -> (B, C, H, W)."""
    return cast(Tensor, _SlopeFunction.apply(x, weight))  # type: ignore[no-untyped-call]


class FixedNormUnit(nn.Module):
    """A `ConvUnit` whose batch-norm statistics no longer move; its parameters are the unit's own."""

    def __init__(self, unit: ConvUnit) -> None:
        super().__init__()
        self.conv, self.bn, self.act = unit.conv, unit.bn, unit.act

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        mean, variance = cast(Tensor, self.bn.running_mean), cast(Tensor, self.bn.running_var)
        scale = self.bn.weight * torch.rsqrt(variance + self.bn.eps)  # (outputs,)
        shift = self.bn.bias - mean * scale  # (outputs,)
        weight = self.conv.weight * scale.view(-1, 1, 1, 1)  # (outputs, inputs / groups, k, k)
        conv = self.conv
        x = functional.conv2d(x, weight, shift, conv.stride, conv.padding, conv.dilation, conv.groups)
        return slope(x, self.act.weight)  # (B, outputs, H / stride, W / stride)


def fix_norms(stages: nn.ModuleList) -> None:
    """Put `FixedNormUnit`s in the place of `ConvUnit`s, wherever SFace's stages have them."""
    for index, stage in enumerate(stages):
        if isinstance(stage, ConvUnit):
            stages[index] = FixedNormUnit(stage)
        elif isinstance(stage, SeparableBlock):
            # `nn.Module` takes any module under a name; the annotation of the block names the usual kind.
            stage._modules["depthwise"] = FixedNormUnit(stage.depthwise)
            stage._modules["pointwise"] = FixedNormUnit(stage.pointwise)
