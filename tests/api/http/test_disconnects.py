"""What a view learns of its client."""

from contextvars import Context

from api.http.disconnects import client_disconnected, set_disconnect_check


def test_a_view_hears_each_time_what_the_server_then_says_of_its_client() -> None:
    responses = iter([False, True])

    def view() -> list[bool]:
        set_disconnect_check(lambda: next(responses))
        return [client_disconnected(), client_disconnected()]

    assert Context().run(view) == [False, True]


def test_a_client_is_there_where_the_server_does_not_tell() -> None:
    assert client_disconnected() is False
