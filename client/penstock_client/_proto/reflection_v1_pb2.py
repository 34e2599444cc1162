# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of reflection_v1.proto."""

from penstock_client._proto.pool import POOL, message_type

DESCRIPTOR = POOL.FindFileByName("reflection_v1.proto")
ServerReflectionRequest = message_type("grpc.reflection.v1.ServerReflectionRequest")
ExtensionRequest = message_type("grpc.reflection.v1.ExtensionRequest")
ServerReflectionResponse = message_type("grpc.reflection.v1.ServerReflectionResponse")
FileDescriptorResponse = message_type("grpc.reflection.v1.FileDescriptorResponse")
ExtensionNumberResponse = message_type("grpc.reflection.v1.ExtensionNumberResponse")
ListServiceResponse = message_type("grpc.reflection.v1.ListServiceResponse")
ServiceResponse = message_type("grpc.reflection.v1.ServiceResponse")
ErrorResponse = message_type("grpc.reflection.v1.ErrorResponse")
