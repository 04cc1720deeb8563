"""`export_network`: writes a trained network as the ONNX file that doors run, whatever its backbone."""

import copy
import io
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from models.release.folding import OPSET
from models.siamese.backbones import SFACE_BACKBONE
from models.siamese.sface import fold_and_export
from models.siamese.siamese_network import SiameseNetwork, merge_head
from models.storage.files import write_atomically
from models.vision.alignment import CROP_PX


def export_network(network: SiameseNetwork, path: Path) -> None:
    """Write backbone and head as one ONNX network, atomically; the network itself stays as it is.

    Input "crop": float32 (N, 3, 112, 112), RGB, 0 to 255, any N; preprocessing is inside. Output
    "embedding": float32 (N, D), not normalised: the encoder does that, and refuses an answer without length.
    SFace's head is merged into its last layer, so that it costs the door nothing.

    Args:
        network: on any device, in either mode.
        path: of the file.

    Raises:
        OSError: `path` cannot be written.
    """
    network = copy.deepcopy(network).cpu().eval()
    if network.backbone.name == SFACE_BACKBONE:
        fold_and_export(merge_head(network), path)
        return
    # Without the last step of `SiameseNetwork.forward`, which scales to length 1.
    layers = nn.Sequential(*network.backbone.stages, network.head)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # torch's newer exporter needs the package onnxscript; the pinned torch still has this one.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            layers,
            (torch.zeros(1, 3, CROP_PX, CROP_PX),),
            content,  # type: ignore[arg-type] # it takes streams, too
            dynamo=False,
            opset_version=OPSET,
            input_names=["crop"],
            output_names=["embedding"],
            dynamic_axes={"crop": {0: "n"}, "embedding": {0: "n"}},
        )
    onnx.checker.check_model(content.getvalue())
    write_atomically(path, content.getvalue())
