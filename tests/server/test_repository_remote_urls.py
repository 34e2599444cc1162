# SPDX-License-Identifier: Apache-2.0
"""What the URLs of repositories mean, and what is shown of them."""

import pytest

from penstock.errors import RepositoryError
from penstock.repository.remote_urls import is_remote, read_url


@pytest.mark.parametrize(
    ("given", "protocol", "url", "options", "name"),
    [
        ("s3://bucket", "s3", "s3://bucket", {}, "bucket"),
        ("s3://bucket/a/b/", "s3", "s3://bucket/a/b", {}, "b"),
        ("S3://bucket//a", "s3", "s3://bucket/a", {}, "a"),
        (
            "s3://store:9000/bucket/a", "s3", "s3://bucket/a",
            {"endpoint_url": "http://store:9000"}, "a",
        ),
        (
            "s3://https://store:9000/bucket", "s3", "s3://bucket",
            {"endpoint_url": "https://store:9000"}, "bucket",
        ),
        (
            "s3://https://store/bucket/a", "s3", "s3://bucket/a",
            {"endpoint_url": "https://store"}, "a",
        ),
        ("gs://bucket/models", "gs", "gs://bucket/models", {}, "models"),
        (
            "as://account/container/a/b", "abfs", "abfs://container/a/b",
            {"account_name": "account"}, "b",
        ),
        (
            "as://account.blob.core.windows.net/container", "abfs", "abfs://container",
            {"account_name": "account"}, "container",
        ),
        ("https://host/models/", "https", "https://host/models", {}, "models"),
        ("http://[::1]:80/a%20b", "http", "http://[::1]:80/a%20b", {}, "models"),
        ("file:///srv/models", "file", "file:///srv/models", {}, "models"),
        ("memory://models", "memory", "memory://models", {}, "models"),
        ("memory:///a/..", "memory", "memory:///a/..", {}, "models"),
    ],
)  # fmt: skip
def test_a_url_names_a_file_system_and_a_place_in_it(
    given: str, protocol: str, url: str, options: dict[str, str], name: str
) -> None:
    address = read_url(given)
    assert (address.protocol, address.url, address.options) == (protocol, url, options)
    assert address.name == name


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("s3://", "s3://PLACE/PATH"),
        ("s3:///", "s3://PLACE/PATH"),
        ("s3://store:9000/", "s3://HOST:PORT/BUCKET/PATH"),
        ("s3://https://store", "s3://HOST:PORT/BUCKET/PATH"),
        ("as://account/", "as://ACCOUNT/CONTAINER/PATH"),
        ("memory://a\0b", "names no place"),
        ("http:///models", "names no host"),
        ("http://host:99999/models", "names no host"),
        ("http://[host/models", "names no host"),
        ("https://host/models?sig=topsecret", "has a query"),
        ("https://me:topsecret@host/models?sig=topsecret", "has a query"),
        ("s3://https://me:topsecret@host/bucket", "'s3://https://host/bucket' names no place"),
        ("as://me:topsecret@account", "names no place"),
    ],
)
def test_a_url_that_names_no_place_is_refused_with_what_was_wanted(given: str, wanted: str) -> None:
    with pytest.raises(RepositoryError) as caught:
        read_url(given)
    assert wanted in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_folders_of_this_machine_are_no_urls() -> None:
    assert not any(
        map(is_remote, ["models", "/srv/models", "./a:b", "c:/models", "1s3://x", "a//b"])
    )
    assert all(map(is_remote, ["s3://b", "http://h", "git+ssh://h/p"]))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://me:pass%40word@host:444/models", "https://host:444/models"),
        ("sftp://me:pass@host/models", "sftp://host/models"),
        ("s3://bucket/models", "s3://bucket/models"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("abfs://container/a?sig=word", "abfs://container/a"),
    ],
)
def test_a_url_is_shown_without_its_user(given: str, shown: str) -> None:
    address = read_url(given)
    assert address.shown == shown
    assert address.redacted(f"{given}\n failed").endswith(" failed")
    assert "me:" not in address.redacted(given)


def test_no_form_of_a_password_is_shown() -> None:
    address = read_url("https://me:pass%40word@host/models")
    told = address.redacted("of me:pass%40word@host, by pass%40word and by pass@word")
    assert told == "of ***host, by *** and by ***"


def test_each_repository_has_a_folder_of_its_own() -> None:
    urls = [
        "s3://b/m",
        "s3://h:1/b/m",
        "s3://https://h:1/b/m",
        "gs://b/m",
        "http://h/m",
        "https://h/m",
    ]
    assert len({read_url(url).slug for url in urls}) == len(urls)
    # A password that changes leaves the cache where it was.
    assert read_url("http://a:b@h/m").slug == read_url("http://h/m/").slug
