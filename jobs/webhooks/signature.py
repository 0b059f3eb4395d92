"""The signature of a delivery: HMAC-SHA256 (RFC 2104) by the webhook's secret, over time and body."""

import hashlib
import hmac
import secrets

SIGNATURE_HEADER = "X-Pretrain-Signature"
ID_HEADER = "X-Pretrain-Delivery"


def new_secret() -> str:
    """256 random bits."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def sign(secret: str, timestamp_s: int, body: bytes) -> str:
    """The header's value: `t=...,v1=...`. `v1` is over the decimal time, a dot and the body's bytes, so that
    a receiver can refuse a delivery that is old."""
    signed = b"%d.%s" % (timestamp_s, body)
    return f"t={timestamp_s},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
