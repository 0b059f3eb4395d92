"""What a browser's main thread did, by the browser's own trace, and what was sent to it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import CDPSession

CATEGORIES = [
    "-*",
    "toplevel",
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "v8",
    "blink.user_timing",
]
"""Tasks, and what they consist of. Without a profile of the code, which would slow it down."""
TASKS = ("RunTask", "ThreadControllerImpl::RunTask")
MAIN_THREAD = "CrRendererMain"
NAMED = ("FunctionCall", "EvaluateScript", "EventDispatch", "FireAnimationFrame", "TimerFire")
"""Whose place in the code, or whose event, is told."""


@dataclass(frozen=True)
class Part:
    """Something that a task consists of, without what is within it."""

    name: str
    wall_s: float


@dataclass(frozen=True)
class Task:
    begun_s: float
    wall_s: float
    cpu_s: float
    """What the thread itself ran: less, where others have the processor meanwhile."""
    parts: list[Part]
    """The longest first."""

    def in_words(self, most: int = 4) -> str:
        parts = ", ".join(f"{part.name} {1000 * part.wall_s:.0f}" for part in self.parts[:most])
        return f"{1000 * self.wall_s:.0f} ms ({1000 * self.cpu_s:.0f} of the processor): {parts}"


def main_tasks(trace: bytes, *, at_least_s: float = 0.0) -> list[Task]:
    """The tasks of the main thread of the page that did most, in their order.

    trace  JSON in the format of Chromium's traces
    """
    events: list[dict[str, Any]] = json.loads(trace)["traceEvents"]
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["ph"] == "M" and event["name"] == "thread_name" and event["args"]["name"] == MAIN_THREAD
    }
    by_thread = {
        thread: sorted(
            (each for each in events if each["ph"] == "X" and (each["pid"], each["tid"]) == thread),
            key=lambda each: (each["ts"], -each.get("dur", 0)),
        )
        for thread in mains
    }
    if not by_thread:
        raise ValueError("the trace has no main thread of a page")
    busiest = max(by_thread.values(), key=lambda each: sum(task["dur"] for task in outermost_tasks(each)))
    return [task_of(task, busiest) for task in outermost_tasks(busiest) if task["dur"] >= 1e6 * at_least_s]


def outermost_tasks(events: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Without those within another: two categories tell of the same task."""
    ends_us = -1.0
    for event in events:
        if event["name"] in TASKS and event["ts"] >= ends_us and "dur" in event:
            ends_us = event["ts"] + event["dur"]
            yield event


def task_of(task: dict[str, Any], events: Sequence[dict[str, Any]]) -> Task:
    begin, end = task["ts"], task["ts"] + task["dur"]
    within = [
        event
        for event in events
        if begin <= event["ts"] and event["ts"] + event.get("dur", 0) <= end and event["name"] not in TASKS
    ]
    own_us: dict[str, float] = {}
    open_: list[dict[str, Any]] = []
    for event in within:
        while open_ and event["ts"] >= open_[-1]["ts"] + open_[-1].get("dur", 0):
            open_.pop()
        own_us[name_of(event)] = own_us.get(name_of(event), 0) + event.get("dur", 0)
        if open_:
            own_us[name_of(open_[-1])] -= event.get("dur", 0)
        open_.append(event)
    parts = sorted((Part(name, us / 1e6) for name, us in own_us.items()), key=lambda part: -part.wall_s)
    return Task(begin / 1e6, task["dur"] / 1e6, task.get("tdur", task["dur"]) / 1e6, parts)


def name_of(event: dict[str, Any]) -> str:
    data = event.get("args", {}).get("data")
    if event["name"] not in NAMED or not isinstance(data, dict):
        return str(event["name"])
    file = str(data.get("url", "")).rpartition("/")[2]
    place = f"{file}:{data.get('lineNumber', '')}" if file else ""
    told = [event["name"], data.get("functionName", ""), data.get("type", ""), place]
    return " ".join(str(each) for each in told if each)


class Traffic:
    """What a page is sent from now on, as it goes through the network: heads and bodies."""

    def __init__(self, session: CDPSession) -> None:
        self._bytes: dict[str, float] = {}
        self._paths: dict[str, str] = {}
        self.open: set[str] = set()
        """Requests that are not over."""
        session.on("Network.requestWillBeSent", self._on_request)
        session.on("Network.responseReceived", self._on_response)
        session.on("Network.dataReceived", self._on_data)
        session.on("Network.loadingFinished", self._on_end)
        session.on("Network.loadingFailed", self._on_end)
        session.send("Network.enable")

    @property
    def sent_bytes(self) -> float:
        return sum(self._bytes.values())

    @property
    def requests(self) -> int:
        return len(self._paths)

    @property
    def is_quiet(self) -> bool:
        """Whether all but the stream of events, which never ends, has come."""
        return all(self._paths[each].startswith("/events") for each in self.open)

    def largest(self, most: int = 5) -> str:
        """What most of it is, in words."""
        found = sorted(self._bytes.items(), key=lambda item: -item[1])[:most]
        return ", ".join(f"{self._paths[each]} {size / 1e3:.0f} kB" for each, size in found)

    def _on_request(self, event: dict[str, Any]) -> None:
        self._paths[event["requestId"]] = "/" + event["request"]["url"].partition("//")[2].partition("/")[2]
        self._bytes[event["requestId"]] = 0
        self.open.add(event["requestId"])

    def _on_response(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] = event["response"]["encodedDataLength"]

    def _on_data(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] += event["encodedDataLength"]

    def _on_end(self, event: dict[str, Any]) -> None:
        self.open.discard(event["requestId"])
        if "encodedDataLength" in event:
            self._bytes[event["requestId"]] = event["encodedDataLength"]
