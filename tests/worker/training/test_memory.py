import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.training import memory
from worker.training.memory import (
    Gpu,
    TrainingDevice,
    list_gpus,
    machine_memory_bytes,
    torch_backend,
    training_device,
    visible_gpu,
)

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
H100 = "0, GPU-5ff2a1, 81559, Disabled, NVIDIA H100 80GB HBM3"
Install = Callable[..., None]
L4 = "1, GPU-77bb, 23034, [N/A], NVIDIA L4"


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a stand-in on PATH that prints what the test says, and a PyTorch that is built for CUDA."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(memory, "torch_backend", lambda _: "cuda")

    def install(printed: str, status: int = 0) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\nexit {status}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return install


def test_with_a_gpu_it_is_the_gpus_memory_that_counts(
    nvidia_smi: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(f"{H100}\n{L4}")
    assert training_device(2**30) == TrainingDevice("NVIDIA H100 80GB HBM3", 81559 * 2**20)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    assert training_device() == TrainingDevice("NVIDIA L4", 23034 * 2**20)


@pytest.mark.parametrize(
    ("visible", "index"),
    [(None, "0"), ("1", "1"), ("1,0", "1"), ("GPU-77", "1"), ("GPU-5ff2a1,GPU-77bb", "0"), ("MIG-3", None)],
)
def test_the_gpu_is_the_first_that_a_trainer_sees(visible: str | None, index: str | None) -> None:
    gpus = [Gpu("0", "GPU-5ff2a1", 1, False), Gpu("1", "GPU-77bb", 1, False)]
    gpu = visible_gpu(gpus, visible)
    assert (gpu and gpu.index) == index


def test_a_gpu_without_memory_of_its_own_shares_the_machines(nvidia_smi: Install) -> None:
    nvidia_smi("0, GPU-1, [N/A], [N/A], NVIDIA GB10")
    assert training_device(2**20).memory_bytes == machine_memory_bytes() - 2**20


@pytest.mark.parametrize(
    ("reserved_bytes", "left_bytes"), [(0, PHYSICAL), (2**28, PHYSICAL - 2**28), (2**60, 0)]
)
def test_what_is_reserved_of_the_machines_memory_jobs_do_not_have(
    monkeypatch: pytest.MonkeyPatch, reserved_bytes: int, left_bytes: int
) -> None:
    monkeypatch.setattr(memory, "torch_backend", lambda _: "cpu")
    monkeypatch.setattr(memory, "machine_memory_bytes", lambda: PHYSICAL)
    assert training_device(reserved_bytes) == TrainingDevice("cpu", left_bytes)


def test_what_an_instance_of_a_gpu_has_is_not_known(nvidia_smi: Install) -> None:
    nvidia_smi("0, GPU-1, 81559, Enabled, NVIDIA H100")
    assert training_device().memory_bytes is None


def test_where_cuda_would_find_no_gpu_it_is_the_machines_memory(
    nvidia_smi: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi("No devices were found", status=6)
    assert training_device().memory_bytes == machine_memory_bytes()
    monkeypatch.setenv("PATH", "/nowhere")
    assert list_gpus() == []


def test_a_tool_that_hangs_leaves_the_memory_unknown(
    nvidia_smi: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", 20)

    monkeypatch.setattr(subprocess, "run", hang)
    assert training_device().memory_bytes is None


@pytest.mark.parametrize(
    ("version", "visible", "backend"),
    [
        ("cuda = None\nhip = None", "0", "cpu"),
        ("cuda = '12.8'\nhip = None", "0", "cuda"),
        ("cuda = '12.8'\nhip = None", "", "cpu"),
        ("cuda = '12.8'\nhip = None", "-1", "cpu"),
        ("cuda = None\nhip = '6.4'", "0", "other"),
    ],
)
def test_what_pytorch_is_built_for_is_read_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, visible: str, backend: str
) -> None:
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "version.py").write_text(version)
    spec = type("Spec", (), {"origin": str(package / "__init__.py")})
    monkeypatch.setattr(memory, "find_spec", lambda _: spec)
    assert torch_backend({"CUDA_VISIBLE_DEVICES": visible}) == backend


def make_root(root: Path, groups: str, limits: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, **limits}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/\n", {"sys/fs/cgroup/memory.max": "2147483648\n"}, 2**31),
        ("0::/\n", {"sys/fs/cgroup/memory.max": "max\n"}, PHYSICAL),
        (
            "0::/a/b\n",
            {"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "1073741824\n"},
            2**30,
        ),
        ("5:cpu:/x\n4:memory:/x\n", {"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1073741824\n"}, 2**30),
        ("4:memory:/\n", {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, PHYSICAL),
        ("0::/gone\n", {}, PHYSICAL),
    ],
)
def test_a_control_groups_limit_is_what_a_process_has(
    tmp_path: Path, groups: str, limits: dict[str, str], expected: int
) -> None:
    assert machine_memory_bytes(make_root(tmp_path, groups, limits)) == expected


def test_a_system_without_control_groups_has_all_its_memory(tmp_path: Path) -> None:
    assert machine_memory_bytes(tmp_path) == PHYSICAL
