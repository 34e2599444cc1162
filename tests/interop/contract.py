# SPDX-License-Identifier: Apache-2.0
"""Metadata keys that the servicers and the tests know."""

#: The servicer sends back what comes with these, in its initial and in its trailing metadata.
INITIAL_KEY = "x-grpc-test-echo-initial"
TRAILING_KEY = "x-grpc-test-echo-trailing-bin"

#: By its value a test asks what the servicer has seen of a call.
LABEL_KEY = "x-label"
