"""What is read from a browser's trace."""

import json
from typing import Any

import pytest

from benchmarks.browser_trace import main_tasks


def event(name: str, begin_us: int, length_us: int, tid: int = 1, **more: Any) -> dict[str, Any]:
    return {"ph": "X", "pid": 7, "tid": tid, "name": name, "ts": begin_us, "dur": length_us, **more}


def trace_of(*events: dict[str, Any]) -> bytes:
    named = [
        {"ph": "M", "pid": 7, "tid": tid, "name": "thread_name", "args": {"name": name}}
        for tid, name in ((1, "CrRendererMain"), (2, "Compositor"), (3, "CrRendererMain"))
    ]
    return json.dumps({"traceEvents": [*named, *events]}).encode()


def test_a_task_of_two_categories_counts_once_with_the_time_of_its_thread() -> None:
    trace = trace_of(
        event("ThreadControllerImpl::RunTask", 1000, 120_000, tdur=80_000),
        event("RunTask", 1001, 119_990, tdur=79_990),
        event("RunTask", 200_000, 500, tdur=400),
        event("RunTask", 0, 900_000, tid=2),  # of another thread
        event("RunTask", 0, 50_000, tid=3),  # of a page that did less
    )
    found = main_tasks(trace)
    assert [(task.wall_s, task.cpu_s) for task in found] == [(0.12, 0.08), (0.0005, 0.0004)]
    assert len(main_tasks(trace, at_least_s=0.001)) == 1


def test_a_task_is_told_by_what_each_of_its_parts_took_itself() -> None:
    script = {"data": {"url": "http://host/static/charts/curve.js", "lineNumber": 12, "functionName": "draw"}}
    trace = trace_of(
        event("RunTask", 0, 100_000),
        event("FunctionCall", 1000, 90_000, args=script),
        event("Layout", 2000, 30_000),
        event("Layout", 40_000, 10_000),
        event("Paint", 95_000, 4000),
        event("Layout", 100_500, 9000),  # after it
    )
    (task,) = main_tasks(trace)
    assert [(part.name, round(1000 * part.wall_s)) for part in task.parts] == [
        ("FunctionCall draw curve.js:12", 50),
        ("Layout", 40),
        ("Paint", 4),
    ]
    assert task.in_words(1) == "100 ms (100 of the processor): FunctionCall draw curve.js:12 50"


def test_a_trace_without_a_page_is_refused() -> None:
    with pytest.raises(ValueError, match="no main thread"):
        main_tasks(json.dumps({"traceEvents": []}).encode())
