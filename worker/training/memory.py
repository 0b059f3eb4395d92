"""What a worker trains on, and how much memory that has for a job: its GPU, else this machine.

It does without importing torch, which takes seconds: what PyTorch was built for stands in its version.py, and
nvidia-smi lists the GPUs.
"""

import csv
import logging
import os
import re
import runpy
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)

NVIDIA_SMI = (
    "nvidia-smi",
    "--query-gpu=index,uuid,memory.total,mig.mode.current,name",
    "--format=csv,noheader,nounits",
)
NVIDIA_SMI_TIMEOUT_S = 20
UNLIMITED = 2**60
"""Control groups of version 1 have a greater number where there is no limit."""


@dataclass(frozen=True)
class Gpu:
    index: str
    uuid: str
    memory_bytes: int | None
    """None where it has none of its own, but shares the machine's."""
    is_partitioned: bool
    """Whether trainers get instances of it (MIG), whose memory is not known."""
    name: str | None = None


@dataclass(frozen=True)
class TrainingDevice:
    """What a worker's trainers compute on."""

    name: str | None
    """A GPU's, or `cpu`; None where it is not known."""
    memory_bytes: int | None
    """For a job; None where it is not known, as on a GPU that is not NVIDIA's."""


def training_device(reserved_bytes: int = 0) -> TrainingDevice:
    """reserved_bytes  of the machine's memory that jobs can't have"""
    own_bytes = max(0, machine_memory_bytes() - reserved_bytes)
    backend = torch_backend(os.environ)
    if backend == "other":
        return TrainingDevice(None, None)
    if backend == "cuda":
        try:
            gpus = list_gpus()
        except subprocess.TimeoutExpired:
            log.warning("nvidia-smi does not answer: it is not known how much memory the GPU has")
            return TrainingDevice(None, None)
        if gpus:
            gpu = visible_gpu(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))
            if gpu is None or gpu.is_partitioned:
                return TrainingDevice(None if gpu is None else gpu.name, None)
            memory_bytes = own_bytes if gpu.memory_bytes is None else gpu.memory_bytes
            return TrainingDevice(gpu.name, memory_bytes)
    return TrainingDevice("cpu", own_bytes)


def torch_backend(environment: Mapping[str, str]) -> Literal["cpu", "cuda", "other"]:
    """What PyTorch is built for, and the environment lets it use."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return "cpu"
    version = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
    if version.get("hip"):
        return "other"
    is_hidden = environment.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")
    return "cuda" if version.get("cuda") and not is_hidden else "cpu"


def list_gpus() -> list[Gpu]:
    """NVIDIA's GPUs; none if nvidia-smi is missing or fails, as CUDA does then. raises TimeoutExpired"""
    try:
        result = subprocess.run(
            NVIDIA_SMI, capture_output=True, text=True, check=True, timeout=NVIDIA_SMI_TIMEOUT_S
        )
    except (OSError, subprocess.CalledProcessError) as error:
        log.info("no GPU: %s", error)
        return []
    return [parse_gpu(row) for row in csv.reader(result.stdout.splitlines(), skipinitialspace=True) if row]


def parse_gpu(row: list[str]) -> Gpu:
    """One of nvidia-smi's lines: `0, GPU-5ff2..., 81559, Disabled, NVIDIA H100`, memory in MiB."""
    index, uuid, mebibytes, mig, name = (value.strip() for value in row)
    memory_bytes = int(mebibytes) * 2**20 if mebibytes.isdecimal() else None
    return Gpu(index, uuid, memory_bytes, mig == "Enabled", name)


def visible_gpu(gpus: list[Gpu], visible: str | None) -> Gpu | None:
    """The one that a trainer uses, which is the first that it sees; None if that is none of these.

    visible  CUDA_VISIBLE_DEVICES: numbers, or beginnings of UUIDs
    """
    first = gpus[0].index if visible is None else visible.split(",")[0].strip()
    return next((gpu for gpu in gpus if gpu.index == first or gpu.uuid.startswith(first)), None)


def machine_memory_bytes(root: Path = Path("/")) -> int:
    """This machine's memory, or what this process's control groups leave it, if that is less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *control_group_limits(root)])


def control_group_limits(root: Path) -> list[int]:
    """The memory limits of this process's control groups and of all those around them.

    Source of the formats: cgroups(7) for /proc/self/cgroup, and the kernel's cgroup-v2 and cgroup-v1/memory.
    """
    mounted = root / "sys/fs/cgroup"
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    limits = []
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers == "":
            folder, name = mounted, "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = mounted / "memory", "memory.limit_in_bytes"
        else:
            continue
        inner = folder / path.lstrip("/")
        for outer in (inner, *inner.parents):
            if outer.is_relative_to(folder):
                limits += read_limit(outer / name)
    return limits


def read_limit(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []  # the root has none, and a container does not see the groups outside it
    return [int(text)] if re.fullmatch("[0-9]+", text) and int(text) < UNLIMITED else []
