"""What a view hears of its client."""

from contextvars import Context

from api.http.streams import client_has_gone, tell_of_client


def test_a_view_hears_each_time_what_the_server_then_says_of_its_client() -> None:
    answers = iter([False, True])

    def view() -> list[bool]:
        tell_of_client(lambda: next(answers))
        return [client_has_gone(), client_has_gone()]

    assert Context().run(view) == [False, True]


def test_a_client_is_there_where_the_server_does_not_tell() -> None:
    assert client_has_gone() is False
