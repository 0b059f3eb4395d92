"""What the files of `docker compose` promise, held against them: every service is confined."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
GPU: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())["services"]
VARIABLE = re.compile(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}")
OWN = {name for name, each in SERVICES.items() if each["image"].startswith("pretrain-")}

confined = pytest.mark.parametrize("name", SERVICES)


@confined
def test_a_service_writes_nothing_but_its_volume_and_memory(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert any(entry.startswith("/tmp:") for entry in service["tmpfs"])
    for volume in service.get("volumes", []):
        assert volume.split(":")[0] in ("data", "postgres"), "a folder of the machine's"


@confined
def test_a_service_has_no_privileges_and_gains_none(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges"]
    assert not service.keys() & {"privileged", "devices", "network_mode", "pid", "ipc", "userns_mode"}
    if name == "postgres":  # what its image's entry point needs to become another user than root
        assert set(service["cap_add"]) == {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    else:
        assert "cap_add" not in service


def test_no_service_runs_as_root() -> None:
    assert SERVICES["redis"]["user"] == "redis"
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    for name in OWN:
        target = SERVICES[name]["build"]["target"]
        [stage] = [stage for stage in stages if stage.partition("\n")[0].endswith(f"AS {target}")]
        assert "\nUSER pretrain\n" in stage
        assert "user" not in SERVICES[name]


@confined
def test_memory_and_processes_are_limited_by_variables(name: str) -> None:
    for limit in ("mem_limit", "pids_limit"):
        assert VARIABLE.fullmatch(SERVICES[name][limit])


def test_no_port_is_published_but_the_apis_and_that_on_loopback() -> None:
    assert {name for name, each in SERVICES.items() if "ports" in each} == {"api"}
    assert SERVICES["api"]["ports"] == ["${PRETRAIN_PUBLISH:-127.0.0.1}:${PRETRAIN_PORT:-8000}:8000"]
    assert SERVICES["api"]["environment"]["PRETRAIN_PUBLISH"] == "${PRETRAIN_PUBLISH:-127.0.0.1}"


def test_redis_has_the_password_by_which_the_services_reach_it() -> None:
    password = "${REDIS_PASSWORD:-pretrain}"
    command = SERVICES["redis"]["command"]
    assert command[command.index("--requirepass") + 1] == password
    assert SERVICES["redis"]["environment"]["REDISCLI_AUTH"] == password
    for name in OWN:
        url = SERVICES[name]["environment"]["PRETRAIN_REDIS_URL"]
        assert url == f"redis://:{password}@redis:6379/0"


def test_the_example_has_every_variable_with_its_default() -> None:
    defaults = {match["name"]: match["default"] for match in VARIABLE.finditer(TEXT)}
    written = dict(line.split("=", 1) for line in EXAMPLE.splitlines() if re.match(r"\w+=", line))
    assert written == defaults


def test_the_gpu_file_gives_a_gpu_to_both_workers_that_compute_on_one() -> None:
    workers = {name for name, each in SERVICES.items() if each["image"] == "pretrain-worker"}
    assert GPU.keys() == workers - {"prepare"}
    for service in GPU.values():
        assert "gpu" in service["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"]


def test_the_gpu_file_takes_nothing_of_the_confinement_back() -> None:
    for service in GPU.values():
        assert service.keys() == {"deploy"}
        assert service["deploy"]["resources"].keys() == {"reservations"}
