"""What a GPU is doing, as NVIDIA's management library (NVML) tells. Its binding is optional."""

import logging
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GpuUse:
    """What NVML does not tell of a card is None."""

    name: str
    utilization: float | None
    """Percent of the last moments in which it computed something."""
    memory_bytes: int | None
    """In use on it, by whatever."""
    power_w: float | None


class GpuMeter:
    """Of the GPU that a trainer computes on, by the environment's CUDA_VISIBLE_DEVICES: its number, or its
    UUID's beginning. raises  GpuUnknown where NVML, its binding or the GPU is missing"""

    def __init__(self, visible: str | None) -> None:
        try:
            import pynvml
        except ImportError as error:
            raise GpuUnknown("nvidia-ml-py is not installed") from error
        self._nvml: Any = pynvml
        try:
            pynvml.nvmlInit()
            self._handle = self._find((visible or "0").split(",")[0].strip())
            self._name = str(pynvml.nvmlDeviceGetName(self._handle))
        except pynvml.NVMLError as error:
            raise GpuUnknown(f"NVML: {error}") from error

    def _find(self, first: str) -> Any:
        if first.isdecimal():
            return self._nvml.nvmlDeviceGetHandleByIndex(int(first))
        for index in range(self._nvml.nvmlDeviceGetCount()):
            handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
            if str(self._nvml.nvmlDeviceGetUUID(handle)).startswith(first):
                return handle
        raise GpuUnknown(f"no GPU is called {first}: it may be an instance of one (MIG)")

    def measure(self) -> GpuUse:
        nvml, handle = self._nvml, self._handle
        utilization = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        power_mw = self._ask(nvml.nvmlDeviceGetPowerUsage, handle)
        return GpuUse(
            name=self._name,
            utilization=None if utilization is None else float(utilization.gpu),
            memory_bytes=None if memory is None else int(memory.used),
            power_w=None if power_mw is None else power_mw / 1000,
        )

    def _ask(self, question: Any, handle: Any) -> Any:
        try:
            return question(handle)
        except self._nvml.NVMLError:  # some cards do not measure all of it
            return None


class GpuUnknown(Exception):
    """Nothing can be said of the GPU, and why."""
