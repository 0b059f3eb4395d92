"""What a view hears of its client."""

from flask import Flask, Response
from flask.testing import FlaskClient

from api.http.streams import CLIENT_HAS_GONE, client_has_gone


def asking() -> FlaskClient:
    """A client of an application that answers what its view hears, asking twice."""
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: Response(f"{client_has_gone()} {client_has_gone()}"))
    return app.test_client()


def test_a_view_hears_each_time_what_the_server_then_says_of_its_client() -> None:
    answers = iter([False, True])
    assert asking().get("/", environ_overrides={CLIENT_HAS_GONE: lambda: next(answers)}).text == "False True"


def test_a_client_is_there_where_the_server_does_not_tell() -> None:
    assert asking().get("/").text == "False False"
