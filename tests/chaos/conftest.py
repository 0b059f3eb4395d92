"""Faults injected into real processes, and a table of what was injected and what it broke.

`make chaos` runs everything (`--thorough`); without it each test injects its fault fewer times, and those
that need root or Debian's strace and faketime, marked `thorough`, are left to `make chaos`.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.backends import RedisServer, running_redis
from tests.chaos.attempts import Attempts
from tests.chaos.faults import PROMISES, Fault, table
from tests.chaos.proxy import Proxy
from tests.chaos.service import Service
from tests.chaos.services import Services

TOOLS = ("strace", "faketime")
PROPERTY = "fault"
"""Under which a test's report has its fault."""
HAS_FAILED = pytest.StashKey[bool]()

Within = Callable[[float], float]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="seed of the random moments")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(number): the fault that the test injects")
    config.addinivalue_line(
        "markers", "alone: takes the whole machine, or measures what other work beside it would change"
    )
    if config.getoption("--thorough"):
        missing = [f"Debian's {tool}" for tool in TOOLS if shutil.which(tool) is None]
        missing += [] if os.geteuid() == 0 else ["root (to mount a small disk and to limit memory)"]
        if missing:
            pytest.exit(f"make chaos needs {' and '.join(missing)}", returncode=1)


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    chosen: bool = request.config.getoption("--thorough")
    return chosen


@pytest.fixture
def within(thorough: bool) -> Within:
    """How long what is promised within some seconds may take: no longer in `make chaos`, which has the
    machine to itself; elsewhere several times as long, and long enough for any process to stand still for
    seconds: no promise is about a machine that does other work as well, not even of a test that is alone."""
    return lambda promised_s: promised_s if thorough else 5 * promised_s + 10


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """Of the random moments; printed, so that a run can be repeated with --seed."""
    given: int | None = request.config.getoption("--seed", default=None)
    chosen = int.from_bytes(os.urandom(4)) if given is None else given
    print(f"seed {chosen}")
    return chosen


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Iterator[Fault]:
    """The fault that the test is marked with. The test fails if a promise was not kept, or none was tried."""
    marker = request.node.get_closest_marker("fault")
    found = Fault(marker.args[0])
    assert found.number in PROMISES
    yield found
    found.expect(found.injected > 0, "the fault was not injected")
    # Reports carry it to the process that writes the table.
    request.node.user_properties.append((PROPERTY, asdict(found)))
    assert not found.violations, "not as promised:\n" + "\n".join(found.violations)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that fails in any other way is a violation, too."""
    report = yield
    if report.failed:
        item.stash[HAS_FAILED] = True
    found = getattr(item, "funcargs", {}).get("fault")
    if report.failed and isinstance(found, Fault) and not found.violations:
        found.violations.append(str(call.excinfo))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    ended = [dict(report.user_properties) for report in reports if getattr(report, "when", "") == "teardown"]
    if faults := [Fault(**properties[PROPERTY]) for properties in ended if PROPERTY in properties]:
        terminalreporter.section("faults")
        for line in table(faults):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One that the test may restart, empty and stop."""
    with running_redis(standalone=True) as server:
        yield server


@pytest.fixture(scope="session")
def services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer
) -> Iterator[Services]:
    # A spare trainer starts anew with each worker and after each job, and few tests give it one to train.
    spare_trainer = request.getfixturevalue("thorough")
    found = Services(
        tmp_path_factory,
        redis_server,
        lambda: request.getfixturevalue("postgres"),
        spare_trainer=spare_trainer,
    )
    yield found
    found.close()


Serve = Callable[..., Service]
MakeProxy = Callable[[int | Path], Proxy]


@pytest.fixture
def serve(request: pytest.FixtureRequest, services: Services) -> Iterator[Serve]:
    """Starts services, or hands over the one of the test before: see `Services`."""
    yield services.start
    violated = getattr(request.node.funcargs.get("fault"), "violations", [])
    services.end_test(passed=HAS_FAILED not in request.node.stash and not violated)


@pytest.fixture
def proxy() -> Iterator[MakeProxy]:
    """Makes proxies to ports or Unix sockets of this machine."""
    made: list[Proxy] = []

    def make(target: int | Path) -> Proxy:
        made.append(Proxy(target))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attempts]:
    """Attempts at jobs without a service around them."""
    found = Attempts(tmp_path / "data", monkeypatch)
    yield found
    found.close()
