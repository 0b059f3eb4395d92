"""Requests that are not meant for this service are refused before anything else looks at them."""

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError
from werkzeug.test import create_environ, run_wsgi_app

from api.views.docs import PUBLIC_PAGES
from jobs.settings import Settings
from tests.api.conftest import NOWHERE, Serve

PROXY = {"REMOTE_ADDR": "10.1.2.3"}


@pytest.fixture
def client_of(serve: Serve, tmp_path: Path) -> Any:
    """Makes clients of APIs without database and broker, with these settings."""

    def make(**settings: Any) -> FlaskClient:
        nowhere = f"sqlite:///{tmp_path}/none/none.sqlite3"
        return serve(Settings(data_dir=tmp_path, database_url=nowhere, redis_url=NOWHERE, **settings))

    return make


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:1",
        "192.168.1.20:8000",
        "[::1]:8000",
        "[2001:DB8::1]",
        "localhost:",
    ],
)
def test_addresses_and_localhost_are_answered_whatever_the_port(bare_client: FlaskClient, host: str) -> None:
    assert bare_client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "2130706433",
        "127.1",
        "0x7f.0.0.1",
        "999.0.0.1",
        "::1",
        "[::1",
        "[::1]x",
        "[127.0.0.1]",
        "localhost:80:80",
        "localhost:port",
        "localhost:123456",
        "localhost,evil.example",
        "localhost, localhost",
        "localhost evil.example",
        "user@localhost",
        "localhost/",
        "é.example",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/", "/nothing"])
def test_another_host_is_answered_with_421(bare_client: FlaskClient, host: str, path: str) -> None:
    response = bare_client.get(path, headers={"Host": host})
    assert (response.status_code, response.content_type) == (421, "application/problem+json")
    assert "PRETRAIN_ALLOWED_HOSTS" in response.get_json(force=True)["detail"]
    assert len(response.get_json(force=True)["detail"]) < 400
    assert response.headers["X-Request-ID"]


def test_a_request_without_a_host_is_answered_with_421(bare_client: FlaskClient) -> None:
    environ = create_environ("/healthz")
    del environ["HTTP_HOST"]
    _, status, _ = run_wsgi_app(bare_client.application, environ)
    assert status.startswith("421")


def test_the_bound_name_and_the_allowed_ones_are_answered(client_of: Any) -> None:
    client = client_of(host="Box.lan", allowed_hosts="pretrain.example, GPU_box ,api.")
    for host in ("box.lan:8000", "pretrain.example", "gpu_box:1", "PRETRAIN.example.", "api"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200, host
    for host in ("lan", "other.pretrain.example", "example"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 421, host


@pytest.mark.parametrize("name", ["http://pretrain.example", "pretrain.example:8000", "*", "a b"])
def test_an_allowed_host_that_is_no_name_is_refused_at_the_start(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValidationError, match="is no host's name"):
        Settings(data_dir=tmp_path, allowed_hosts=name)


def test_the_lists_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRETRAIN_ALLOWED_HOSTS", "a.example,b.example")
    monkeypatch.setenv("PRETRAIN_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,fd00::/8")
    settings = Settings(data_dir=tmp_path)
    assert settings.allowed_hosts == ("a.example", "b.example")
    assert settings.trusted_proxies == tuple(
        ipaddress.ip_network(network) for network in ("127.0.0.1/32", "10.0.0.0/8", "fd00::/8")
    )
    monkeypatch.setenv("PRETRAIN_TRUSTED_PROXIES", "10.0.0.1/8")
    with pytest.raises(ValidationError, match=r"'10\.0\.0\.1/8' is no address and no network"):
        Settings(data_dir=tmp_path)


FOREIGN = {
    "another name": {"Origin": "http://evil.example"},
    "another port": {"Origin": "http://localhost:3000"},
    "another scheme": {"Origin": "https://localhost"},
    "an opaque one": {"Origin": "null"},
    "an empty one": {"Origin": ""},
    "no URL": {"Origin": "http://[::1"},
    "a name that begins alike": {"Origin": "http://localhost.evil.example"},
    "a file": {"Origin": "file://localhost"},
    "an image elsewhere": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Dest": "image",
    },
    "a page of another port": {"Sec-Fetch-Site": "same-site"},
    "a site that nobody knows": {"Sec-Fetch-Site": "elsewhere"},
    "a long one": {"Origin": "http://" + "x" * 5000},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_what_a_page_elsewhere_sends_is_answered_with_403(
    bare_client: FlaskClient, headers: dict[str, str]
) -> None:
    for method, path in (
        ("POST", "/jobs/job-0/cancel"),
        ("POST", "/jobs"),
        ("DELETE", "/jobs/job-0"),
        ("OPTIONS", "/jobs"),
        ("GET", "/jobs/job-0"),
        ("GET", "/generate?prompt=a"),
        ("GET", "/healthz"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
        ("POST", "/docs"),
    ):
        response = bare_client.open(path, method=method, headers=headers)
        assert (response.status_code, response.content_type) == (403, "application/problem+json"), (
            method,
            path,
        )
        assert len(response.data) < 1000


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_page_elsewhere_may_lead_to_the_plain_pages(
    bare_client: FlaskClient, headers: dict[str, str]
) -> None:
    for path in ("/", "/docs", "/docs/start.js", "/docs/assets/css/swagger-ui.css"):
        for method in ("GET", "HEAD"):
            assert bare_client.open(path, method=method, headers=headers).status_code == 200, path


def test_every_plain_page_is_an_endpoint_that_only_reads(bare_client: FlaskClient) -> None:
    rules = {rule.endpoint: rule for rule in bare_client.application.url_map.iter_rules()}
    assert set(PUBLIC_PAGES) <= set(rules)
    assert all(rules[page].methods == {"GET", "HEAD", "OPTIONS"} for page in PUBLIC_PAGES)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8000", "Host": "localhost:8000", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost", "Host": "localhost:80"},
        {"Origin": "http://LOCALHOST", "Host": "localhost"},
        {"Origin": "http://[::1]:8000", "Host": "[::1]:8000"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
def test_what_the_services_own_pages_and_programs_send_is_taken(
    bare_client: FlaskClient, headers: dict[str, str]
) -> None:
    assert bare_client.get("/healthz", headers=headers).status_code == 200
    assert (
        bare_client.post("/jobs", headers=headers, data=b"{", content_type="application/json").status_code
        == 400
    )


def test_a_redirect_never_names_a_host(bare_client: FlaskClient) -> None:
    headers = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "//evil.example",
        "Forwarded": "host=evil.example",
    }
    environ = {"SCRIPT_NAME": "/elsewhere", "HTTP_SCRIPT_NAME": "//evil.example"}
    # A server that had believed the header would have divided the path.
    divided = bare_client.get("/", headers=headers, environ_overrides=environ)
    assert "evil" not in divided.headers.get("Location", "")
    merged = bare_client.get("/jobs//job-0?a=%2f", headers=headers)
    assert (merged.status_code, merged.headers["Location"]) == (308, "/jobs/job-0?a=%2f")
    for rule in bare_client.application.url_map.iter_rules():
        for path in (f"/{rule.rule}", rule.rule.replace("/", "//"), f"{rule.rule}/"):
            response = bare_client.get("/", headers=headers, environ_overrides={"PATH_INFO": path})
            if response.status_code in range(300, 400):
                location = response.headers["Location"]
                assert location.startswith("/"), (path, location)
                assert not location.startswith("//"), (path, location)


SECURE = {
    "Host": "10.0.0.5:8000",
    "X-Forwarded-Host": "pretrain.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/lab",
}


def test_a_trusted_proxy_says_what_was_asked_for(client_of: Any) -> None:
    client = client_of(trusted_proxies="10.0.0.0/8", allowed_hosts="pretrain.example")
    response = client.get("/jobs//job-0", headers=SECURE, environ_overrides=PROXY)
    assert (response.status_code, response.headers["Location"]) == (308, "/lab/jobs/job-0")
    own = SECURE | {"Origin": "https://pretrain.example", "Sec-Fetch-Site": "same-origin"}
    assert client.get("/healthz", headers=own, environ_overrides=PROXY).status_code == 200
    ported = own | {"Origin": "https://pretrain.example:8443"}
    assert client.get("/healthz", headers=ported, environ_overrides=PROXY).status_code == 403
    ported["X-Forwarded-Port"] = "8443"
    assert client.get("/healthz", headers=ported, environ_overrides=PROXY).status_code == 200
    mapped = {"REMOTE_ADDR": "::ffff:10.1.2.3"}
    assert client.get("/healthz", headers=own, environ_overrides=mapped).status_code == 200
    other = SECURE | {"X-Forwarded-Host": "evil.example"}
    assert client.get("/healthz", headers=other, environ_overrides=PROXY).status_code == 421


@pytest.mark.parametrize("peer", ["11.0.0.1", "127.0.0.1", "::1", "", "unix:", "10.0.0.0.1"])
def test_from_any_other_peer_forwarded_headers_count_for_nothing(client_of: Any, peer: str) -> None:
    client = client_of(trusted_proxies="10.0.0.0/8", allowed_hosts="pretrain.example")
    stranger = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "https"}
    response = client.get("/jobs//job-0", headers=SECURE, environ_overrides=stranger)
    assert (response.status_code, response.headers["Location"]) == (308, "/jobs/job-0")
    claimed = SECURE | {"Origin": "https://pretrain.example"}
    assert client.get("/healthz", headers=claimed, environ_overrides=stranger).status_code == 403
    plain = SECURE | {"Origin": "http://10.0.0.5:8000"}
    assert client.get("/healthz", headers=plain, environ_overrides=stranger).status_code == 200
