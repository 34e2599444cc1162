# SPDX-License-Identifier: Apache-2.0
"""What only the synchronous client does: threads, closing under way, TLS."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from tests.doubles.v2_server import PATIENCE_S, V2Server

from penstock_client import Cancelled, Client, ClientClosed, RetryPolicy, TlsOptions, Unavailable

X = {"x": np.ones((1, 16), np.float32)}


def test_a_closed_client_says_so(server: V2Server) -> None:
    with Client(server.address) as client:
        assert client.server_live()
    with pytest.raises(ClientClosed):
        client.server_live()


def test_closing_cancels_calls_of_other_threads(server: V2Server) -> None:
    client = Client(server.address)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.infer, "slow", X)
        assert server.slow_entered.acquire(timeout=PATIENCE_S)
        client.close()
        with pytest.raises(Cancelled):
            call.result(PATIENCE_S)
    assert server.slow_ended.acquire(timeout=PATIENCE_S)


def test_closing_ends_a_wait_between_attempts(server: V2Server) -> None:
    """The wait would last hours. Closing may also come first and cancel the attempt itself."""
    hour_s = 3600.0
    server.unavailable_left = 100
    patient = RetryPolicy(backoff_first_s=hour_s, backoff_max_s=hour_s)
    client = Client(server.address, retry=patient)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.server_live)
        assert server.called.acquire(timeout=PATIENCE_S)
        client.close()
        with pytest.raises((ClientClosed, Cancelled)):
            call.result(PATIENCE_S)


def test_many_threads_share_one_client(server: V2Server) -> None:
    def ask(number: int) -> int:
        return int(client.infer("echo", {"n": np.array([number])})["n"][0])

    with Client(server.address) as client, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(200))) == list(range(200))


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A private key and a certificate for `penstock.test`, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder: Path = tmp_path_factory.mktemp("identity")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    names = ["-subj", "/CN=penstock.test", "-addext", "subjectAltName=DNS:penstock.test"]
    made = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        [openssl, "req", "-x509", "-days", "2", *names, *made], check=True, capture_output=True
    )
    return key.read_bytes(), certificate.read_bytes()


def test_tls_with_a_client_certificate(identity: tuple[bytes, bytes]) -> None:
    key, certificate = identity
    credentials = grpc.ssl_server_credentials([identity], certificate, require_client_auth=True)
    known = TlsOptions(
        root_certificates=certificate,
        private_key=key,
        certificate_chain=certificate,
        server_name="penstock.test",
    )
    unknown = TlsOptions(root_certificates=certificate, server_name="penstock.test")
    with V2Server(credentials) as server:
        with Client(server.address, tls=known) as client:
            np.testing.assert_array_equal(client.infer("echo", X)["x"], X["x"])
        with Client(server.address, tls=unknown, retry=None) as client, pytest.raises(Unavailable):
            client.server_live()
        with Client(server.address, retry=None) as client, pytest.raises(Unavailable):
            client.server_live()


def test_half_a_client_identity_is_refused() -> None:
    with pytest.raises(ValueError, match="together"):
        TlsOptions(private_key=b"key")
