import pytest

from jobs.webhooks.url import WebhookURL, parse_webhook_url


@pytest.mark.parametrize(
    ("url", "parts", "host_header"),
    [
        ("https://example.org", WebhookURL("https", "example.org", 443, "/"), "example.org"),
        (
            "HTTP://Example.org:8080/a?b=c",
            WebhookURL("http", "example.org", 8080, "/a?b=c"),
            "example.org:8080",
        ),
        ("https://[::1]:443/x", WebhookURL("https", "::1", 443, "/x"), "[::1]"),
        ("http://[fd00::1]:81", WebhookURL("http", "fd00::1", 81, "/"), "[fd00::1]:81"),
    ],
)
def test_a_url_is_taken_apart(url: str, parts: WebhookURL, host_header: str) -> None:
    assert parse_webhook_url(url) == parts
    assert parse_webhook_url(url).host_header == host_header


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.org", "must begin with https:// or http://"),
        ("file:///etc/passwd", "must begin with https:// or http://"),
        ("example.org/hook", "must begin with https:// or http://"),
        ("https://", "must name a host"),
        ("https://:80/", "must name a host"),
        ("https://example.org:0/", "must name a port"),
        ("https://example.org:99999/", "must name a port from 1 to 65535, or none"),
        ("https://[::1/", "is no URL"),
        ("https://user:secret@example.org/", "must hold no user"),
        ("https://example.org@127.0.0.1/", "must hold no user"),
        ("https://example.org/#a", "must have no fragment"),
        ("https://example.org/a b", "without spaces"),
        ("https://example.org/\r\nX: y", "without spaces"),
        ("https://exämple.org/", "ASCII"),
        ("", "ASCII"),
    ],
)
def test_what_is_wrong_with_a_url_is_said(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_webhook_url(url)
