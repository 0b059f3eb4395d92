"""How fast the page is with many jobs and long curves, in chromium, while events stream in.

    python -m benchmarks.page [--jobs 200] [--points 100000] [--seconds 20] [--rounds 3]
                              [--only jobs long running compare]

Starts an API with its broker and stores jobs by the service's own functions: most have ended, one has that
many evaluations, and that one and others are trained by a stub (`benchmarks.page_jobs`). Then looks at the
table of jobs, the long job, a short one that runs, and ten compared:

- the first view, from an empty cache and from a filled one: the seconds by the browser's clock from the
  beginning of the navigation until rows fill the window, or the curves are drawn; what its main thread worked
  until then, and the API beyond what the events take it; and what had been sent once all was there;
- each task of the main thread after that, by the browser's trace (`benchmarks.browser_trace`), while it is
  only looked at, and while curves are zoomed and smoothed, the cursor moves, and tables are sorted.

Beside other work a task takes longer than the browser works on it: what it worked is what counts, and both
are printed. Prints markdown for `benchmarks/LOG.md`; the exit status is 1 if a goal is missed.
"""

import argparse
import itertools
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, sync_playwright

from benchmarks.browser_trace import CATEGORIES, Task, Traffic, main_tasks
from benchmarks.page_jobs import Records, Shown, StubTrainers, store_jobs, stub_trainers
from benchmarks.service import Api, running_api
from benchmarks.streams import cpu_s
from jobs.store.database import Database

FIRST_VIEW_S = 1.0
TASK_S = 0.1
LONG_TASK_S = 0.05
SENT_BYTES = 1e6
RUNNING = 4
"""Jobs that a stub trains, beside the long one."""
SIZE: ViewportSize = {"width": 1280, "height": 900}
PATIENCE_MS = 60_000
BETWEEN_ACTS_MS = 250
TASKS_TOLD = 3
STREAMING_S = 10

Act = Callable[[Page], None]
"""Something that a person does."""


@dataclass(frozen=True)
class View:
    name: str
    link: str
    is_there: str
    """A condition, in JavaScript."""
    acts: list[Act]


@dataclass(frozen=True)
class FirstView:
    seconds: float
    page_cpu_s: float
    """That the main thread worked."""
    api_cpu_s: float
    sent_bytes: float
    """Until all was there, not what was seen first alone."""
    requests: int
    largest: str


def curves(page: Page) -> Locator:
    return page.locator("line-chart .chart-plot").first


def hover(page: Page) -> None:
    """Over the whole of the first chart and back."""
    box = curves(page).bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 60, y)
    page.mouse.move(box["x"] + box["width"] - 20, y, steps=40)
    page.mouse.move(box["x"] + 60, y + 20, steps=40)


def wheel(page: Page) -> None:
    box = curves(page).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
    page.keyboard.down("Control")
    for _ in range(5):
        page.mouse.wheel(0, -120)
        page.wait_for_timeout(30)
    page.keyboard.up("Control")


def drag(page: Page) -> None:
    """A window of the first chart."""
    box = curves(page).bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=20)
    page.mouse.up()


def reset(page: Page) -> None:
    curves(page).dblclick()


def choose(label: str, *values: str) -> Act:
    """The next of them each time."""
    following = itertools.cycle(values)

    def act(page: Page) -> None:
        page.get_by_label(label).first.select_option(next(following))

    return act


def press(name: str) -> Act:
    return lambda page: page.get_by_role("button", name=name, exact=True).first.click()


def tab(name: str) -> Act:
    return lambda page: page.get_by_role("tab", name=name).click()


def keys(page: Page) -> None:
    curves(page).focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")


def scroll(page: Page) -> None:
    page.mouse.move(640, 500)
    for way in (1, -1):
        for _ in range(12):
            page.mouse.wheel(0, way * 400)
            page.wait_for_timeout(16)


def search(page: Page) -> None:
    field = page.get_by_label("Search jobs")
    field.press_sequentially("wide")
    page.wait_for_timeout(BETWEEN_ACTS_MS)
    field.fill("")


def sort(column: str) -> Act:
    return lambda page: page.locator(f'.table-sort[data-column="{column}"]').first.click()


def select_all(page: Page) -> None:
    box = page.get_by_label("Select all")
    box.check()
    page.wait_for_timeout(BETWEEN_ACTS_MS)
    box.uncheck()


LAST_ROW = "[...document.querySelectorAll('jobs-view tbody tr')].at(-1)"
ROWS_FILL_THE_WINDOW = f"{LAST_ROW}?.getBoundingClientRect().bottom >= innerHeight"
SMOOTH = choose("Smoothing", "0.9", "0", "0.6")
OVER = choose("Curves over", "tokens", "time", "epoch", "step")
CURVES = [hover, wheel, hover, SMOOTH, reset, drag, hover, OVER, press("Log scale"), reset]


def views_of(shown: Shown) -> list[View]:
    drawn = "document.querySelectorAll('{} .chart-line[d^=M]').length >= {}"
    compared = ",".join(shown.compared)
    of_job = [*CURVES, keys, tab("Events"), tab("Spec"), tab("Checkpoints")]
    return [
        View(
            "jobs",
            "",
            ROWS_FILL_THE_WINDOW,
            [scroll, sort("best"), search, sort("name"), select_all, sort("age")],
        ),
        View("long", f"#/jobs/{shown.long}", drawn.format(".curves-loss", 2), of_job),
        View("running", f"#/jobs/{shown.running}", drawn.format(".curves-loss", 2), of_job),
        View(
            "compare",
            f"#/compare?ids={compared}",
            drawn.format("compared-curves", len(shown.compared)),
            CURVES,
        ),
    ]


class Bench:
    """A browser on a service, and the verdicts on what was measured."""

    def __init__(self, browser: Browser, api: Api) -> None:
        self.browser = browser
        self.api = api
        self.missed: list[str] = []
        self.streaming_load = 0.0
        """Cores that the API needs for the events alone, to which one page listens."""
        self.told: list[str] = []
        """What is behind the figures."""

    def row(self, name: str, figure: str, goal: str, *, met: bool) -> None:
        print(f"| {name} | {figure} | {goal} | {'yes' if met else '**no**'} |", flush=True)
        if not met:
            self.missed.append(name)

    @contextmanager
    def context(self) -> Iterator[BrowserContext]:
        """With an empty cache."""
        context = self.browser.new_context(viewport=SIZE)
        context.set_default_timeout(PATIENCE_MS)
        try:
            yield context
        finally:
            context.close()

    def first_view(self, page: Page, view: View) -> FirstView:
        session = page.context.new_cdp_session(page)
        traffic = Traffic(session)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        api_s, since = cpu_s(self.api.number), time.monotonic()
        page.goto(f"{self.api.url}/{view.link}", wait_until="commit")
        ended = page.wait_for_function(f"() => {view.is_there} && performance.now()", polling="raf")
        api_s = cpu_s(self.api.number) - api_s - self.streaming_load * (time.monotonic() - since)
        seconds = ended.json_value() / 1000
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        self.settle(page, traffic)
        found = FirstView(
            seconds, metrics["TaskDuration"], api_s, traffic.sent_bytes, traffic.requests, traffic.largest()
        )
        session.detach()
        return found

    def settle(self, page: Page, traffic: Traffic) -> None:
        """Return when nothing more is on its way for a second."""
        quiet_since = time.monotonic()
        while time.monotonic() < quiet_since + 1:
            page.wait_for_timeout(50)
            if not traffic.is_quiet:
                quiet_since = time.monotonic()

    def measure_streaming(self, seconds: float) -> None:
        with self.context() as context:
            page = context.new_page()
            self.first_view(
                page, View("settings", "#/settings", "document.querySelector('main h1') !== null", [])
            )
            before = cpu_s(self.api.number)
            page.wait_for_timeout(1000 * seconds)
            self.streaming_load = (cpu_s(self.api.number) - before) / seconds

    def measure_first_views(self, view: View, rounds: int) -> None:
        cold: list[FirstView] = []
        warm: list[FirstView] = []
        for _ in range(rounds):
            with self.context() as context:
                for views in (cold, warm):
                    page = context.new_page()
                    views.append(self.first_view(page, view))
                    page.close()
        for name, found in (("empty cache", cold), ("filled cache", warm)):
            seconds = [each.seconds for each in found]
            self.row(
                f"{view.name}, {name}: first view, median (max); the main thread and the API until then",
                f"{statistics.median(seconds):.2f} ({max(seconds):.2f}) s; "
                f"{statistics.median(each.page_cpu_s for each in found):.2f} and "
                f"{statistics.median(each.api_cpu_s for each in found):.2f} s",
                f"under {FIRST_VIEW_S:g} s",
                met=statistics.median(seconds) < FIRST_VIEW_S,
            )
        most = max(cold, key=lambda each: each.sent_bytes)
        self.row(
            f"{view.name}: sent, in requests; from a filled cache",
            f"{most.sent_bytes / 1e6:.2f} MB in {most.requests}; {warm[-1].sent_bytes / 1e6:.2f} MB",
            f"under {SENT_BYTES / 1e6:g} MB",
            met=most.sent_bytes < SENT_BYTES,
        )
        self.told.append(f"{view.name}, sent: {most.largest}")

    def measure_tasks(self, view: View, seconds: float, trainers: StubTrainers) -> None:
        with self.context() as context:
            page = context.new_page()
            self.first_view(page, view)
            for name, acts in (("looked at", []), ("used", view.acts)):
                before = trainers.evaluations
                tasks, taken_s = self.traced(page, acts, seconds)
                evaluations = trainers.evaluations - before
                cpu = sorted((task.cpu_s for task in tasks), reverse=True)
                over = [sum(each > limit for each in cpu) for limit in (LONG_TASK_S, TASK_S)]
                longest_s = max(task.wall_s for task in tasks)
                self.row(
                    f"{view.name}, {name} for {taken_s:.0f} s, {evaluations} evaluations: "
                    "the longest task (by the clock); over 50 ms; over 100 ms; the main thread busy",
                    f"{1000 * cpu[0]:.0f} ms ({1000 * longest_s:.0f}); {over[0]}; {over[1]}; "
                    f"{sum(cpu) / taken_s:.0%}",
                    f"none over {1000 * TASK_S:.0f} ms",
                    met=over[1] == 0,
                )
                longest = sorted(tasks, key=lambda task: -task.cpu_s)[:TASKS_TOLD]
                self.told += [f"{view.name}, {name}: {task.in_words()}" for task in longest]

    def traced(self, page: Page, acts: list[Act], seconds: float) -> tuple[list[Task], float]:
        """The tasks of at least so many seconds, and how many they were: until the last act was over."""
        self.browser.start_tracing(page=page, categories=CATEGORIES)
        since = time.monotonic()
        following = itertools.cycle(acts or [lambda _page: None])
        while time.monotonic() < since + seconds:
            next(following)(page)
            page.wait_for_timeout(BETWEEN_ACTS_MS)
        taken_s = time.monotonic() - since
        return main_tasks(self.browser.stop_tracing(), at_least_s=0.001), taken_s


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=["jobs", "long", "running", "compare"])
    arguments = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        parser.error("there is no chromium on PATH")
    with running_api() as api, sync_playwright() as playwright:
        records = Records(Database(api.settings.database), api.settings)
        shown, running = store_jobs(records, arguments.jobs, arguments.points, RUNNING)
        # Root has no sandbox of chromium's, and in containers /dev/shm is small.
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        bench = Bench(browser, api)
        print(f"| {arguments.jobs} jobs, one of {arguments.points:,} points | | goal | met |")
        print("| --- | ---: | --- | --- |", flush=True)
        with stub_trainers(records, running) as trainers:
            bench.measure_streaming(STREAMING_S)
            for view in views_of(shown):
                if arguments.only is None or view.name in arguments.only:
                    bench.measure_first_views(view, arguments.rounds)
                    bench.measure_tasks(view, arguments.seconds, trainers)
        browser.close()
        records.database.close()
    print("\n" + "\n".join(f"- {each}" for each in bench.told))
    print("\nmissed: " + (", ".join(bench.missed) or "nothing"))
    sys.exit(bool(bench.missed))


if __name__ == "__main__":
    main()
