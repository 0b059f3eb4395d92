"""Numbers made readable."""

from client.plain_text import one_line


def or_dash(value: object, pattern: str = "{}") -> str:
    """`value` formatted by `pattern`, or a dash for None."""
    return "-" if value is None else one_line(pattern.format(value))


def as_loss(value: float | None) -> str:
    return or_dash(value, "{:.3f}")


def as_count(value: int | None) -> str:
    return or_dash(value, "{:,}")


def as_duration(seconds: float | None) -> str:
    """Hours, minutes and seconds: `1:02:03`, or `2:03` below an hour."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def as_size(size_bytes: int | None) -> str:
    """Bytes in the largest decimal unit of which there is at least 1: `649.7 MB`."""
    if size_bytes is None:
        return "-"
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def as_flops(count: float) -> str:
    """Floating-point operations in the largest unit of which there is at least 1: `35.5 TFLOP`."""
    for unit in ("", "k", "M", "G", "T", "P", "E"):
        if count < 1000:
            return f"{count:.1f} {unit}FLOP"
        count /= 1000
    return f"{count:,.1f} ZFLOP"
