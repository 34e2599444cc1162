# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of native_artifact.proto."""

from penstock_client._proto.pool import POOL, enum_type, message_type

DESCRIPTOR = POOL.FindFileByName("native_artifact.proto")
Kind = enum_type("penstock.native.Kind")
KIND_UNSPECIFIED = 0
FLOAT32 = 1
FLOAT64 = 2
INT64 = 3
TEXT = 4
Blob = message_type("penstock.native.Blob")
Value = message_type("penstock.native.Value")
Port = message_type("penstock.native.Port")
Artifact = message_type("penstock.native.Artifact")
Step = message_type("penstock.native.Step")
Convert = message_type("penstock.native.Convert")
Affine = message_type("penstock.native.Affine")
Normalize = message_type("penstock.native.Normalize")
Impute = message_type("penstock.native.Impute")
OneHot = message_type("penstock.native.OneHot")
Lookup = message_type("penstock.native.Lookup")
Concat = message_type("penstock.native.Concat")
Select = message_type("penstock.native.Select")
Dense = message_type("penstock.native.Dense")
StaticInput = message_type("penstock.native.StaticInput")
Activation = message_type("penstock.native.Activation")
Forest = message_type("penstock.native.Forest")
ArgMax = message_type("penstock.native.ArgMax")
Threshold = message_type("penstock.native.Threshold")
StringIndex = message_type("penstock.native.StringIndex")
Labels = message_type("penstock.native.Labels")
Complement = message_type("penstock.native.Complement")
Onnx = message_type("penstock.native.Onnx")
