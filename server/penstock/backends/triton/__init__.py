# SPDX-License-Identifier: Apache-2.0
"""Models written for Triton's Python backend: `model.py` with a class `TritonPythonModel`.

`instance` runs such a class; the other modules are what its code sees as
`triton_python_backend_utils`.
"""
