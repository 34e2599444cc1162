# SPDX-License-Identifier: Apache-2.0
"""A fitted pipeline as one graph of ONNX, and the proof that the two answer the same."""

from penstock_training.export.graph import exported
from penstock_training.export.inputs import inputs_of
from penstock_training.export.parity import Parity, compare
from penstock_training.export.signature import signature_of

__all__ = ["Parity", "compare", "exported", "inputs_of", "signature_of"]
