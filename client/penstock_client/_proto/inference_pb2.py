# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of inference.proto."""

from penstock_client._proto.pool import POOL, message_type

DESCRIPTOR = POOL.FindFileByName("inference.proto")
ServerLiveRequest = message_type("inference.ServerLiveRequest")
ServerLiveResponse = message_type("inference.ServerLiveResponse")
ServerReadyRequest = message_type("inference.ServerReadyRequest")
ServerReadyResponse = message_type("inference.ServerReadyResponse")
ModelReadyRequest = message_type("inference.ModelReadyRequest")
ModelReadyResponse = message_type("inference.ModelReadyResponse")
ServerMetadataRequest = message_type("inference.ServerMetadataRequest")
ServerMetadataResponse = message_type("inference.ServerMetadataResponse")
ModelMetadataRequest = message_type("inference.ModelMetadataRequest")
ModelMetadataResponse = message_type("inference.ModelMetadataResponse")
InferParameter = message_type("inference.InferParameter")
InferTensorContents = message_type("inference.InferTensorContents")
ModelInferRequest = message_type("inference.ModelInferRequest")
ModelInferResponse = message_type("inference.ModelInferResponse")
ModelStreamInferResponse = message_type("inference.ModelStreamInferResponse")
