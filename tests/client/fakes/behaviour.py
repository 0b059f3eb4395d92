"""How the stand-ins of the stack's processes behave, as the tests ask through the environment.

FAKE_CRASH    names that end at once with an error; so do those in the file `crash` of the data folder
FAKE_STUBBORN names that ignore SIGTERM
FAKE_WAITS    the migrations wait until there is a file `go` in the data folder
FAKE_LATE     the API misses its workers until there is that file
FAKE_DEAF     names that live but give no signs of life after the first

The one whose process id is in the file `stop` of the data folder stops (SIGSTOP), with a last sign of
life that is good for a second, as those of the deaf are. All others are good for longer than any machine is
busy.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

FOLDER = Path(os.environ["PRETRAIN_DATA_DIR"])
CRASHING, DEAF = (set(os.environ.get(f"FAKE_{how}", "").split(",")) for how in ("CRASH", "DEAF"))


def begin(name: str) -> None:
    """Leave the process's id in `pids/NAME`; on SIGTERM add its name to `stopped` and end."""
    crash = FOLDER / "crash"
    if name in CRASHING or (crash.exists() and name in crash.read_text().split()):
        raise SystemExit(f"{name} cannot work today")

    def stop(*_: object) -> None:
        with (FOLDER / "stopped").open("a") as stopped:
            stopped.write(f"{name}\n")
        if name not in os.environ.get("FAKE_STUBBORN", "").split(","):
            os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    if "--pulse-fd" in sys.argv:
        descriptor = int(sys.argv[sys.argv.index("--pulse-fd") + 1])
        threading.Thread(target=pulse, args=(descriptor, name in DEAF), daemon=True).start()
    (FOLDER / "pids").mkdir(exist_ok=True)
    new = FOLDER / "pids" / f".{name}"
    new.write_text(str(os.getpid()))
    new.replace(FOLDER / "pids" / name)


def pulse(descriptor: int, is_deaf: bool) -> None:
    """Give signs of life until it is to stop; the deaf one gives one."""
    stop = FOLDER / "stop"
    while not is_deaf:
        os.write(descriptor, b"600.0 \n")
        if stop.exists() and stop.read_text() == str(os.getpid()):
            break
        time.sleep(0.1)
    os.write(descriptor, b"1.0 \n")
    if not is_deaf:
        os.kill(os.getpid(), signal.SIGSTOP)


def wait_forever() -> None:
    while True:
        signal.pause()
