"""What a job would take, as a table for people."""

from client.display.formats import as_count, as_duration, as_flops, as_size
from client.http.types import JSON
from client.plain_text import one_line

INDENT = "  "
NAMES = {"flops": "FLOPs", "disk_bytes": "disk", "time_s": "time", "time_on": "time"}
"""Of rows, where they are not those of the fields."""


def print_estimate(estimate: JSON) -> None:
    """Parameters, work, memory, disk and time, each with what it is made of."""
    rows = [
        ("fits", "yes" if estimate["fits"] else "no"),
        *parameter_rows(estimate["parameters"]),
        *work_rows(estimate),
        *cost_rows(estimate),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {one_line(value)}")
    unknown = {NAMES.get(name, name): why for name, why in estimate.get("unknown", {}).items()}
    for reason in dict.fromkeys(unknown.values()):
        names = [name.replace("_", " ") for name, why in unknown.items() if why == reason]
        print(f"\nNot known: {one_line(', '.join(names))}: {one_line(reason)}.")


def parameter_rows(parameters: JSON) -> list[tuple[str, str]]:
    block = parameters["block"]
    blocks = f"{as_count(parameters['blocks'])} x {as_count(block['total'])}"
    shown = {
        "token embedding": as_count(parameters["token_embedding"]),
        "position embedding": as_count(parameters["position_embedding"]),
        "blocks": blocks,
        f"{INDENT}attention": as_count(block["attention"]),
        f"{INDENT}feed-forward": as_count(block["feed_forward"]),
        f"{INDENT}norms": as_count(block["norms"]),
        "final norm": as_count(parameters["final_norm"]),
        "head": as_count(parameters["head"]) if parameters["head"] else "the token embedding's",
        "without the head": as_count(parameters["without_head"]),
    }
    inner = [(f"{INDENT}{name}", value) for name, value in shown.items()]
    return [("parameters", as_count(parameters["total"])), *inner]


def work_rows(estimate: JSON) -> list[tuple[str, str]]:
    tokens, flops = estimate.get("tokens"), estimate.get("flops")
    rows = [
        ("windows", as_count(estimate.get("windows"))),
        ("steps", as_count(estimate.get("steps"))),
        (f"{INDENT}in an epoch", as_count(estimate.get("steps_per_epoch"))),
        ("epochs", as_count(estimate.get("epochs"))),
    ]
    if tokens is not None:
        texts = f"{as_count(tokens['train'])} to train on, {as_count(tokens['validation'])} to validate on"
        rows += [("tokens", as_count(tokens["total"])), (f"{INDENT}in the texts", texts)]
    rows += [(name, as_count(estimate.get(name))) for name in ("evaluations", "samples", "checkpoints")]
    if flops is not None:
        rows += [
            ("FLOPs", as_flops(flops["training"] + flops["evaluation"])),
            (f"{INDENT}training", as_flops(flops["training"])),
            (f"{INDENT}evaluation", as_flops(flops["evaluation"])),
        ]
    return rows


def cost_rows(estimate: JSON) -> list[tuple[str, str]]:
    memory, timing = estimate["memory"], estimate.get("time_on")
    held_by = ", ".join(str(memory[name]) for name in ("device", "numerics") if name in memory)
    parts = [
        (f"{INDENT}{name.removesuffix('_bytes').replace('_', ' ')}", as_size(size_bytes))
        for name, size_bytes in memory.items()
        if name.endswith("_bytes") and name != "total_bytes" and isinstance(size_bytes, int)
    ]
    return [
        ("peak memory", f"{as_size(memory.get('total_bytes'))} ({held_by})"),
        *parts,
        ("disk", as_size(estimate.get("disk_bytes"))),
        ("time", as_duration(estimate.get("time_s")) + ("" if timing is None else f" ({timed_on(timing)})")),
    ]


def timed_on(timing: JSON) -> str:
    return f"{timing['worker']}: {timing['device']}, {timing['numerics']}, threads: {timing['threads']}"
