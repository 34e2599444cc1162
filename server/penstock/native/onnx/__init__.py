# SPDX-License-Identifier: Apache-2.0
"""ONNX models: read without the package `onnx`, and lowered node by node into compiled steps.

model_file.py   bytes to messages: what is refused before anything else
arrays.py       tensors of the file to numpy
graph.py        nodes in order, constants, what inputs and outputs are
constants.py    nodes that read only constants, computed now
lowering.py     where the nodes' values are while steps are made of them
steps.py        the steps, until they are written
operators/      a function for each operator, a file for each family
compiled.py     all of it, one after the other
"""
