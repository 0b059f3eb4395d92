"""How the stand-ins of the stack's processes behave, as the tests ask through the environment.

FAKE_CRASH    names that end at once with an error
FAKE_STUBBORN names that ignore SIGTERM
"""

import os
import signal
from pathlib import Path

FOLDER = Path(os.environ["PRETRAIN_DATA_DIR"])
CRASHING = set(os.environ.get("FAKE_CRASH", "").split(","))


def begin(name: str) -> None:
    """Leave the process's id in `pids/NAME`; on SIGTERM add its name to `stopped` and end."""
    if name in CRASHING:
        raise SystemExit(f"{name} cannot work today")

    def stop(*_: object) -> None:
        with (FOLDER / "stopped").open("a") as stopped:
            stopped.write(f"{name}\n")
        if name not in os.environ.get("FAKE_STUBBORN", "").split(","):
            os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    (FOLDER / "pids").mkdir(exist_ok=True)
    new = FOLDER / "pids" / f".{name}"
    new.write_text(str(os.getpid()))
    new.replace(FOLDER / "pids" / name)


def wait_forever() -> None:
    while True:
        signal.pause()
