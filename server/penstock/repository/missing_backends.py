# SPDX-License-Identifier: Apache-2.0
"""What is said of a configuration that wants a backend of Triton's which this server lacks. Pure.

Each gets one sentence: what was wanted, what there is, and the way from one to the other.
"""

from collections.abc import Collection, Mapping

from penstock.errors import UnsupportedError

__all__ = ["missing_backend", "missing_platform"]

_TO_ONNX = "export the model to ONNX"
_TORCH = f"{_TO_ONNX} (torch.onnx.export), or load it in a model.py of backend python"
_TENSORFLOW = f"{_TO_ONNX} (tf2onnx), or load it in a model.py of backend python"
_TENSORRT = (
    f"{_TO_ONNX}, and set optimization.execution_accelerators to run it by TensorRT on a GPU"
)
_LANGUAGE = "generation is not served yet; a model.py of backend python can call the library"

#: Triton's backends -> what to do with a model of one.
WAYS: Mapping[str, str] = {
    "tensorrt": _TENSORRT,
    "pytorch": _TORCH,
    "tensorflow": _TENSORFLOW,
    "openvino": f"{_TO_ONNX}, and set optimization.execution_accelerators to run it by OpenVINO",
    "fil": f"{_TO_ONNX} (onnxmltools, skl2onnx)",
    "dali": "write the pipeline into a model.py of backend python",
    "vllm": _LANGUAGE,
    "tensorrtllm": _LANGUAGE,
}

#: The same by `platform`.
BACKEND_OF_PLATFORM: Mapping[str, str] = {
    "tensorrt_plan": "tensorrt",
    "pytorch_libtorch": "pytorch",
    "tensorflow_graphdef": "tensorflow",
    "tensorflow_savedmodel": "tensorflow",
    "caffe2_netdef": "",
}


def missing_backend(wanted: str, there_are: Collection[str]) -> UnsupportedError:
    """The refusal of a backend."""
    return _refusal("backend", wanted, there_are, WAYS.get(wanted, ""))


def missing_platform(wanted: str, there_are: Collection[str]) -> UnsupportedError:
    """The refusal of a platform."""
    if wanted == "ensemble":
        return UnsupportedError("The configuration wants an ensemble: they are not served yet.")
    way = WAYS.get(BACKEND_OF_PLATFORM.get(wanted, ""), "")
    return _refusal("platform", wanted, there_are, way)


def _refusal(kind: str, wanted: str, there_are: Collection[str], way: str) -> UnsupportedError:
    mend = f": {way}" if way else ""
    return UnsupportedError(
        f"The configuration wants {kind} {wanted!r}, which this server does not have; there are "
        f"{', '.join(there_are)}{mend}."
    )
