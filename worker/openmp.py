"""How the threads of PyTorch's operations wait for the next one."""

SLEEP_SOON = {"GOMP_SPINCOUNT": "10000"}
"""In a generation worker: some tenths of a millisecond awake, longer than from one operation of a prompt to
the next. By itself GNU's OpenMP waits thirty times as long, on the processors that `model/token_kernel.py`
wants for the next token: half of its tokens a second (benchmarks/LOG.md). Other OpenMPs do not read this."""
