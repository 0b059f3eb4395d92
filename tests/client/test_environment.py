"""Variables that cannot be used."""

import pytest

from tests.client.conftest import Command


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ALL_PROXY", "ftp://proxy", "a proxy must be"),
        ("HTTP_PROXY", "socks5://proxy:1", "a proxy must be"),
        ("SSL_CERT_FILE", "/absent", "SSL_CERT_FILE=/absent"),
        ("PRETRAIN_TOKEN", "schlüssel", "PRETRAIN_TOKEN: "),
        ("PRETRAIN_TOKEN", "a\nb", "PRETRAIN_TOKEN: "),
        ("PRETRAIN_PORT", "eighty", "PRETRAIN_PORT='eighty': must be "),
        ("PRETRAIN_LEASE_S", "x" * 5000, "PRETRAIN_LEASE_S='xxx"),
        ("PRETRAIN_ARTIFACTS_URL", "s3://bucket", "only a folder or a file:// URL"),
    ],
)
def test_a_variable_that_cannot_be_used_is_a_usage_error_in_plain_words(
    variable: str, value: str, message: str, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    elsewhere = (
        ["--url", "https://service.invalid"] if "PRETRAIN" not in variable or "TOKEN" in variable else []
    )
    outcome = pretrain("jobs", *elsewhere)
    assert outcome.status == 2
    assert message in outcome.err
    assert "Input should" not in outcome.err


def test_a_wrong_variable_is_a_usage_error_that_names_it(
    pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETRAIN_PORT", "eighty")
    outcome = pretrain("up")
    assert outcome.status == 2
    assert "PRETRAIN_PORT='eighty': must be an integer" in outcome.err
