import pytest
import torch
from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("model", deadline=None)
settings.load_profile("model")


@pytest.fixture(autouse=True)
def one_thread():
    """Results repeat bit for bit at a fixed number of threads; tests run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
