# SPDX-License-Identifier: Apache-2.0
"""Operators of ONNX, a function for each: it reads a node's inputs and sets its outputs."""
