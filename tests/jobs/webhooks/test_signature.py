import hashlib
import hmac

from jobs.webhooks.signature import new_secret, sign


def test_a_receiver_verifies_a_signature_as_the_documentation_says() -> None:
    secret, body = "a secret of the receiver", b'{"id": "delivery-1"}'
    header = sign(secret, 1_800_000_000, body)
    fields = dict(part.split("=", 1) for part in header.split(","))
    expected = hmac.new(secret.encode(), fields["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(fields["v1"], expected)


def test_time_body_and_secret_are_all_signed() -> None:
    signatures = {
        sign(*signed) for signed in (("a", 1, b"x"), ("b", 1, b"x"), ("a", 2, b"x"), ("a", 1, b"y"))
    }
    assert len({signature.partition("v1=")[2] for signature in signatures}) == 4


def test_secrets_are_long_and_never_the_same() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) > 43
