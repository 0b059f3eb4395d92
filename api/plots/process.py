"""`python -m api.plots.process`: draws plots, one line of JSON on stdin for each (`api.plots.plotter.Plot`).

It ends when stdin closes, or when nothing has come for a while.
"""

import os
import select
import signal
import sys

from api.plots.figure import draw_losses, title_of
from api.plots.plotter import LENGTH_BYTES, Plot

IDLE_S = 300
"""After which it ends, because it holds 100 MB."""
NICENESS = 10
"""On a busy machine the API comes first."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes stdin
    os.nice(NICENESS)
    # What libraries print must not get between the images.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as images:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        while select.select([sys.stdin], [], [], IDLE_S)[0] and (line := sys.stdin.buffer.readline()):
            plot = Plot.model_validate_json(line)
            title = title_of(plot.name, plot.job_id)
            image = draw_losses(title, plot.points, plot.tokens_per_epoch, plot.image_format)
            images.write(len(image).to_bytes(LENGTH_BYTES) + image)
            images.flush()


if __name__ == "__main__":
    main()
