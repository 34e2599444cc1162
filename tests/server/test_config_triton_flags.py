# SPDX-License-Identifier: Apache-2.0
"""Triton's flags: each is an option, accepted without effect, or refused in a sentence."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penstock.cli import app
from penstock.config import ServerOptions, read_options, without_triton_flags
from penstock.config.flags import _with_values
from penstock.config.triton_flags import TRITON_FLAGS
from penstock.errors import OptionsError

#: What `tritonserver --help` of 2026 lists, by the panel there.
FLAGS = re.findall(
    r"\S+",
    """
id exit-timeout-secs log-verbose log-info log-warning log-error log-format log-file model-store
model-repository exit-on-error strict-readiness model-load-thread-count model-load-retry-count
model-namespacing allow-http http-address http-port reuse-http-port http-header-forward-pattern
http-thread-count http-max-input-size http-restricted-api allow-grpc grpc-address grpc-port
reuse-grpc-port grpc-header-forward-pattern grpc-infer-thread-count
grpc-infer-allocation-pool-size grpc-max-response-pool-size grpc-use-ssl grpc-use-ssl-mutual
grpc-server-cert grpc-server-key grpc-root-cert grpc-infer-response-compression-level
grpc-keepalive-time grpc-keepalive-timeout grpc-keepalive-permit-without-calls
grpc-http2-max-pings-without-data grpc-http2-min-recv-ping-interval-without-data
grpc-http2-max-ping-strikes grpc-max-connection-age grpc-max-connection-age-grace
grpc-restricted-protocol allow-sagemaker sagemaker-port sagemaker-safe-port-range
sagemaker-thread-count allow-vertex-ai vertex-ai-port vertex-ai-thread-count
vertex-ai-default-model allow-metrics metrics-address metrics-port trace-config backend-directory
backend-config repoagent-directory cache-config cache-directory rate-limit rate-limit-resource
pinned-memory-pool-byte-size cuda-memory-pool-byte-size cuda-virtual-address-size
min-supported-compute-capability buffer-manager-thread-count host-policy model-load-gpu-limit
enable-peer-access response-cache-byte-size trace-file trace-level trace-rate trace-count
trace-log-frequency
""",
)

#: Of the refused ones, a value as Triton's documentation has it.
ASKING = {
    "grpc_use_ssl": "true",
    "grpc_use_ssl_mutual": "1",
    "grpc_server_cert": "server.crt",
    "grpc_server_key": "server.key",
    "grpc_root_cert": "ca.crt",
    "http_restricted_api": "model-repository:admin-key=x",
    "grpc_restricted_protocol": "model-repository:admin-key=x",
    "cache_config": "local,size=1048576",
    "rate_limit": "execution_count",
    "trace_config": "level=TIMESTAMPS",
    "model_namespacing": "true",
}


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["serve", "--print-config", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_of_triton_is_an_option_or_known(flag: str) -> None:
    name = flag.replace("-", "_")
    assert name in ServerOptions.model_fields or name in TRITON_FLAGS or name == "model_store"


def test_no_flag_is_both() -> None:
    assert not TRITON_FLAGS.keys() & ServerOptions.model_fields.keys()


def test_the_refused_flags_are_those_that_ask_for_protection_or_for_what_is_not_built() -> None:
    assert {flag.name for flag in TRITON_FLAGS.values() if flag.is_refused} == ASKING.keys()


@pytest.mark.parametrize("name", ASKING)
def test_a_refused_flag_stops_the_start_with_a_sentence(name: str) -> None:
    flag = TRITON_FLAGS[name]
    with pytest.raises(OptionsError) as caught:
        without_triton_flags({name: [ASKING[name]]})
    assert str(caught.value) == (
        f"{flag.flag}: asks for {flag.asks_for}, which this version does not have; "
        "without the flag the server starts without it."
    )


@pytest.mark.parametrize("value", ["false", "False", "0", "off", "OFF", ""])
def test_a_refused_flag_that_asks_for_nothing_is_silent(value: str) -> None:
    assert without_triton_flags({"grpc_use_ssl": [value], "rate_limit": ["off"]}) == ({}, [])


def test_every_refusal_is_told_at_once() -> None:
    with pytest.raises(OptionsError) as caught:
        without_triton_flags({"grpc_use_ssl": ["1"], "trace_config": ["rate=1"], "grpc_port": "1"})
    assert len(str(caught.value).splitlines()) == 2


def test_flags_without_effect_are_taken_out_and_named() -> None:
    kept, unused = without_triton_flags(
        {"grpc_port": "1", "host_policy": ["a", "b"], "http_thread_count": ["8"]}
    )
    assert kept == {"grpc_port": "1"}
    assert unused == ["--host-policy", "--http-thread-count"]


def test_a_command_line_of_triton_is_read() -> None:
    status, printed = run(
        "--model-store=/models",
        "--http-port", "8100",
        "--allow-grpc=0",
        "--reuse-http-port=on",
        "--log-verbose=1",
        "--pinned-memory-pool-byte-size=0",
        "--cuda-memory-pool-byte-size=0:67108864",
        "--cuda-memory-pool-byte-size=1:67108864",
        "--id", "edge-7",
        "--rate-limit=off",
    )  # fmt: skip
    assert status == 0
    for line in (
        'model_repository = ["/models"]',
        "http_port = 8100",
        "allow_grpc = false",
        "reuse_http_port = true",
        'id = "edge-7"',
    ):
        assert line in printed


def test_one_warning_names_the_flags_without_effect(tmp_path: Path) -> None:
    log = tmp_path / "log"
    # There is no repository, so that the command ends when it has warned.
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "serve", f"--log-file={log}", "--host-policy=a",
         "--http-thread-count=8"],
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = log.read_text().splitlines()
    assert 'flags_without_effect flags="--http-thread-count --host-policy"' in line


def test_settings_of_backends_that_mean_nothing_here_are_named() -> None:
    texts = ["tensorflow,version=2", "onnxruntime,default-max-batchsize=4", "shm-size=1"]
    unused = read_options(flags={"backend_config": texts}).backend_settings_without_effect
    assert unused == ["tensorflow,version", "onnxruntime,default-max-batchsize", "shm-size"]
    texts = ["onnxruntime,default-max-batch-size=8", "default-max-batch-size=4"]
    assert not read_options(flags={"backend_config": texts}).backend_settings_without_effect


def test_help_shows_the_options_and_hides_what_has_no_effect() -> None:
    text = re.sub(r"\s+", " ", CliRunner().invoke(app, ["serve", "--help"]).output)
    assert "--http-max-input-size" in text
    assert "--host-policy" not in text
    assert "--grpc-use-ssl" not in text


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["--disable-auto-complete-config"], ["--disable-auto-complete-config=true"]),
        (
            ["--disable-auto-complete-config", "--grpc-port", "1"],
            ["--disable-auto-complete-config=true", "--grpc-port", "1"],
        ),
        (["--disable-auto-complete-config", "false"], ["--disable-auto-complete-config", "false"]),
        (["--disable-auto-complete-config=false"], ["--disable-auto-complete-config=false"]),
        (["--grpc-port", "1"], ["--grpc-port", "1"]),
        ([], []),
    ],
)
def test_a_switch_may_stand_without_a_value(given: list[str], read: list[str]) -> None:
    assert _with_values(given) == read


@pytest.mark.parametrize(
    ("flags", "logged"),
    [
        ({}, "info warning error"),
        ({"log_level": "error"}, "error"),
        ({"log_level": "error", "log_error": "0"}, ""),
        ({"log_level": "error", "log_verbose": "2"}, "debug info warning error"),
        ({"log_info": "false"}, "warning error"),
        ({"log_verbose": "1", "log_warning": "0", "log_error": "off"}, "debug info"),
    ],
)
def test_log_flags_say_together_which_events_are_logged(flags: dict[str, str], logged: str) -> None:
    choice = read_options(flags=flags).log_choice
    levels = {"debug": 10, "info": 20, "warning": 30, "error": 40}
    assert " ".join(name for name, level in levels.items() if choice.takes(level)) == logged
