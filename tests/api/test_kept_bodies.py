from api.kept_bodies import KeptBodies


def test_a_body_is_kept_under_its_tag() -> None:
    bodies = KeptBodies()
    assert bodies.get("a") is None
    bodies.keep("a", b"first")
    bodies.keep("b", b"second")
    assert (bodies.get("a"), bodies.get("b")) == (b"first", b"second")


def test_what_was_asked_for_longest_ago_makes_room() -> None:
    bodies = KeptBodies(max_bytes=20)
    bodies.keep("a", b"a" * 9)
    bodies.keep("b", b"b" * 9)
    assert bodies.get("a") is not None
    bodies.keep("c", b"c" * 9)
    assert [tag for tag in "abc" if bodies.get(tag)] == ["a", "c"]


def test_a_body_that_is_kept_again_counts_once() -> None:
    bodies = KeptBodies(max_bytes=20)
    for _ in range(5):
        bodies.keep("a", b"a" * 9)
    bodies.keep("b", b"b" * 9)
    assert [tag for tag in "ab" if bodies.get(tag)] == ["a", "b"]


def test_a_body_that_has_no_room_is_not_kept_and_drops_no_other() -> None:
    bodies = KeptBodies(max_bytes=20)
    bodies.keep("a", b"a" * 9)
    bodies.keep("b", b"b" * 21)
    assert [tag for tag in "ab" if bodies.get(tag)] == ["a"]
