"""What a trainer's log says of the run itself, so that it tells a story without the record beside it."""

import logging

from model.events import CheckpointWritten, EarlyStopped, Evaluation, Event, Started

log = logging.getLogger(__name__)


def log_event(event: Event) -> None:
    """A line for what happens seldom; samples and progress are the record's alone."""
    match event:
        case Started():
            begins = "the start" if event.resumed_step is None else f"step {event.resumed_step:,}"
            log.info(
                "training on %s in %s with %d threads, from %s to step %s",
                event.device,
                event.numerics,
                event.threads,
                begins,
                f"{event.total_steps:,}",
            )
        case Evaluation():
            log.info(
                "step %d: train loss %.4f, validation loss %.4f", event.step, event.train_loss, event.val_loss
            )
        case CheckpointWritten():
            log.info("checkpoint of step %d: %s bytes", event.step, f"{event.bytes:,}")
        case EarlyStopped():
            log.info("the validation loss gets no better: the run stops early")
