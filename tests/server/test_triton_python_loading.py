# SPDX-License-Identifier: Apache-2.0
"""Models for Triton's Python backend: completed configurations, refusals, logs, metrics, the end.

Each in the server's process and isolated, where that makes a difference.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.running import RunningServer
from tests.doubles.triton_models import add_triton, isolation, parameter

from penstock_client import Client, Unavailable

# Completes its configuration, as Triton's example does.
COMPLETES = """
class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config.as_dict()
        inputs = [{"name": "INPUT0", "data_type": "TYPE_FP32", "dims": [4]},
                  {"name": "HINT", "data_type": "TYPE_FP32", "dims": [4], "optional": True}]
        input_names = [tensor["name"] for tensor in config["input"]]
        for tensor in inputs:
            if tensor["name"] not in input_names:
                auto_complete_model_config.add_input(tensor)
        auto_complete_model_config.add_output(
            {"name": "OUTPUT0", "data_type": "TYPE_FP32", "dims": [4]})
        auto_complete_model_config.set_max_batch_size(8)
        auto_complete_model_config.set_dynamic_batching()
        return auto_complete_model_config

    def initialize(self, args):
        config = json.loads(args["model_config"])
        assert config["max_batch_size"] == 8, config
        assert pb_utils.get_input_config_by_name(config, "INPUT0")["dims"] == [4], config
        assert config["dynamic_batching"]["max_queue_delay_microseconds"] == 0, config
        assert not pb_utils.using_decoupled_model_transaction_policy(config)

    def execute(self, requests):
        responses = []
        for request in requests:
            array = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            assert pb_utils.get_input_tensor_by_name(request, "HINT") is None
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array)]))
        return responses
"""

# Counts what it sees, as Triton's example does.
METERED = """
class TritonPythonModel:
    def initialize(self, args):
        self.family = pb_utils.MetricFamily(
            name="requests_seen", description="Requests.", kind=pb_utils.MetricFamily.COUNTER)
        self.metric = self.family.Metric(labels={"model": args["model_name"], "version": "1"})
        self.sizes = pb_utils.MetricFamily(
            name="sizes", description="Sizes.", kind=pb_utils.MetricFamily.HISTOGRAM)
        self.size = self.sizes.Metric(labels={}, buckets=[1, 10])

    def execute(self, requests):
        self.metric.increment(len(requests))
        self.size.observe(2.5)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("y", np.zeros((2,), np.float32))])
                for _ in requests]
"""

LOGS = """
class TritonPythonModel:
    def initialize(self, args):
        pb_utils.Logger.log_info("began " + args["model_instance_name"])

    def execute(self, requests):
        logger = pb_utils.Logger
        logger.log_warn("a warning")
        logger.log("an error", logger.ERROR)
        logger.log_verbose("for debugging")
        return [pb_utils.InferenceResponse([pb_utils.Tensor("y", np.zeros((2,), np.float32))])
                for _ in requests]

    def finalize(self):
        pb_utils.Logger.log_info("ended")
        raise RuntimeError("which is only logged")
"""

REFUSES = """
class TritonPythonModel:
    def initialize(self, args):
        raise pb_utils.TritonModelException("the weights are missing")

    def execute(self, requests):
        return []
"""

HALF = """
class TritonPythonModel:
    def initialize(self, args):
        if args["model_instance_name"].endswith("_1"):
            raise RuntimeError("only one of these fits")

    def finalize(self):
        pb_utils.Logger.log_info("let go")

    def execute(self, requests):
        return []
"""

FOUR = {"INPUT0": np.ones((1, 4), np.float32)}


@pytest.fixture(scope="module", params=["none", "process"])
def where(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return isolation(kind)


def why_not_ready(repository: Path, name: str, *flags: str) -> str:
    """What a client of a model that failed to load is told."""
    with RunningServer(repository, flags=flags) as running:
        with Client(running.grpc, retry=None) as client, pytest.raises(Unavailable) as refused:
            client.infer(name, FOUR, timeout=10)
        return refused.value.why


def test_a_model_completes_its_configuration(where: str, tmp_path: Path) -> None:
    add_triton(tmp_path, "completes", COMPLETES, where, inputs=[], outputs=[])
    x = np.ones((3, 4), np.float32)
    with RunningServer(tmp_path) as running, Client(running.grpc, retry=None) as client:
        metadata = client.model_metadata("completes")
        answer = client.infer("completes", {"INPUT0": x}, timeout=10)
    assert [(t.name, t.datatype, tuple(t.shape)) for t in metadata.inputs] == [
        ("INPUT0", "FP32", (-1, 4)),
        ("HINT", "FP32", (-1, 4)),
    ]
    np.testing.assert_array_equal(answer["OUTPUT0"], x)


def test_a_model_without_a_configuration_completes_an_empty_one(tmp_path: Path) -> None:
    add_triton(tmp_path, "bare", COMPLETES, "")
    (tmp_path / "bare" / "config.pbtxt").unlink()
    with RunningServer(tmp_path) as running, Client(running.grpc, retry=None) as client:
        np.testing.assert_array_equal(client.infer("bare", FOUR)["OUTPUT0"], FOUR["INPUT0"])


def test_nothing_is_completed_where_that_is_disabled(where: str, tmp_path: Path) -> None:
    add_triton(tmp_path, "completes", COMPLETES, where, inputs=[], outputs=[])
    why = why_not_ready(tmp_path, "completes", "--disable-auto-complete-config=true")
    assert "wanted at least one `input` in config.pbtxt" in why


def test_a_model_that_completes_to_what_is_not_served_says_so(where: str, tmp_path: Path) -> None:
    call = 'set_model_transaction_policy({"decoupled": True})'
    code = COMPLETES.replace("set_dynamic_batching()", call)
    add_triton(tmp_path, "decoupled", code, where, inputs=[], outputs=[])
    assert "decoupled models are not served yet" in why_not_ready(tmp_path, "decoupled")


def test_a_completion_that_contradicts_the_configuration_is_told(
    where: str, tmp_path: Path
) -> None:
    add_triton(tmp_path, "m", COMPLETES, where, inputs=[], outputs=[("OUTPUT0", "TYPE_FP64", [4])])
    why = why_not_ready(tmp_path, "m")
    assert "auto_complete_config of TritonPythonModel in 1/model.py failed: ValueError: " in why
    assert "'OUTPUT0' has data_type 'TYPE_FP32', but the configuration has 'TYPE_FP64'" in why


def test_a_completion_that_returns_something_else_or_dies_is_told(tmp_path: Path) -> None:
    code = COMPLETES.replace("return auto_complete_model_config", "return config")
    add_triton(tmp_path, "m", code, "", inputs=[], outputs=[])
    assert "it returned dict: wanted the ModelConfig" in why_not_ready(tmp_path, "m")
    dies = COMPLETES.replace("return auto_complete_model_config", "import os; os._exit(7)")
    add_triton(tmp_path, "m", dies, isolation("process"), inputs=[], outputs=[])
    assert "its process ended with status 7" in why_not_ready(tmp_path, "m")


def test_a_model_that_completes_for_ever_is_ended(tmp_path: Path) -> None:
    code = COMPLETES.replace("config = auto_complete_model_config.as_dict()", "while True: pass")
    bound = isolation("process") + parameter("penstock.load_seconds_max", "2.5")
    add_triton(tmp_path, "stuck", code, bound, inputs=[], outputs=[])
    assert "took more than 2.5 s (penstock.load_seconds_max)" in why_not_ready(tmp_path, "stuck")


def test_an_archived_environment_is_refused(tmp_path: Path) -> None:
    add_triton(tmp_path, "packed", METERED, parameter("EXECUTION_ENV_PATH", "env.tar.gz"))
    why = why_not_ready(tmp_path, "packed")
    assert "EXECUTION_ENV_PATH is set, but packed conda environments are not unpacked" in why


def test_a_model_that_cannot_be_initialized_is_not_ready_and_says_why(
    where: str, tmp_path: Path
) -> None:
    add_triton(tmp_path, "refuses", REFUSES, where)
    why = why_not_ready(tmp_path, "refuses")
    assert "TritonPythonModel of 1/model.py failed to initialize: the weights are missing" in why


def test_instances_that_were_made_before_one_failed_are_finalized(tmp_path: Path) -> None:
    add_triton(tmp_path, "half", HALF, "instance_group { count: 2 }")
    with RunningServer(tmp_path) as running:
        running.drain()
        assert running.wait() == 0
        assert running.log().count("let go") == 1


# Sees its tensors in the shape that the configuration gives them, and is warmed up so.
RESHAPED = """
class TritonPythonModel:
    def initialize(self, args):
        self.calls = 0

    def execute(self, requests):
        responses = []
        self.calls += 1
        for request in requests:
            x = pb_utils.get_input_tensor_by_name(request, "x").as_numpy()
            assert x.shape[1:] == (2, 2), x.shape
            if "other" in request.requested_output_names():
                other = [pb_utils.Tensor("other", x + 1)]
            else:
                other = []
            calls = np.full((len(x), 1), self.calls, np.int32)
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("y", x),
                                                         pb_utils.Tensor("calls", calls), *other]))
        return responses
"""


def test_a_model_may_be_warmed_up_and_see_other_shapes_than_its_callers(
    where: str, tmp_path: Path
) -> None:
    def tensor(kind: str, name: str) -> str:
        shape = "dims: [ 4 ] reshape { shape: [ 2, 2 ] }"
        return f'{kind} {{ name: "{name}" data_type: TYPE_FP32 {shape} }} '

    zeros = 'inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 4 ] zero_data: true } }'
    more = (
        f"{where} max_batch_size: 4 {tensor('input', 'x')} {tensor('output', 'y')} "
        f"{tensor('output', 'other')} "
        f'model_warmup {{ name: "w" batch_size: 2 {zeros} }}'
    )
    add_triton(tmp_path, "m", RESHAPED, more, inputs=[], outputs=[("calls", "TYPE_INT32", [1])])
    x = np.arange(4, dtype=np.float32).reshape(1, 4)
    with RunningServer(tmp_path) as running, Client(running.grpc, retry=None) as client:
        answer = client.infer("m", {"x": x}, outputs=["y", "calls"], timeout=10)
        np.testing.assert_array_equal(answer["y"], x)
        assert answer["calls"].tolist() == [[2]]
        both = client.infer("m", {"x": x}, timeout=10)
        np.testing.assert_array_equal(both["other"], x + 1)


def test_what_a_model_counts_is_on_the_metrics_page(tmp_path: Path) -> None:
    add_triton(tmp_path, "metered", METERED, "")
    with RunningServer(tmp_path) as running, Client(running.grpc, retry=None) as client:
        for _ in range(3):
            client.infer("metered", {"x": np.zeros(2, np.float32)}, timeout=10)
        assert running.counted("requests_seen", model="metered", version="1") == 3
        assert running.counted("sizes_bucket", le="10") == 3
        assert running.counted("sizes_sum") == 7.5


def test_a_model_in_a_process_of_its_own_is_told_that_it_has_no_metrics(tmp_path: Path) -> None:
    add_triton(tmp_path, "metered", METERED, isolation("process"))
    assert "have no metrics of their own yet" in why_not_ready(tmp_path, "metered")


def test_a_models_log_and_its_end_are_the_servers(where: str, tmp_path: Path) -> None:
    add_triton(tmp_path, "logs", LOGS, where)
    with RunningServer(tmp_path, flags=("--log-format=json",)) as running:
        with Client(running.grpc, retry=None) as client:
            client.infer("logs", {"x": np.zeros(2, np.float32)}, timeout=10)
        running.drain()
        assert running.wait() == 0
        lines = [json.loads(line) for line in running.log().splitlines() if line.startswith("{")]
    said = [line for line in lines if line["event"] == "model_said"]
    assert [(line["level"], line["text"]) for line in said] == [
        ("info", "began logs_0"),
        ("warning", "a warning"),
        ("error", "an error"),
        ("info", "ended"),
    ]
    assert {line["model"] for line in said} == {"logs"}
    assert "model_finalize_raised" in {line["event"] for line in lines}
