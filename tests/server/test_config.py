# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import pytest

from penstock.config import ServerOptions, options_as_toml, read_options
from penstock.cores import usable_cores
from penstock.errors import OptionsError


def written(folder: Path, text: str) -> Path:
    path = folder / "penstock.toml"
    path.write_text(text)
    return path


def test_without_a_source_the_defaults_are_tritons_ports() -> None:
    options = read_options()
    assert (options.http_port, options.grpc_port, options.metrics_port) == (8000, 8001, 8002)
    assert options.grpc_infer_thread_count == usable_cores()


def test_a_flag_overrides_the_file_and_the_file_overrides_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, "grpc_port = 9001\nmetrics_port = 9002\n")
    options = read_options(file, {"grpc_port": "7001"})
    assert (options.grpc_port, options.metrics_port, options.exit_timeout_secs) == (7001, 9002, 30)


def test_flags_are_read_as_the_types_of_their_options() -> None:
    options = read_options(
        flags={
            "model_repository": ["a", "b"],
            "exit_on_error": "true",
            "drain_delay_secs": "1.5",
            "log_format": "json",
        }
    )
    assert options.repositories == [Path("a"), Path("b")]
    assert options.exit_on_error is True
    assert options.drain_delay_secs == 1.5
    assert options.log_format == "json"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"grpc_port": "many"}, "--grpc-port: wanted a valid integer, found 'many'."),
        (
            {"grpc_port": "65536"},
            "--grpc-port: wanted a number less than or equal to 65535, found '65536'.",
        ),
        ({"exit_on_error": "perhaps"}, "--exit-on-error: wanted a valid boolean, found 'perhaps'."),
        (
            {"log_level": "loud"},
            "--log-level: wanted 'debug', 'info', 'warning' or 'error', found 'loud'.",
        ),
    ],
)
def test_a_wrong_flag_is_named_with_what_was_wanted_and_found(
    flags: dict[str, str], sentence: str
) -> None:
    with pytest.raises(OptionsError) as caught:
        read_options(flags=flags)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('grpc_port = "8001"', "grpc_port: wanted a valid integer, found '8001'."),
        ('model_repository = "models"', "model_repository: wanted a valid list, found 'models'."),
        ("grpc_prot = 1", "grpc_prot: there is no such option; did you mean grpc_port?"),
        ("[backend_config.python]\nkey = 1", "backend_config.python.key: wanted a valid string"),
    ],
)
def test_a_wrong_line_is_named_by_file_and_key_path(
    tmp_path: Path, text: str, sentence: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(OptionsError) as caught:
        read_options(file)
    assert str(caught.value).startswith(f"{file}: {sentence}")


def test_every_wrong_line_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(OptionsError) as caught:
        read_options(written(tmp_path, "grpc_port = -1\nmetrics_port = 70000\n"))
    assert len(str(caught.value).splitlines()) == 2


def test_a_file_that_is_missing_or_no_toml_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="cannot be read: No such file"):
        read_options(tmp_path / "absent.toml")
    with pytest.raises(OptionsError, match=r"is not TOML: .* line 1"):
        read_options(written(tmp_path, "grpc_port == 1"))


def test_printed_options_read_back_as_the_same(tmp_path: Path) -> None:
    options = read_options(
        flags={
            "model_repository": ['odd "name"\\ é \x7f', "b"],
            "backend_config": ["onnxruntime,default-max-batch-size=8", "default-max-batch-size=4"],
            "allow_metrics": "false",
            "drain_delay_secs": "0.25",
        }
    )
    assert read_options(written(tmp_path, options_as_toml(options))) == options


def test_printed_options_name_every_option() -> None:
    text = options_as_toml(read_options())
    missing = [name for name in ServerOptions.model_fields if f"\n{name} = " not in f"\n{text}"]
    # TOML has no word for what is not set; a table is there only when it holds something.
    assert missing == ["require_signed", "backend_config"]
    assert "\n# require_signed is not set\n" in text


@pytest.mark.parametrize(
    ("flags", "is_required"),
    [
        ({}, False),
        ({"package_public_key": ["a.pub", "b.pub"]}, True),
        ({"package_public_key": ["a.pub"], "require_signed": "true"}, True),
        ({"package_public_key": ["a.pub"], "require_signed": "false"}, False),
        ({"require_signed": "false"}, False),
    ],
)
def test_signatures_are_required_where_there_is_a_key_unless_they_are_not(
    flags: dict[str, Any], is_required: bool, tmp_path: Path
) -> None:
    options = read_options(flags=flags)
    assert options.requires_signatures == is_required
    assert [str(key) for key in options.public_keys] == flags.get("package_public_key", [])
    assert read_options(written(tmp_path, options_as_toml(options))) == options


def test_signatures_without_a_key_are_refused_wherever_each_was_said(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="--require-signed is true, but there is no key"):
        read_options(flags={"require_signed": "true"})
    file = written(tmp_path, "require_signed = true")
    with pytest.raises(OptionsError, match="wanted --package-public-key FILE"):
        read_options(file)
    assert read_options(file, {"package_public_key": ["a.pub"]}).requires_signatures
    keys = written(tmp_path, 'package_public_key = ["a.pub"]')
    assert not read_options(keys, {"require_signed": "false"}).requires_signatures


@pytest.mark.parametrize(
    ("flags", "rows"),
    [
        ([], 64),
        (["default-max-batch-size=4"], 4),
        (["onnxruntime,default-max-batch-size=8", "default-max-batch-size=4"], 8),
        (["python,default-max-batch-size=8"], 64),
    ],
)
def test_the_default_batch_size_is_the_backends_own_before_the_one_for_all(
    flags: list[str], rows: int
) -> None:
    assert read_options(flags={"backend_config": flags}).batch_rows_default("onnxruntime") == rows


@pytest.mark.parametrize("text", ["", "onnxruntime", ",=", "onnxruntime,=1", ",key=1"])
def test_a_backend_setting_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(OptionsError, match="--backend-config: wanted BACKEND,KEY=VALUE"):
        read_options(flags={"backend_config": [text]})


@pytest.mark.parametrize("size", ["0", "-1", "x", str(2**31), "9" * 5000])
def test_a_default_batch_size_that_is_no_number_is_refused(size: str) -> None:
    with pytest.raises(OptionsError, match="--backend-config: wanted a whole number of at least 1"):
        read_options(flags={"backend_config": [f"onnxruntime,default-max-batch-size={size}"]})


def test_settings_of_a_backend_in_the_file_are_kept_beside_those_of_flags(tmp_path: Path) -> None:
    file = written(tmp_path, '[backend_config.onnxruntime]\na = "1"\nb = "2"\n')
    options = read_options(file, {"backend_config": ["onnxruntime,b=3"]})
    assert options.backend_config == {"onnxruntime": {"a": "1", "b": "3"}}


@pytest.mark.parametrize(
    ("wanted", "used"),
    [("default", "console"), ("ISO8601", "console"), ("console", "console"), ("json", "json")],
)
def test_tritons_log_formats_are_the_console(wanted: str, used: str) -> None:
    assert read_options(flags={"log_format": wanted}).log_format == used


@pytest.mark.parametrize(
    ("quota", "cores"), [("150000 100000", 2), ("1000 100000", 1), ("max 100000", None)]
)
def test_cores_are_bounded_by_the_control_groups_quota(
    tmp_path: Path, quota: str, cores: int | None
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    unbounded = usable_cores(tmp_path / "absent")
    assert usable_cores(tmp_path) == min(cores or unbounded, unbounded)
