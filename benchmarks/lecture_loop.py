"""The baseline: the lecture's training run as one would write it first, in float32, with nothing made fast.

    python -m benchmarks.lecture_loop [--text FILE]

All else is measured against it, so it uses nothing of `model` but the tokenizer: separate query,
key and value projections, attention, normalisation and GELU written out, PyTorch's AdamW as it comes,
evaluation a batch at a time, and samples without a KV cache. Prints the losses, as
the lecture does, and the seconds that each part took.
"""

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from benchmarks.measuring import peak_memory_bytes
from benchmarks.verdict import find_verdict
from model.tokenizers import load_tokenizer

V, C, H, LAYERS, T, DROP = 50257, 768, 12, 12, 256, 0.1
BATCH, EPOCHS, EVAL_FREQ, EVAL_ITER, SAMPLE_TOKENS = 2, 10, 5, 5, 50


class Windows(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, ids: list[int]) -> None:
        starts = range(0, len(ids) - T, T)
        self.inputs = [torch.tensor(ids[i : i + T]) for i in starts]
        self.targets = [torch.tensor(ids[i + 1 : i + T + 1]) for i in starts]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index], self.targets[index]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(C, C, bias=False) for _ in range(3))
        self.out = nn.Linear(C, C)
        self.drop = nn.Dropout(DROP)
        self.register_buffer("future", torch.triu(torch.ones(T, T), diagonal=1).bool())
        self.future: Tensor

    def forward(self, x: Tensor) -> Tensor:
        B, length, _ = x.shape

        def heads(projected: Tensor) -> Tensor:
            return projected.view(B, length, H, C // H).transpose(1, 2)

        keys, queries, values = heads(self.key(x)), heads(self.query(x)), heads(self.value(x))
        scores = queries @ keys.transpose(2, 3)
        scores = scores.masked_fill(self.future[:length, :length], -torch.inf)
        weights = self.drop(torch.softmax(scores / math.sqrt(C // H), dim=-1))
        return self.out((weights @ values).transpose(1, 2).reshape(B, length, C))


class Norm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(C)), nn.Parameter(torch.zeros(C))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=-1, keepdim=True)
        variance = x.var(dim=-1, keepdim=True, unbiased=False)
        return self.scale * (x - mean) / torch.sqrt(variance + 1e-5) + self.shift


class Gelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.feed_forward = nn.Sequential(nn.Linear(C, 4 * C), Gelu(), nn.Linear(4 * C, C))
        self.norm1, self.norm2 = Norm(), Norm()
        self.drop = nn.Dropout(DROP)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.attention(self.norm1(x)))
        return x + self.drop(self.feed_forward(self.norm2(x)))


class BaselineGPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(V, C), nn.Embedding(T, C)
        self.drop = nn.Dropout(DROP)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = Norm()
        self.head = nn.Linear(C, V, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        logits: Tensor = self.head(self.norm(self.blocks(self.drop(x))))
        return logits


@torch.no_grad()
def generate_without_cache(model: BaselineGPT, ids: list[int], n: int) -> Iterator[int]:
    """Greedy; each token takes a pass over all before it."""
    model.eval()
    ids = list(ids)
    for _ in range(n):
        logits = model(torch.tensor([ids[-T:]]))  # (1, length, V)
        ids.append(int(logits[0, -1].argmax()))
        yield ids[-1]


@dataclass
class Loop:
    """The run's parts; each adds its seconds to `seconds` under its own name."""

    text: str
    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {"step": [], "evaluation": [], "sample": []}
    )

    def __post_init__(self) -> None:
        self.tokenizer = load_tokenizer("gpt2")
        index = int(0.9 * len(self.text))
        torch.manual_seed(123)
        self.model = BaselineGPT()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=4e-4, weight_decay=0.1)
        train, validation = (
            Windows(self.tokenizer.encode(split)) for split in (self.text[:index], self.text[index:])
        )
        self.train_loader = DataLoader(train, batch_size=BATCH, shuffle=True, drop_last=True)
        self.validation_loader = DataLoader(validation, batch_size=BATCH, shuffle=False, drop_last=False)

    def step(self, inputs: Tensor, targets: Tensor) -> None:
        started = time.perf_counter()
        self.model.train()
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(inputs).flatten(0, 1), targets.flatten())
        loss.backward()
        self.optimizer.step()
        self.seconds["step"].append(time.perf_counter() - started)

    def evaluate(self) -> tuple[float, float]:
        started = time.perf_counter()
        self.model.eval()
        losses = self.mean_loss(self.train_loader), self.mean_loss(self.validation_loader)
        self.seconds["evaluation"].append(time.perf_counter() - started)
        return losses

    @torch.no_grad()
    def mean_loss(self, loader: DataLoader[tuple[Tensor, Tensor]]) -> float:
        losses = []
        for number, (inputs, targets) in enumerate(loader):
            if number == EVAL_ITER:
                break
            losses.append(cross_entropy(self.model(inputs).flatten(0, 1), targets.flatten()).item())
        return sum(losses) / len(losses)

    def sample(self) -> str:
        started = time.perf_counter()
        ids = list(
            generate_without_cache(self.model, self.tokenizer.encode("Every effort moves you"), SAMPLE_TOKENS)
        )
        self.seconds["sample"].append(time.perf_counter() - started)
        return self.tokenizer.decode(ids)

    def run(self) -> None:
        step = 0
        for epoch in range(1, EPOCHS + 1):
            for inputs, targets in self.train_loader:
                self.step(inputs, targets)
                if step % EVAL_FREQ == 0:
                    train_loss, val_loss = self.evaluate()
                    print(
                        f"epoch {epoch} step {step:2}: train {train_loss:.3f}, validation {val_loss:.3f}",
                        flush=True,
                    )
                step += 1
            print(self.sample().replace("\n", " "), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, default=find_verdict())
    arguments = parser.parse_args()
    if arguments.text is None:
        parser.error("The Verdict is not at hand; say where it is with --text or PRETRAIN_DATASET_MIRROR")
    started = time.perf_counter()
    loop = Loop(arguments.text.read_text())
    loop.run()
    print(f"whole: {time.perf_counter() - started:.1f} s, peak {peak_memory_bytes() / 1e9:.2f} GB")
    for name, seconds in loop.seconds.items():
        print(f"{name}: {len(seconds)} in {sum(seconds):.1f} s")


if __name__ == "__main__":
    main()
