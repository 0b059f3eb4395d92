from pathlib import Path

import pytest
import torch

from model.numerics import cpu_has_bfloat16, resolve_numerics
from tests.model.tiny import CPU


@pytest.mark.parametrize(
    ("flags", "native"),
    [
        ("flags : fpu avx512f avx512_bf16 gfni", True),
        ("flags : fpu amx_bf16 amx_tile", True),
        ("flags : fpu avx512f avx512bw", False),
        ("Features : fp asimd", False),
    ],
)
def test_bfloat16_is_native_where_the_processor_says_so(tmp_path, flags, native):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\n{flags}\n")
    assert cpu_has_bfloat16(cpuinfo) is native


def test_a_system_that_does_not_tell_has_no_native_bfloat16():
    assert cpu_has_bfloat16(Path("/no/such/file")) is False


@pytest.mark.parametrize(("native", "numerics"), [(True, "bfloat16"), (False, "float32")])
def test_auto_takes_bfloat16_where_it_is_native(monkeypatch, native, numerics):
    monkeypatch.setattr("model.numerics.cpu_has_bfloat16", lambda: native)
    assert resolve_numerics("auto", CPU) == numerics


@pytest.mark.parametrize("native", [True, False])
def test_auto_asks_a_gpu_without_its_emulation(monkeypatch, native):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: native and not including_emulation
    )
    assert resolve_numerics("auto", torch.device("cuda")) == ("bfloat16" if native else "float32")


@pytest.mark.parametrize("numerics", ["reference", "float32", "bfloat16"])
def test_a_mode_asked_for_stays(monkeypatch, numerics):
    monkeypatch.setattr("model.numerics.cpu_has_bfloat16", lambda: False)
    assert resolve_numerics(numerics, CPU) == numerics
