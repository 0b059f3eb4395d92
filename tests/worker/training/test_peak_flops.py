import pytest

from worker.training.peak_flops import peak_flops


@pytest.mark.parametrize(
    ("name", "numerics", "teraflops"),
    [
        ("NVIDIA A100-SXM4-80GB", "bfloat16", 312),
        ("NVIDIA A100 80GB PCIe", "float32", 156),
        ("NVIDIA A100-SXM4-80GB", "reference", 19.5),
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989.4),
        ("NVIDIA H100 PCIe", "bfloat16", 756.5),
        ("NVIDIA H200", "bfloat16", 989.4),
        ("NVIDIA A10", "bfloat16", 125),
        ("NVIDIA L40S", "bfloat16", 362.05),
        ("NVIDIA L4", "bfloat16", 121),
        ("NVIDIA GeForce RTX 4090", "float32", 82.6),
        ("Tesla T4", "float32", 8.1),
    ],
)
def test_a_gpu_is_known_by_its_name(name: str, numerics: str, teraflops: float) -> None:
    assert peak_flops(name, numerics) == pytest.approx(teraflops * 1e12)


@pytest.mark.parametrize(
    ("name", "numerics"),
    [
        ("NVIDIA A10G", "bfloat16"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "bfloat16"),
        ("NVIDIA GeForce RTX 3090 Ti", "float32"),
        ("Radeon RX 7900", "float32"),
        ("Tesla V100-SXM2-32GB", "bfloat16"),
        ("", "float32"),
    ],
)
def test_what_is_not_known_is_not_guessed(name: str, numerics: str) -> None:
    assert peak_flops(name, numerics) is None
