import os
import time

from tests.client.fakes import behaviour

behaviour.begin("migrations")
if "FAKE_WAITS" in os.environ:
    print("waiting for the database: nobody is there", flush=True)
    while not (behaviour.FOLDER / "go").exists():
        time.sleep(0.01)
