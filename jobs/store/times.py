"""Points in time, for people and other programs."""

from collections.abc import Iterable
from datetime import UTC, datetime

MAX_TIMESTAMP_S = datetime.max.replace(tzinfo=UTC).timestamp()

SECONDS = [f":{second:02d}." for second in range(60)]
MILLISECONDS = [f"{millisecond:03d}Z" for millisecond in range(1000)]


def as_rfc3339(timestamp_s: float) -> str | None:
    """Seconds since 1970 as UTC text with milliseconds; None for what is no point in time."""
    if not 0 <= timestamp_s < MAX_TIMESTAMP_S:
        return None
    return datetime.fromtimestamp(timestamp_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def all_as_rfc3339(timestamps_s: Iterable[float]) -> list[str | None]:
    """The same of many times, in a quarter of the time where those that follow each other share their minute
    with others."""
    texts: list[str | None] = []
    minute, minute_text = -1, ""
    for timestamp_s in timestamps_s:
        if not 0 <= timestamp_s < MAX_TIMESTAMP_S:
            texts.append(None)
            continue
        # Rounded to microseconds, as `datetime` does, since no float is exact; then cut to milliseconds.
        whole_s = int(timestamp_s)
        microsecond = round((timestamp_s - whole_s) * 1e6)
        if microsecond == 1_000_000:
            whole_s, microsecond = whole_s + 1, 0
        its_minute, second = divmod(whole_s, 60)
        if its_minute != minute:
            minute = its_minute
            minute_text = datetime.fromtimestamp(60 * minute, UTC).isoformat(timespec="minutes")[:16]
        texts.append(minute_text + SECONDS[second] + MILLISECONDS[microsecond // 1000])
    return texts
