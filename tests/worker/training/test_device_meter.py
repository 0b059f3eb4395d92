import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from tests.clocks import replace_clock
from tests.waiting import PATIENCE_S, wait_until
from worker.training import device_meter
from worker.training.device_meter import DeviceMeter
from worker.training.gpu_meter import GpuMeter, GpuUnknown

BUSY = "print('on', flush=True)\nwhile True: pass"


def test_a_process_is_measured_again_and_again_until_it_has_exited() -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    meter = DeviceMeter(process.pid, interval_s=0.01)
    meter.start()
    first = wait_until(meter.take)
    assert meter.take() is None or first.at_s < time.monotonic()
    assert first.memory_bytes is not None
    assert first.memory_bytes > 1_000_000
    assert first.gpu is None
    wait_until(lambda: (later := meter.take()) is not None and (later.cpu_s or 0) > (first.cpu_s or 0))
    process.kill()
    process.wait()
    meter.join(PATIENCE_S)
    assert not meter.is_alive()
    assert meter.try_to_measure() is None


def test_a_stall_while_it_is_measured_makes_no_processor_of_more_than_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stalls_s = iter([1000.0, 0.0])
    now_s = 0.0

    def use(_: int) -> tuple[float, int]:
        """Of a process that is always on one processor."""
        nonlocal now_s
        cpu_s, now_s = now_s, now_s + next(stalls_s, 0.0)
        return cpu_s, 1

    monkeypatch.setattr(device_meter, "process_use", use)
    replace_clock(monkeypatch, device_meter, monotonic=lambda: now_s)
    first = DeviceMeter(1).try_to_measure()
    assert first is not None
    assert first.at_s == first.cpu_s == 1000


class FakeNvml:
    """NVML with two GPUs, of which the second tells less."""

    class NVMLError(Exception):
        pass

    def nvmlInit(self) -> None:
        return None

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index > 1:
            raise self.NVMLError("Invalid Argument")
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}ff2"

    def nvmlDeviceGetName(self, handle: int) -> str:
        return f"NVIDIA A{handle}"

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=97 - handle)

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=2**30 + handle)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        if handle == 1:
            raise self.NVMLError("Not Supported")
        return 351_500


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)  # type: ignore[arg-type]
    return fake


@pytest.mark.parametrize("visible", [None, "0", "0,1", "GPU-0"])
def test_the_gpu_is_the_first_that_the_trainer_sees(nvml: FakeNvml, visible: str | None) -> None:
    use = GpuMeter(visible).measure()
    assert (use.name, use.utilization, use.memory_bytes, use.power_w) == ("NVIDIA A0", 97.0, 2**30, 351.5)


@pytest.mark.parametrize("visible", ["1", "GPU-1ff2", " 1 ,0"])
def test_what_a_card_does_not_measure_is_none(nvml: FakeNvml, visible: str) -> None:
    use = GpuMeter(visible).measure()
    assert (use.name, use.memory_bytes, use.power_w) == ("NVIDIA A1", 2**30 + 1, None)


@pytest.mark.parametrize("visible", ["5", "MIG-12", "GPU-7"])
def test_a_gpu_that_is_not_there_is_unknown(nvml: FakeNvml, visible: str) -> None:
    with pytest.raises(GpuUnknown):
        GpuMeter(visible)


def test_without_the_binding_or_the_library_the_gpu_is_unknown(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise nvml.NVMLError("NVML Shared Library Not Found")

    monkeypatch.setattr(nvml, "nvmlInit", fail)
    with pytest.raises(GpuUnknown, match="Library Not Found"):
        GpuMeter(None)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(GpuUnknown, match="nvidia-ml-py is not installed"):
        GpuMeter(None)


def test_the_gpu_is_measured_once_the_job_computes_on_one(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
    meter = DeviceMeter(process.pid)
    before = meter.try_to_measure()
    meter.computes_on_gpu = True
    after = meter.try_to_measure()
    process.kill()
    process.wait()
    assert before is not None
    assert after is not None
    assert before.gpu is None
    assert after.gpu is not None
    assert after.gpu.power_w == 351.5
