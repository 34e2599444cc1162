# SPDX-License-Identifier: Apache-2.0
"""What stands between a model's files and the core: Python classes, ONNX Runtime's library."""
