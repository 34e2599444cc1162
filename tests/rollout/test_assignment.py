# SPDX-License-Identifier: Apache-2.0
"""Which arm answers: two servers that share nothing but their files, over gRPC and REST."""

from __future__ import annotations

import hashlib
import hmac
import re
import string
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.processes import wait_until
from tests.doubles.running import RunningServer
from tests.doubles.two_versions import BOTH, POLLING, TwoVersions, ask, ask_rest, keys

from penstock.rollout.intervals import shared_intervals
from penstock_client import Client, NotFound, PenstockError, PermissionDenied

GOLDEN = Path(__file__).parents[1] / "cpp" / "golden" / "assignment.h"
#: What a header or a parameter may be long.
KEY_BYTES_MAX = 1024
ARMS = 16
X = np.ones((1, 1), np.float32)
SECRET = "a secret of the support team"
KEY_HEADER = "penstock-sticky-key"

#: By name; version 1 and 2 are loaded of each.
ROUTES = {
    "odd": f"""
salt = 20261128
force_keys = ["support"]

[[arms]]
name = "left"
version = 1
share_bp = 9_000

[[arms]]
name = "right"
version = 2
share_bp = 1_000

[[overrides]]
arm = "right"
key = "tester-1"

[[overrides]]
arm = "right"
sha256 = "{hashlib.sha256(b"tester-2").hexdigest()}"

[holdout]
share_bp = 2_000
salt = 5
""",
    "by-parameter": """
[sticky]
source = "parameter"
name = "user"

[[arms]]
name = "left"
version = 1
share_bp = 5_000

[[arms]]
name = "right"
version = 2
share_bp = 5_000
""",
    "by-id": """
[sticky]
source = "request_id"

[[arms]]
name = "left"
version = 1
share_bp = 5_000

[[arms]]
name = "right"
version = 2
share_bp = 5_000
""",
}


def golden() -> Iterator[tuple[int, str, int]]:
    """Salts, keys that may be sent, and the buckets that Python's xxhash has found for them."""
    for salt, size, bucket in re.findall(
        r"\{(0x[0-9a-f]+), (\d+), 0x[0-9a-f]+, (\d+)\}", GOLDEN.read_text()
    ):
        if 0 < int(size) <= KEY_BYTES_MAX:
            letters = islice(cycle(string.ascii_lowercase), int(size))
            yield int(salt, 16), "".join(letters), int(bucket)


def arm_of(bucket: int) -> str:
    """Of the arms of `sixteenths`."""
    arms = enumerate(shared_intervals([10_000 // ARMS] * ARMS))
    (arm,) = [
        number
        for number, intervals in arms
        if any(begin <= bucket < end for begin, end in intervals)
    ]
    return f"arm-{arm}"


def sixteenths(salt: int) -> str:
    arms = [
        f'[[arms]]\nname = "arm-{number}"\nversion = {1 + number % 2}\nshare_bp = 625\n'
        for number in range(ARMS)
    ]
    return "\n".join([f"salt = {salt}", *arms])


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunningServer]]:
    folder = tmp_path_factory.mktemp("assignment")
    routes = ROUTES | {f"salt-{salt}": sixteenths(salt) for salt in {one[0] for one in golden()}}
    for name, route in routes.items():
        files = TwoVersions(repository=folder / "models", name=name, more=BOTH)
        files.write(route=route)
        files.add(2)
    (folder / "secret").write_text(SECRET)
    flags = (f"--route-force-key=support={folder / 'secret'}",)
    with (
        RunningServer(folder / "models", flags=flags) as one,
        RunningServer(folder / "models", flags=flags) as other,
    ):
        yield [one, other]


@pytest.fixture
def server(servers: list[RunningServer]) -> RunningServer:
    return servers[0]


def test_every_server_computes_the_bucket_that_python_computes(
    servers: list[RunningServer],
) -> None:
    vectors = list(golden())
    assert len(vectors) > 50
    for server in servers:
        with Client(server.grpc) as client:
            for salt, key, bucket in vectors:
                result = client.infer(f"salt-{salt}", {"x": X}, sticky_key=key)
                assert result.arm == arm_of(bucket), (salt, key)
        for salt, key, bucket in vectors[::5]:
            arm, _ = ask_rest(server.rest, model=f"salt-{salt}", headers={KEY_HEADER: key})
            assert arm == arm_of(bucket), (salt, key)


def test_a_key_has_one_arm_on_two_servers_over_both_protocols(
    servers: list[RunningServer],
) -> None:
    for key in keys(40):
        found = {
            "odd": [
                *(ask_rest(one.rest, model="odd", headers={KEY_HEADER: key}) for one in servers)
            ],
            "by-parameter": [
                *(
                    ask_rest(one.rest, model="by-parameter", parameters={"user": key})
                    for one in servers
                )
            ],
            "by-id": [*(ask_rest(one.rest, model="by-id", request_id=key) for one in servers)],
        }
        for one in servers:
            with Client(one.grpc) as client:
                for model, result in (
                    ("odd", client.infer("odd", {"x": X}, sticky_key=key)),
                    (
                        "by-parameter",
                        client.infer("by-parameter", {"x": X}, parameters={"user": key}),
                    ),
                    ("by-id", client.infer("by-id", {"x": X}, request_id=key)),
                ):
                    found[model].append((result.arm, result.model_version))
        assert all(len({*answers}) == 1 for answers in found.values()), (key, found)
        # Both models deal by the same salt, so by the same bucket, wherever they find the key.
        assert found["by-parameter"][0] == found["by-id"][0]


def test_shares_are_as_the_file_says(server: RunningServer) -> None:
    with Client(server.grpc) as client:
        counts = ask(client, keys(2000), model="odd").counts()
    assert {*counts} == {("left", "1"), ("right", "2")}
    # A tenth of the four fifths that are not held out, give or take four standard deviations.
    assert 160 - 49 < counts[("right", "2")] < 160 + 49


def test_overrides_go_before_buckets_and_a_number_goes_by_the_route(server: RunningServer) -> None:
    with Client(server.grpc) as client:
        for key in ("tester-1", "tester-2"):
            assert ask(client, [key], model="odd").arms[key] == ("right", "2")
        for version in ("1", "2"):
            result = client.infer("odd", {"x": X}, version=version, sticky_key="tester-1")
            assert (result.arm, result.model_version) == ("", version)
        for label, version in (("left", "1"), ("right", "2")):
            result = client.infer("odd", {"x": X}, version=label)
            assert (result.arm, result.model_version) == (label, version)
            assert ask_rest(server.rest, model="odd", version=label) == (label, version)
            assert client.model_ready("odd", version=label)
        with pytest.raises(NotFound, match='has no arm "middle"; it has "left"'):
            client.infer("odd", {"x": X}, version="middle")


def forced(arm: str, *, secret: str = SECRET, seconds: int = 600, route: str = "odd") -> str:
    expires = int(time.time()) + seconds
    text = f"{route}\n{arm}\n{expires}".encode()
    return f"{arm};{expires};{hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"


def test_a_signed_header_forces_an_arm_and_no_other_does(server: RunningServer) -> None:
    with Client(server.grpc) as client:

        def arm(header: str) -> str:
            result = client.infer(
                "odd", {"x": X}, metadata={"penstock-arm": header}, sticky_key="tester-1"
            )
            return result.arm

        assert arm(forced("left")) == "left"
        for header in (
            forced("left", secret="a secret of somebody else"),
            forced("left", seconds=-10),
            forced("left", seconds=8 * 24 * 3600),
            forced("left", route="by-id"),
            "left",
        ):
            with pytest.raises(PermissionDenied, match="penstock-arm"):
                arm(header)
        with pytest.raises(NotFound, match="has no arm"):
            arm(forced("middle"))
    header = forced("left")
    assert ask_rest(server.rest, model="odd", headers={"penstock-arm": header}) == ("left", "1")
    sentence, _ = ask_rest(server.rest, model="odd", headers={"penstock-arm": "left;1;2"})
    assert "penstock-arm" in sentence


def test_a_route_that_is_wrong_is_refused_in_the_log_and_the_one_before_stays(
    tmp_path: Path,
) -> None:
    files = TwoVersions(repository=tmp_path / "models", more=BOTH)
    files.write(route=ROUTES["by-id"])
    files.add(2)
    with RunningServer(files.repository, flags=POLLING) as server, Client(server.grpc) as client:

        def arms() -> set[str]:
            return {client.infer(files.name, {"x": X}, request_id=key).arm for key in keys(40)}

        assert arms() == {"left", "right"}
        route = files.folder / "route.toml"
        route.write_text(ROUTES["by-id"].replace("5_000", "4_000"))
        wait_until(lambda: "route_refused" in server.log(), "the file is refused")
        assert "wanted arms whose share_bp sum to 10000, found 8000" in server.log()
        assert arms() == {"left", "right"}
        route.write_text(ROUTES["by-id"].replace('"left"', '"port"'))
        wait_until(lambda: arms() == {"port", "right"}, "the mended file is read")
        route.unlink()
        wait_until(lambda: arms() == {""}, "the route is gone")


def test_a_shadow_of_another_model_gets_copies_and_answers_nobody(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    shadow = TwoVersions(repository=tmp_path / "models", name="trees")
    shadow.write(code=f'open({str(copies)!r}, "a").write("." * len(x))')
    files = TwoVersions(repository=tmp_path / "models", more=BOTH)
    files.write(route=ROUTES["by-id"] + '\n[[shadows]]\nname = "trees"\nmodel = "trees"\n')
    files.add(2)
    with RunningServer(files.repository) as server, Client(server.grpc) as client:
        assert not ask(client, keys(50)).failures
        wait_until(lambda: copies.is_file() and copies.stat().st_size == 50, "it had 50 copies")


def test_an_error_of_a_key_is_one_sentence(server: RunningServer) -> None:
    with Client(server.grpc) as client:
        with pytest.raises(PenstockError, match=r'parameter "user" decides over .* version'):
            client.infer("by-parameter", {"x": X}, parameters={"user": 1.5})
        with pytest.raises(PenstockError, match=r"at most 1024 bytes are wanted, got more"):
            client.infer("odd", {"x": X}, sticky_key="k" * 1025)
