# SPDX-License-Identifier: Apache-2.0
"""The pure parts of the benchmarks: what they send, what they read, what they compute.

Nothing is timed here.
"""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from benchmarks import compare, h2load, messages, tensors

_PRINTED = """\
starting benchmark...
spawning thread #0: 8 total client(s). 1000 total requests
Application protocol: h2c
progress: 100% done

finished in 482.31ms, 2073.36 req/s, 273.3KB/s
requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 131.84KB (135006) total, 1.95KB (201) headers (space savings 94.7%), 102.54KB (105000) data
                     min         max         mean         sd        +/- sd
time for request:       51us      8.38ms       480us       935us    91.75%
"""

_ROWS = np.arange(16, dtype=np.float32).reshape(1, 16)


def _response(raw: bytes) -> bytes:
    tensor = b"\x0a\x07OUTPUT0\x12\x04FP32\x1a\x02\x01\x10"
    head = b"\x0a\x08identity\x12\x011" + b"\x2a" + bytes([len(tensor)]) + tensor
    return head + b"\x32" + bytes([len(raw)]) + raw


def test_a_request_is_the_bytes_that_protobuf_would_write() -> None:
    request = messages.encode_request("m", (1, 300), b"\x01\x02")
    assert request == (
        b"\x0a\x01m"
        b"\x2a\x13"
        + b"\x0a\x06INPUT0"
        + b"\x12\x04FP32"
        + b"\x1a\x03\x01\xac\x02"
        + b"\x3a\x02\x01\x02"
    )


def test_a_message_is_framed_by_a_flag_and_a_big_endian_length() -> None:
    assert messages.framed(b"abc") == b"\x00\x00\x00\x00\x03abc"
    assert struct.unpack(">BI", messages.framed(bytes(70_000))[:5]) == (0, 70_000)


def test_a_response_is_read_field_by_field() -> None:
    answer = messages.decode_response(_response(_ROWS.tobytes()))
    assert answer.model == "identity"
    assert answer.names == ("OUTPUT0",)
    assert answer.datatypes == ("FP32",)
    assert answer.shapes == ((1, 16),)
    assert answer.raw == (_ROWS.tobytes(),)


def test_a_response_that_is_cut_short_is_an_error() -> None:
    with pytest.raises(ValueError, match="cut short"):
        messages.decode_response(_response(_ROWS.tobytes())[:-1])


def test_an_echo_of_other_values_is_not_accepted() -> None:
    check = tensors.echoes(_ROWS)
    check(messages.decode_response(_response(_ROWS.tobytes())))
    with pytest.raises(ValueError, match="not the one that was sent"):
        check(messages.decode_response(_response((_ROWS + 1).tobytes())))


def test_an_answer_of_another_shape_is_not_accepted() -> None:
    answer = messages.decode_response(_response(_ROWS.tobytes()))
    with pytest.raises(ValueError, match="shapes"):
        tensors.echoes(_ROWS.reshape(2, 8))(answer)


def test_values_are_close_only_within_the_precision_of_fp32() -> None:
    answer = messages.decode_response(_response(_ROWS.tobytes()))
    tensors.is_close_to(_ROWS * np.float32(1.000001))(answer)
    with pytest.raises(AssertionError):
        tensors.is_close_to(_ROWS * np.float32(1.01))(answer)


def test_h2loads_counts_are_read_from_what_it_prints() -> None:
    outcome = h2load.parse(_PRINTED)
    assert outcome == h2load.Outcome(
        seconds=0.48231, total=1000, succeeded=1000, status_2xx=1000, data_bytes=105_000
    )


@pytest.mark.parametrize(
    ("printed", "seconds"),
    [("912us", 912e-6), ("3.50ms", 3.5e-3), ("61.20s", 61.2), ("2m", 120.0)],
)
def test_h2loads_durations_are_read_in_seconds(printed: str, seconds: float) -> None:
    text = _PRINTED.replace("finished in 482.31ms", f"finished in {printed}")
    assert h2load.parse(text).seconds == pytest.approx(seconds)


def test_a_run_of_h2load_that_did_not_finish_is_an_error() -> None:
    with pytest.raises(ValueError, match="did not finish"):
        h2load.parse("starting benchmark...\n")


def test_a_run_in_which_all_is_right_is_accepted() -> None:
    h2load.check(h2load.parse(_PRINTED), requests=1000, answer_bytes=105)


@pytest.mark.parametrize(
    "change",
    [
        ("1000 succeeded, 0 failed", "999 succeeded, 1 failed"),
        ("1000 2xx, 0 3xx, 0 4xx", "999 2xx, 0 3xx, 1 4xx"),
        ("(105000) data", "(0) data"),
        ("(105000) data", "(104895) data"),
    ],
    ids=["a_failure", "a_4xx", "grpc_errors_only", "one_grpc_error"],
)
def test_a_run_with_a_wrong_answer_is_refused(change: tuple[str, str]) -> None:
    assert change[0] in _PRINTED
    outcome = h2load.parse(_PRINTED.replace(*change))
    with pytest.raises(h2load.WrongAnswersError):
        h2load.check(outcome, requests=1000, answer_bytes=105)


def test_h2loads_command_posts_a_grpc_request_in_a_closed_loop() -> None:
    load = h2load.Load(connections=8, streams=16, body=Path("body"))
    argv = h2load.command(load, port=8001, requests=1000)
    line = " ".join(argv)
    assert line.startswith("h2load -n 1000 -c 8 -m 16 -d body ")
    assert "content-type: application/grpc" in argv
    assert argv[-1] == "http://127.0.0.1:8001/inference.GRPCInferenceService/ModelInfer"
    assert not re.search("log-file", line)


def test_latencies_are_read_from_h2loads_log() -> None:
    assert h2load.parse_log("1700000000000000\t200\t91\n1700000000000100\t200\t88\n") == [91, 88]
    with pytest.raises(h2load.WrongAnswersError):
        h2load.parse_log("1700000000000000\t-1\t91\n")


def test_ratios_are_taken_between_runs_that_were_neighbours() -> None:
    ratios = compare.paired_ratios([2.0, 40.0, 9.0], [1.0, 10.0, 3.0])
    assert ratios == compare.Spread(median=3.0, least=2.0, greatest=4.0)


def test_runs_without_a_neighbour_are_an_error() -> None:
    with pytest.raises(ValueError):
        compare.paired_ratios([1.0, 2.0], [1.0])


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(1, 101)]
    assert compare.percentile(values, 50) == 50
    assert compare.percentile(values, 99) == 99
    assert compare.percentile([7.0], 99) == 7


def test_every_other_turn_is_in_reverse() -> None:
    assert compare.turns(["a", "b", "c"], 3) == [["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c"]]
