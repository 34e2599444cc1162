# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of onnx_graph.proto."""

from penstock_client._proto.pool import POOL, enum_type, message_type

DESCRIPTOR = POOL.FindFileByName("onnx_graph.proto")
ElementType = enum_type("onnx.ElementType")
UNDEFINED = 0
FLOAT = 1
UINT8 = 2
INT8 = 3
UINT16 = 4
INT16 = 5
INT32 = 6
INT64 = 7
STRING = 8
BOOL = 9
FLOAT16 = 10
DOUBLE = 11
UINT32 = 12
UINT64 = 13
Model = message_type("onnx.Model")
OperatorSet = message_type("onnx.OperatorSet")
Function = message_type("onnx.Function")
Graph = message_type("onnx.Graph")
Node = message_type("onnx.Node")
Attribute = message_type("onnx.Attribute")
Tensor = message_type("onnx.Tensor")
SparseTensor = message_type("onnx.SparseTensor")
Port = message_type("onnx.Port")
Form = message_type("onnx.Form")
Shape = message_type("onnx.Shape")
