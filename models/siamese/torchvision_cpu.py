"""`import_torchvision`: imports torchvision beside a torch that it was not built with.

A torchvision wheel made for CUDA cannot load its compiled operators beside a CPU-only torch. Its Python part
(transforms, model definitions) would still work, but importing it fails, for it describes two of the absent
operators to torch. Where that happens, the two are declared without an implementation; they are never called.
"""

from types import ModuleType

import torch

ABSENT_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_declared: list[torch.library.Library] = []
"""Torch forgets a declaration when its library object dies, so it is kept for the life of the process."""


def import_torchvision() -> ModuleType:
    """Import and return the package torchvision, whether or not its compiled operators can be loaded.

    Call this before any `import torchvision...`; afterwards its submodules are imported as usual.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        _declare_operators()
        import torchvision
    module: ModuleType = torchvision
    return module


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in ABSENT_OPERATORS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared.append(library)
