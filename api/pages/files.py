"""The page: `/`, and the files that it consists of.

They are served as they lie in `static/`, from memory and compressed, without anything having been built. The
page asks for them below a folder that is named by what is in all of them (`Release`). A browser keeps what it
has from there, so that a page that is reloaded asks for `/` alone, which names another folder as soon as any
file is another. By any other name a file is asked for anew (`no-cache`), and answered with 304 while it is
the same.
"""

import gzip
import json
import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, request
from werkzeug.security import safe_join

from api.http.arguments import parse_request
from api.http.problems import HTTPProblem
from api.http.scopes import Scope
from api.server.pools import HEALTH, in_pool
from jobs.validation.quoting import cut
from jobs.validation.request_model import RequestModel

STATIC = str(files("api.pages") / "static")
INDEX = "index.html"
MAIN = "main.js"

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Of the files that are served, by their suffix; no other is. The system's own table may say anything."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

OF_RELEASE = re.compile(r"v-(?P<release>[0-9a-f]{16})/(?P<name>.+)")
IMPORT = re.compile(r'^(?:import|export) [^"\';]*"(\.[^"]+)"', re.MULTILINE)
STYLE = re.compile(r'^await stylesheet\(import\.meta\.url, "([^"]+)"\)', re.MULTILINE)
ROUTES = "page/routes.js"
ROUTE = re.compile(r'path: "([^"]+)".* import\("([^"]+)"\)')
"""In the table of views: where one is, and which module is loaded there."""
FOR_EVER = "public, max-age=31536000, immutable"
"""A year, which is as long as caches are asked to keep anything."""

PUBLIC_FILES = ("pages.index", "pages.static_file")
"""Endpoints of the page and of its files, which a page elsewhere may link to."""

pages = Blueprint("pages", __name__)


class FilePath(RequestModel):
    file: str
    """Relative to the folder of the page's files."""


@dataclass(frozen=True)
class PageFile:
    content: bytes
    gzipped: bytes
    sha256: str


@dataclass(frozen=True)
class Release:
    """All files of the page as they are at one moment."""

    name: str
    """Another one whenever any of them is another."""
    tags: dict[str, str]
    """The sha256 of each, by its path relative to the folder."""
    document: PageFile
    """What `/` answers with."""


@pages.get("/")
@in_pool(HEALTH)
@parse_request(Scope.PUBLIC)
def index() -> Response:
    response = file_response(current_release().document, CONTENT_TYPES[Path(INDEX).suffix])
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@pages.get("/static/<path:file>")
@in_pool(HEALTH)
@parse_request(Scope.PUBLIC)
def static_file(path: FilePath) -> Response:
    """raises  HTTPProblem (404)"""
    named = OF_RELEASE.fullmatch(path.file)
    name = path.file if named is None else named["name"]
    content_type = CONTENT_TYPES.get(Path(name).suffix)
    found = safe_join(STATIC, name)
    if content_type is None or found is None or not Path(found).is_file():
        raise HTTPProblem(HTTPStatus.NOT_FOUND, f"there is nothing at {cut(request.path)}")
    file = read_file(found, Path(found).stat().st_mtime_ns)
    response = file_response(file, content_type)
    # A page of before an upgrade gets what there is now, and is not to keep it.
    if named is not None and is_of(named["release"], name, file):
        response.headers["Cache-Control"] = FOR_EVER
    return response


def file_response(file: PageFile, content_type: str) -> Response:
    is_gzipped = request.accept_encodings.quality("gzip") > 0
    response = Response(file.gzipped if is_gzipped else file.content, content_type=content_type)
    response.headers["Vary"] = "Accept-Encoding"
    if is_gzipped:
        response.headers["Content-Encoding"] = "gzip"
    # A strong tag names bytes, and these are others for each encoding.
    response.set_etag(f"{file.sha256}-gzip" if is_gzipped else file.sha256)
    response.make_conditional(request.environ)
    return response


@lru_cache(maxsize=512)
def read_file(path: str, modified_ns: int) -> PageFile:
    """
    modified_ns  when it was changed: who works on the page sees it without a restart
    """
    return page_file(Path(path).read_bytes())


def page_file(content: bytes) -> PageFile:
    return PageFile(content, gzip.compress(content, mtime=0), sha256(content).hexdigest()[:32])


def current_release() -> Release:
    paths = sorted(path for path in Path(STATIC).rglob("*") if path.suffix in CONTENT_TYPES)
    return release_of(STATIC, tuple((str(path), path.stat().st_mtime_ns) for path in paths))


@lru_cache(maxsize=8)
def release_of(folder: str, paths: tuple[tuple[str, int], ...]) -> Release:
    """
    paths  of each file, and when it was changed
    """
    read = {Path(path).relative_to(folder).as_posix(): read_file(path, changed) for path, changed in paths}
    tags = {name: file.sha256 for name, file in read.items()}
    sources = {name: file.content.decode() for name, file in read.items()}
    name = sha256(repr(tags).encode()).hexdigest()[:16]
    release = Release(name, tags, page_file(document_of(name, sources).encode()))
    releases[name] = release
    return release


def document_of(release: str, sources: dict[str, str]) -> str:
    """`index.html`, which names the release's files, and beside them what is to be asked for at once."""
    first = list(modules_from(MAIN, sources))
    preloads = "".join(f'  <link rel="modulepreload" href="static/{name}">\n' for name in first)
    # Not run, and so no matter of the policy: `page/preload.js` reads it.
    needed = json.dumps(needed_by_views(sources, first))
    views = f'  <script type="application/json" id="views">{needed}</script>\n'
    html = sources[INDEX].replace("</head>", f"{preloads}{views}</head>")
    return html.replace('"static/', f'"static/v-{release}/')


def needed_by_views(sources: dict[str, str], loaded: list[str]) -> dict[str, list[str]]:
    """By route, what its view needs that is not `loaded` by then."""
    needed: dict[str, list[str]] = {}
    for route, imported in ROUTE.findall(sources[ROUTES]):
        view = beside(ROUTES, imported)
        modules = [name for name in (view, *modules_from(view, sources)) if name not in loaded]
        styles = [beside(name, style) for name in modules for style in STYLE.findall(sources[name])]
        needed[route] = [*modules, *dict.fromkeys(styles)]
    return needed


def beside(module: str, relative: str) -> str:
    """The path of a file that a module names relative to itself."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(module), relative))


def modules_from(module: str, sources: dict[str, str]) -> dict[str, None]:
    """The modules that it imports, those that they import, and so on; not those that are loaded on demand."""
    found: dict[str, None] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop(0)
        for imported in IMPORT.findall(sources[name]):
            path = beside(name, imported)
            if path not in found:
                found[path] = None
                waiting.append(path)
    return found


def is_of(name_of_release: str, name: str, file: PageFile) -> bool:
    """Whether the file is what that release has by this name. Releases are remembered, because a page asks
    for a hundred files at once; and the file is compared, since it may have been replaced meanwhile."""
    release = releases.get(name_of_release) or current_release()
    return release.name == name_of_release and release.tags.get(name) == file.sha256


releases: dict[str, Release] = {}
"""Those that this process has seen, by their names."""
