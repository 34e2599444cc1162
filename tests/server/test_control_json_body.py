# SPDX-License-Identifier: Apache-2.0
"""Bodies of control calls: what is read, what is refused, and what is said."""

import pytest

from penstock.control.json_body import BODY_BYTES_MAX, VALUES_MAX, parsed_object
from penstock.errors import ControlError


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "The document is empty. at 0"),
        (b" \n", "The document is empty. at 0"),
        (b"?", "Invalid value. at 0"),
        (b'{"a":', "Invalid value. at 5"),
        (b"{'a':1}", "Missing a name for object member. at 1"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at 5"),
        (b'{"\xc3\xa9":1]', "Missing a comma or a closing bracket. at 7"),
        (b"{} x", "The document root must not be followed by other values. at 3"),
        (b'{"a":"\xff"}', "Invalid encoding in string. at 6"),
        (b"[" * 50_000 + b"]" * 50_000, "Values are nested too deeply. at 0"),
        (rb'{"a":"\ud800"}', "The surrogate pair in string is invalid. at 0"),
        (b'{"a":NaN}', "NaN is no value of JSON"),
        (b'{"a":-Infinity}', "-Infinity is no value of JSON"),
        (b'{"a":' + b"1" * 5000 + b"}", "Exceeds the limit"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(body: bytes, why: str) -> None:
    with pytest.raises(ControlError) as caught:
        parsed_object(body)
    assert str(caught.value).startswith(f"failed to parse the request JSON buffer: {why}")
    assert caught.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[]", "the request JSON is an array: an object is wanted"),
        (b"null", "the request JSON is null: an object is wanted"),
        (b'{"a":1,"b":2,"a":3}', "the request JSON has the member 'a' twice"),
        (b'{"a":{"b":1,"b":1}}', "the request JSON has the member 'b' twice"),
    ],
)
def test_json_that_is_not_meant_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(ControlError) as caught:
        parsed_object(body)
    assert str(caught.value) == why


def test_a_body_is_bounded_in_bytes_unless_files_may_be_in_it() -> None:
    body = b'{"a":"' + b"x" * BODY_BYTES_MAX + b'"}'
    with pytest.raises(ControlError, match=f"may have {BODY_BYTES_MAX} bytes, found"):
        parsed_object(body)
    assert parsed_object(body, bytes_max=None).text("a") == "x" * BODY_BYTES_MAX


def test_a_body_is_bounded_in_values_before_they_are_made() -> None:
    most = b'{"a":[' + b",".join([b"0"] * (VALUES_MAX - 1)) + b"]}"
    assert len(parsed_object(most).value("a")) == VALUES_MAX - 1
    with pytest.raises(ControlError, match=f"may hold {VALUES_MAX} values"):
        parsed_object(most.replace(b"]", b",0]"))


def test_a_surrogate_pair_is_one_character() -> None:
    assert parsed_object(rb'{"a":"\ud83d\ude00"}').text("a") == "\N{GRINNING FACE}"


def test_a_member_that_is_not_there_is_named() -> None:
    with pytest.raises(ControlError, match="non-existing object member 'a'"):
        parsed_object(b"{}").text("a")
