"""GET / and /static/..."""

import gzip
import json
import re
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.pages import files
from api.pages.files import STATIC

FILES = sorted(
    path.relative_to(STATIC).as_posix()
    for path in Path(STATIC).rglob("*")
    if path.is_file() and path.suffix != ".ts"
)
IMPORTED = re.compile(r"""(?:from|import|import\()\s*["'](\.[^"']+)["']""")


def test_the_page_runs_only_what_the_service_itself_serves(bare_client: FlaskClient) -> None:
    page = bare_client.get("/")
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert re.search(r"<script>|<style|\son\w+=|\sstyle=", page.text) is None


def test_the_page_asks_for_nothing_by_an_absolute_url_so_that_it_works_below_any_path(
    bare_client: FlaskClient,
) -> None:
    links = re.findall(r"""(?:href|src)="([^"]+)\"""", bare_client.get("/").text)
    assert len(links) > 5
    assert all(link.startswith("static/") for link in links)
    for link in links:
        assert bare_client.get(f"/{link}").status_code == 200, link


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_as_what_it_is(bare_client: FlaskClient, name: str) -> None:
    response = bare_client.get(f"/static/{name}")
    assert response.status_code == 200
    assert response.data == (Path(STATIC) / name).read_bytes()
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "html": "text/html"}
    assert response.mimetype == kinds[name.rpartition(".")[2]]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_every_module_that_is_imported_is_there(name: str) -> None:
    for imported in IMPORTED.findall((Path(STATIC) / name).read_text()):
        if not imported.endswith(".d.ts"):  # of types, in comments
            assert (Path(STATIC) / name).parent.joinpath(imported).is_file(), imported


def test_a_file_is_sent_compressed_to_whoever_takes_it_so(bare_client: FlaskClient) -> None:
    plain = bare_client.get("/static/main.js", headers={"Accept-Encoding": "identity"})
    packed = bare_client.get("/static/main.js", headers={"Accept-Encoding": "br, gzip"})
    refused = bare_client.get("/static/main.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == refused.data
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["ETag"] != plain.headers["ETag"]


def test_a_file_that_the_browser_has_is_not_sent_again(bare_client: FlaskClient) -> None:
    for path in ("/", "/static/main.js"):
        for encoding in ("gzip", "identity"):
            first = bare_client.get(path, headers={"Accept-Encoding": encoding})
            assert first.headers["Cache-Control"] == "no-cache"
            assert not first.headers["ETag"].startswith("W/")
            headers = {"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]}
            again = bare_client.get(path, headers=headers)
            assert (again.status_code, again.data) == (304, b"")
            other = bare_client.get(path, headers={**headers, "If-None-Match": '"other"'})
            assert other.status_code == 200


def test_a_page_that_is_reloaded_asks_for_no_file_that_it_has(bare_client: FlaskClient) -> None:
    links = re.findall(r"""(?:href|src)="([^"]+)\"""", bare_client.get("/").text)
    (folder,) = {link.rsplit("static/", 1)[1].split("/")[0] for link in links}
    for link in [*links, f"static/{folder}/views/job/job_view.js"]:
        assert bare_client.get(f"/{link}").headers["Cache-Control"] == files.FOR_EVER, link


def test_a_file_of_another_release_is_what_there_is_and_not_kept(bare_client: FlaskClient) -> None:
    response = bare_client.get("/static/v-0123456789abcdef/main.js")
    assert response.data == (Path(STATIC) / "main.js").read_bytes()
    assert response.headers["Cache-Control"] == "no-cache"


def test_a_file_that_is_replaced_while_the_service_runs_is_of_another_release(
    bare_client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(STATIC, tmp_path / "static")
    monkeypatch.setattr(files, "STATIC", str(tmp_path / "static"))
    before = bare_client.get("/").text
    (link,) = re.findall(r'src="(static/[^"]+main.js)"', before)
    (tmp_path / "static" / "main.js").write_text("export {};\n")
    late = bare_client.get(f"/{link}")
    assert (late.text, late.headers["Cache-Control"]) == ("export {};\n", "no-cache")
    assert bare_client.get("/").text != before
    beside = link.replace("main.js", "theme.js")
    assert bare_client.get(f"/{beside}").headers["Cache-Control"] == files.FOR_EVER


def test_the_frame_needs_no_module_that_the_page_does_not_name_at_once(bare_client: FlaskClient) -> None:
    """So that a browser asks for all of them at once, and not for one after the other."""
    named = re.findall(r'rel="modulepreload" href="static/[^/]+/([^"]+)"', bare_client.get("/").text)
    assert "page/shell.js" in named
    for name in ["main.js", *named]:
        lines = [
            line
            for line in (Path(STATIC) / name).read_text().splitlines()
            if not line.startswith(("/*", " *"))
        ]
        for imported in re.findall(r"""(?:from |^import )"(\.[^"]+)\"""", "\n".join(lines), re.MULTILINE):
            path = (Path(STATIC) / name).parent.joinpath(imported).resolve().relative_to(STATIC)
            assert path.as_posix() in named
    assert not any(name.startswith("views/job") for name in named)


def test_the_document_lists_all_that_a_view_needs_beside_the_frame(bare_client: FlaskClient) -> None:
    html = bare_client.get("/").text
    frame = re.findall(r'rel="modulepreload" href="static/[^/]+/([^"]+)"', html)
    (listed,) = re.findall(r'<script type="application/json" id="views">(.*)</script>', html)
    views = json.loads(listed)
    routes = (Path(STATIC) / "page/routes.js").read_text()
    assert list(views) == re.findall(r'path: "([^"]+)"', routes)
    for name in views["/jobs/:id"]:
        path = Path(STATIC) / name
        assert path.is_file()
        assert name not in frame
        for imported in re.findall(r"""^import .*"(\.[^"]+)\"""", path.read_text(), re.MULTILINE):
            needed = path.parent.joinpath(imported).resolve().relative_to(STATIC).as_posix()
            assert needed in views["/jobs/:id"] or needed in frame
    assert {"views/job/job_view.js", "charts/line_chart.js", "views/job/job.css"} <= set(views["/jobs/:id"])


@pytest.mark.parametrize(
    "path",
    [
        "v-0123456789abcdef/../../files.py",
        "v-0123456789abcdef/",
        "none.js",
        "../files.py",
        "%2e%2e/files.py",
        "types/records.d.ts",
        "style",
        "page/",
        ".",
        "main",
    ],
)
def test_nothing_else_is_served(bare_client: FlaskClient, path: str) -> None:
    response = bare_client.get(f"/static/{path}")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
