# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of model_config.proto."""

from penstock_client._proto.pool import POOL, enum_type, message_type

DESCRIPTOR = POOL.FindFileByName("model_config.proto")
DataType = enum_type("inference.DataType")
TYPE_INVALID = 0
TYPE_BOOL = 1
TYPE_UINT8 = 2
TYPE_UINT16 = 3
TYPE_UINT32 = 4
TYPE_UINT64 = 5
TYPE_INT8 = 6
TYPE_INT16 = 7
TYPE_INT32 = 8
TYPE_INT64 = 9
TYPE_FP16 = 10
TYPE_FP32 = 11
TYPE_FP64 = 12
TYPE_STRING = 13
TYPE_BF16 = 14
ModelRateLimiter = message_type("inference.ModelRateLimiter")
ModelInstanceGroup = message_type("inference.ModelInstanceGroup")
ModelTensorReshape = message_type("inference.ModelTensorReshape")
ModelInput = message_type("inference.ModelInput")
ModelOutput = message_type("inference.ModelOutput")
BatchInput = message_type("inference.BatchInput")
BatchOutput = message_type("inference.BatchOutput")
ModelVersionPolicy = message_type("inference.ModelVersionPolicy")
ModelOptimizationPolicy = message_type("inference.ModelOptimizationPolicy")
ModelQueuePolicy = message_type("inference.ModelQueuePolicy")
ModelDynamicBatching = message_type("inference.ModelDynamicBatching")
ModelSequenceBatching = message_type("inference.ModelSequenceBatching")
ModelEnsembling = message_type("inference.ModelEnsembling")
ModelParameter = message_type("inference.ModelParameter")
ModelWarmup = message_type("inference.ModelWarmup")
ModelOperations = message_type("inference.ModelOperations")
ModelTransactionPolicy = message_type("inference.ModelTransactionPolicy")
ModelRepositoryAgents = message_type("inference.ModelRepositoryAgents")
ModelResponseCache = message_type("inference.ModelResponseCache")
ModelMetrics = message_type("inference.ModelMetrics")
ModelConfig = message_type("inference.ModelConfig")
