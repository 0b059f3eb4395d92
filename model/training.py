"""The lecture's training loop, with everything a long run needs: schedules, accumulation, early stopping,
checkpoints, and a resume that gives bit for bit the run that was never interrupted."""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from time import monotonic, perf_counter
from typing import Literal

import torch
from torch import Tensor

from model.accelerate.compiled_loss import CompiledLoss
from model.accelerate.graphed_loss import GraphedLoss
from model.accelerate.optimizer_in_backward import OptimizerInBackward
from model.checkpoint import BackgroundCheckpoint, resume, size_bytes, take_snapshot
from model.config import EndedBy, Run
from model.data import Batch, Data, batches
from model.estimate.parameters import parameter_count
from model.evaluation import Evaluator
from model.events import (
    CheckpointWritten,
    CutShort,
    EarlyStopped,
    Evaluation,
    Event,
    Phase,
    Progress,
    Sample,
    Started,
)
from model.generation import Continuation, stream
from model.gpt import GPT
from model.inference.engine import fast_engine
from model.layers.devices import blocking_synchronise
from model.layers.kit import KITS
from model.loss import LossFunction, check_finite, loss_of
from model.manifest import TRAINING, WEIGHTS, VerifiedCheckpoint
from model.numerics import ResolvedNumerics, set_up
from model.optimizer import learning_rate, make_optimizer
from model.plan import Plan
from model.progress import Position, Speed
from model.shuffle import derived_seed, permutation, shuffle_seeds_for
from model.start import Start, begin
from model.tokenizers import Tokenizer, load_tokenizer


def train(
    run: Run,
    data: Data,
    *,
    on_event: Callable[[Event], object],
    should_stop: Callable[[], bool],
    should_finish: Callable[[], bool] = lambda: False,
    should_checkpoint: Callable[[], bool] = lambda: False,
    checkpoint_root: Path,
    numerics: ResolvedNumerics,
    device: torch.device,
    resume_from: VerifiedCheckpoint | None = None,
    start_from: Start | None = None,
    checkpoint_interval_s: float | None = None,
    tokenizer: Tokenizer | None = None,
) -> EndedBy | Literal["stopped"]:
    """Train to the end of `run`, or until `should_stop`, which is asked after every step. `should_finish`
    makes the step just made the last one, with all that belongs to a run's end; a resumed run makes no other.

    Checkpoints are written as `checkpoint_root / "step-00000042"`, numbered by the updates done: when `run`
    says so, when `checkpoint_interval_s` of training have gone by without one, when `should_checkpoint` asks,
    at the end and when stopped.
    With patience, so are the weights alone of every evaluation of a new lowest validation loss.
    A `tokenizer` that is not built in has to be given; checkpoints take a copy of it.
    `resume_from` continues such a checkpoint: with the same numerics, device and number of threads, weights
    and events are those of a run without a break. Without one, `start_from` has the weights that the run
    starts from in place of drawn ones.

    `step` counts from 0, as in the lecture: the step just made is one less than the updates done, which
    `position.step` and checkpoints count.

    Returns what the run ended by, or that it was stopped before its end. Raises Diverged, CheckpointError if
    `resume_from` can't be resumed, ValueError for a run that is not supported, OSError if a checkpoint can't
    be written.
    """
    state = Training(
        run,
        data,
        on_event,
        checkpoint_root,
        numerics,
        device,
        resume_from,
        start_from,
        checkpoint_interval_s,
        tokenizer,
    )
    plan, position = state.plan, state.position
    try:
        if plan.is_finished and resume_from is None:
            state.begin_checkpoint(None)  # it starts from another run's end, and has no checkpoint of its own
        elif resume_from is not None and should_finish():
            state.finish_where_resumed()
        while not plan.is_finished:
            for micro_batches in state.steps_of_epoch():
                step = position.step
                grad_norm = state.train_step(micro_batches)
                if should_finish():
                    state.cut_short()
                val_loss = state.evaluate(step, grad_norm) if plan.evaluates(step) else None
                if plan.samples(step):
                    if val_loss is None:  # raises Diverged where there would be nothing to sample from
                        val_loss = state.evaluator.validation_loss(step)
                    state.sample(step)
                stopping, is_requested = should_stop(), should_checkpoint()
                if is_requested or state.checkpoint_is_due or plan.is_finished or stopping:
                    state.begin_checkpoint(val_loss, is_requested=is_requested)
                elif plan.keeps_weights_of(step):
                    state.begin_checkpoint(val_loss, resumable=False)
                if plan.is_finished:
                    break
                if stopping:
                    return "stopped"
        return plan.ended_by
    finally:
        state.finish_checkpoint()


class Training:
    """A run in progress: model, optimizer and position, and what is done to them at a step."""

    def __init__(
        self,
        run: Run,
        data: Data,
        on_event: Callable[[Event], object],
        checkpoint_root: Path,
        numerics: ResolvedNumerics,
        device: torch.device,
        resume_from: VerifiedCheckpoint | None,
        start_from: Start | None,
        checkpoint_interval_s: float | None,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        if run.training.compile and not CompiledLoss.supports(run.training, numerics, device):
            raise ValueError("training.compile does not go with the numerics 'reference'")
        self.run, self.data, self.on_event = run, data, on_event
        self.checkpoint_root, self.device = checkpoint_root, device
        self.data_sha256 = data.sha256()
        self.tokenizer = tokenizer or load_tokenizer(run.tokenizer)
        self.shuffle_seeds = shuffle_seeds_for(numerics, run.training.seed)
        self.speed = Speed()
        self.checkpoint_interval_s = checkpoint_interval_s
        self.checkpoint_begun_s = monotonic()
        self.checkpoint: BackgroundCheckpoint | None = None
        self.checkpoint_is_requested = False

        set_up(device, numerics)
        if resume_from is not None:
            self.model, self.optimizer, self.position = resume(
                resume_from, run, self.data_sha256, device, numerics
            )
        elif start_from is not None:
            self.model, self.optimizer, self.position = begin(
                start_from, run, self.data_sha256, len(data.train), device, numerics, self.shuffle_seeds
            )
        else:
            torch.manual_seed(run.training.seed)  # the next draws are the weights, as in the lecture
            self.model = GPT(run.gpt, KITS[numerics]).to(device)
            self.optimizer = make_optimizer(self.model, run.training)
            self.position = Position()
        self.model.train()
        self.plan = Plan(run, len(data.train), self.position)
        self.accelerate(numerics)
        on_event(
            Started(
                total_steps=self.plan.total_steps,
                parameters=parameter_count(run.gpt),
                numerics=numerics,
                device=str(device),
                threads=torch.get_num_threads(),
                resumed_step=self.position.step or None,
            )
        )

    def accelerate(self, numerics: ResolvedNumerics) -> None:
        """Take what makes this run faster or smaller on this device; without it all is the same but the time
        and the memory."""
        self.loss_of = CompiledLoss() if self.run.training.compile else loss_of
        evaluated_loss_of: LossFunction = loss_of
        if GraphedLoss.supports(self.run.training, numerics, self.device):
            pool = torch.cuda.graph_pool_handle()
            self.loss_of = GraphedLoss(self.loss_of, pool)
            evaluated_loss_of = GraphedLoss(loss_of, pool)
        self.evaluator = Evaluator(
            self.run,
            self.tokenizer,
            self.data,
            self.model,
            self.shuffle_seeds,
            self.device,
            evaluated_loss_of,
            on_batch=lambda: self.on_event(Phase("evaluating")),
        )
        self.optimizer_in_backward: OptimizerInBackward | None = None
        if OptimizerInBackward.supports(self.run.training, numerics, self.device):
            self.optimizer_in_backward = OptimizerInBackward(self.model, self.optimizer.adamw)

    def steps_of_epoch(self) -> Iterator[list[Batch]]:
        """Begin the next epoch if one is over; yield the micro-batches of each step left in it."""
        plan, position, training = self.plan, self.position, self.run.training
        if position.epoch == 0 or plan.epoch_is_over:
            position.epoch += 1
            position.batch = 0
            position.order_seed = self.shuffle_seeds.of_epoch(position.epoch)
        batches_left = (plan.total_steps - position.step) * training.grad_accumulation
        end = min(plan.epoch_batches, position.batch + batches_left)
        order = permutation(len(self.data.train), position.order_seed, end * training.batch_size)
        left = batches(
            self.data.train,
            order,
            training.batch_size,
            drop_last=True,
            device=self.device,
            first=position.batch,
        )
        while micro_batches := list(islice(left, training.grad_accumulation)):
            yield micro_batches

    def train_step(self, micro_batches: list[Batch]) -> float | None:
        """One update from the mean gradient of `micro_batches`.

        Returns the gradient's L2 norm before clipping; None at a step that has no use for it, or where it is
        beyond float32. Raises Diverged on the CPU; on a GPU looking at the loss would wait for it, so
        evaluations find out.
        """
        position = self.position
        started = perf_counter()
        tokens_before = position.tokens_seen
        self.optimizer.set_rate(self.rate(position.step))
        self.optimizer.zero_grad()
        for done, (inputs, targets) in enumerate(micro_batches, start=1):
            loss = self.loss_of(self.model, inputs, targets)  # of (B, T) and (B, T): a scalar
            if self.device.type == "cpu":
                check_finite(loss.item(), position.step)
            position.batch += 1
            position.tokens_seen += inputs.numel()
            if done < len(micro_batches):
                (loss / len(micro_batches)).backward()  # gradients add up until the update
                self.report_progress()
        # Its backward pass is the update's, which may already use it up gradient by gradient.
        grad_norm = self.update(loss / len(micro_batches))
        position.step += 1
        self.speed.add(position.tokens_seen - tokens_before, perf_counter() - started)
        self.report_progress()
        if self.checkpoint is not None and self.checkpoint.is_written:
            self.finish_checkpoint()
        return grad_norm

    def update(self, loss: Tensor) -> float | None:
        """Complete the gradient with that of `loss`, clip it if the run says so, and update the weights.

        Returns its norm before clipping if the step is evaluated and the norm is a number.
        """
        if self.checkpoint is not None:
            self.checkpoint.wait_until_read()  # the weights are about to change
        limit, is_evaluated = self.run.training.grad_clip, self.plan.evaluates(self.position.step)
        norms: list[Tensor] | None = [] if is_evaluated or limit is not None else None
        with self.optimizer_in_backward.active(norms) if self.optimizer_in_backward else nullcontext():
            loss.backward()
        norm = None
        if norms is not None:
            gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(
                [*norms, *gradients]
            )  # the norm of parts' norms is that of all
        if limit is not None and norm is not None:
            torch.nn.utils.clip_grads_with_norm_(self.model.parameters(), limit, norm)
        self.optimizer.step()
        if norm is None or not is_evaluated:
            return None
        blocking_synchronise(self.device)
        return finite(norm.item())

    def evaluate(self, step: int, grad_norm: float | None) -> float:
        """Measure both losses after `step` and report them; returns the validation loss. raises Diverged"""
        # A longer run would not draw for the evaluation of this one's last step, so it must leave no trace.
        with nullcontext() if self.plan.schedule.evaluates_in_any_run(step) else torch.random.fork_rng([]):
            losses = self.evaluator.losses(step)
        position = self.position
        position.note_evaluation(losses.train, losses.validation)
        self.on_event(
            Evaluation(
                step=step,
                epoch=position.epoch,
                tokens_seen=position.tokens_seen,
                train_loss=losses.train,
                val_loss=losses.validation,
                val_bpb=losses.validation_bits_per_byte,
                learning_rate=self.rate(step),
                grad_norm=grad_norm,
                tokens_per_s=self.speed.tokens_per_s,
            )
        )
        has_ended = position.step >= self.plan.total_steps or self.plan.is_cut_short
        if self.plan.has_lost_patience and not has_ended and position.best_val_loss is not None:
            self.on_event(EarlyStopped(step, position.best_val_loss))
        return losses.validation

    def cut_short(self) -> None:
        """Let the run end here, unless this is its end anyway."""
        plan, position = self.plan, self.position
        if plan.is_finished:
            return
        plan.is_cut_short = True
        self.on_event(CutShort(position.step, position.epoch, position.tokens_seen))

    def finish_where_resumed(self) -> None:
        """End the run at the checkpoint that it has been resumed from: without another, and with the
        evaluation and the sample that this step may not have had. raises Diverged"""
        step = self.position.step - 1
        self.cut_short()
        if not self.plan.is_cut_short:
            return
        # In turn it was before the checkpoint, and would draw other batches now.
        if not self.plan.schedule.evaluates_in_any_run(step):
            self.evaluate(step, None)
        self.sample(step)

    def sample(self, step: int) -> None:
        """Let the model continue each prompt, and report the texts."""
        prompts = self.run.sampling.prompts
        for index, prompt in enumerate(prompts):
            self.on_event(Phase("sampling"))
            text = "".join([prompt, *self.continuation(prompt, step)])
            epoch, is_last = self.position.epoch, index == len(prompts) - 1
            self.on_event(Sample(step, epoch, prompt, text, index, is_last))

    def continuation(self, prompt: str, step: int) -> Iterator[str]:
        """What the model writes after `prompt`, piece by piece: the same whatever other prompts there are."""
        config = self.run.sampling
        continuation = Continuation(
            self.tokenizer,
            prompt,
            self.run.model.context_length,
            max_new_tokens=config.max_new_tokens,
            distribution=config,
            seed=derived_seed(self.run.training.seed, f"sample {step}"),
            ends_texts=self.data.ends_texts,
        )
        for piece in stream(self.model, continuation, fast_engine(self.model, compiles=False)()):
            self.on_event(Phase("sampling"))
            yield piece

    @property
    def checkpoint_is_due(self) -> bool:
        limit_s = self.checkpoint_interval_s
        by_time = limit_s is not None and monotonic() - self.checkpoint_begun_s >= limit_s
        return by_time or self.plan.checkpoint_is_due()

    def begin_checkpoint(
        self, val_loss: float | None, *, resumable: bool = True, is_requested: bool = False
    ) -> None:
        """Write a checkpoint beside the next steps; `val_loss` None has it measured now.

        resumable     whether with all that the next step depends on, or the weights alone
        is_requested  whether a person has asked for it
        """
        position = self.position
        if val_loss is None:
            val_loss = self.evaluator.validation_loss(position.step - 1)
        self.finish_checkpoint()
        self.checkpoint_is_requested = is_requested
        self.on_event(Phase("writing"))
        if resumable:
            self.checkpoint_begun_s = monotonic()
        snapshot = take_snapshot(
            model=self.model,
            optimizer=self.optimizer,
            run=self.run,
            data_sha256=self.data_sha256,
            ends_texts=self.data.ends_texts,
            position=position,
            val_loss=val_loss,
            tokenizer_json=self.tokenizer.tokenizer_json,
            resumable=resumable,
        )
        self.checkpoint = BackgroundCheckpoint(self.checkpoint_root / f"step-{position.step:08d}", snapshot)
        if self.device.type == "cpu":
            self.checkpoint.wait_until_read()  # the forward pass would want the cores that it is read with
        self.on_event(Phase("training"))

    def finish_checkpoint(self) -> None:
        """Wait for the checkpoint that is being written, if one is, and report it."""
        if self.checkpoint is None:
            return
        checkpoint, self.checkpoint = self.checkpoint, None
        manifest = checkpoint.wait_until_written()
        position = manifest.position
        assert manifest.val_loss is not None, "it is measured before a run's checkpoint is written"
        self.on_event(
            CheckpointWritten(
                directory=checkpoint.directory,
                step=position.step,
                epoch=position.epoch,
                tokens_seen=position.tokens_seen,
                train_loss=position.train_loss,
                val_loss=manifest.val_loss,
                bytes=size_bytes(checkpoint.directory),
                sha256=manifest.files[WEIGHTS]["sha256"],
                resumable=TRAINING in manifest.files,
                is_requested=self.checkpoint_is_requested,
            )
        )

    def report_progress(self) -> None:
        position = self.position
        self.on_event(
            Progress(
                step=position.step,
                epoch=position.epoch,
                total_steps=self.plan.total_steps,
                tokens_seen=position.tokens_seen,
                tokens_per_s=self.speed.tokens_per_s,
            )
        )

    def rate(self, step: int) -> float:
        return learning_rate(self.run.training, step, self.plan.total_steps)


def finite(number: float) -> float | None:
    """`number`, or None if it is not one: what is infinite or NaN is written nowhere."""
    return number if math.isfinite(number) else None
