# SPDX-License-Identifier: Apache-2.0
"""MLmodel: what makes the folder one that `mlflow.pyfunc.load_model` takes.

Written without MLflow, whose import takes seconds, and without the time that it would put there.
"""

import json
import platform
from importlib import metadata
from typing import Any

from penstock.package import ModelSignature, TensorSignature

__all__ = ["MLMODEL_FILE", "mlmodel_text"]

MLMODEL_FILE = "MLmodel"

#: V2 datatype -> numpy's name, as MLflow's tensor signatures have it.
_DTYPES = {"BOOL": "bool", "BYTES": "object", "FP32": "float32", "FP64": "float64"}


def mlmodel_text(signature: ModelSignature, model_digest: str, model_bytes: int) -> str:
    """The file's text: flavours onnx and python_function, and the signature as named tensors.

    `model_digest`: hexadecimal SHA-256 of model.onnx, of which the model's id is made.
    """
    import yaml

    told = {
        "flavors": {
            "onnx": {
                "code": None,
                "data": "model.onnx",
                "onnx_session_options": None,
                "onnx_version": metadata.version("onnx"),
                "providers": ["CPUExecutionProvider"],
            },
            "python_function": {
                "data": "model.onnx",
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.onnx",
                "python_version": platform.python_version(),
            },
        },
        "mlflow_version": metadata.version("mlflow"),
        "model_size_bytes": model_bytes,
        "model_uuid": model_digest[:32],
        "signature": {
            "inputs": json.dumps([_tensor(one) for one in signature.inputs]),
            "outputs": json.dumps([_tensor(one) for one in signature.outputs]),
            "params": None,
        },
    }
    text: str = yaml.safe_dump(told, sort_keys=True, allow_unicode=True)
    return text


def _tensor(tensor: TensorSignature) -> dict[str, Any]:
    dtype = _DTYPES.get(tensor.datatype, tensor.datatype.lower())
    spec = {"dtype": dtype, "shape": list(tensor.shape)}
    return {"name": tensor.name, "type": "tensor", "tensor-spec": spec}
