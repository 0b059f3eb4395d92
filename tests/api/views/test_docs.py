"""GET /docs"""

from flask.testing import FlaskClient


def test_the_documentation_loads_nothing_from_elsewhere(bare_client: FlaskClient) -> None:
    page = bare_client.get("/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "//" not in page.text.replace("<!--", "")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    for asset in ("css/swagger-ui.css", "js/swagger-ui-bundle.js", "images/swagger.svg"):
        assert f"docs/assets/{asset}" in page.text
        assert bare_client.get(f"/docs/assets/{asset}").status_code == 200
    assert bare_client.get("/docs/start.js").mimetype == "text/javascript"
