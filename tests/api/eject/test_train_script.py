"""The ejected file in a clean process, against the job itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.spec.job_spec import JobSpec
from model.storage.splits import DOCUMENT_END
from tests.api.eject.ejecting import TEXT, Printed, eject, link_packages, run_all, tiny_spec, trained

pytestmark = pytest.mark.slow

GPT2 = {"tie_weights": True, "qkv_bias": True}
EXACT: dict[str, dict[str, Any]] = {
    "as in the lecture": {},
    "GPT-2's model": {"model": GPT2},
    "GPT-2's weights in the lecture's model": {"model": {"initialization": "gpt2"}},
    "PyTorch's weights in GPT-2's model": {"model": {**GPT2, "initialization": "pytorch"}},
    "without dropout": {"model": {"drop_rate": 0.0}},
    "accumulated gradients, of which an epoch's last step has fewer": {"training": {"grad_accumulation": 3}},
    "clipped, with a warm-up and a cosine": {
        "training": {
            "grad_clip": 0.5,
            "warmup_steps": 4,
            "lr_schedule": "cosine",
            "min_learning_rate": 1e-3,
            "betas": [0.9, 0.95],
            "weight_decay": 0.3,
        }
    },
    "a warm-up alone": {"training": {"warmup_steps": 4}},
    "a linear decay, overlapping windows and more epochs than steps": {
        "training": {"lr_schedule": "linear", "stride": 3, "max_steps": 11, "train_ratio": 0.7, "seed": 7}
    },
    "Muon": {"training": {"optimizer": "muon", "grad_clip": 1.0, "lr_schedule": "linear"}},
    "patience": {"training": {"early_stopping_patience": 1, "num_epochs": 30, "learning_rate": 0.1}},
    "drawn samples": {"sampling": {"temperature": 1.3, "top_k": 40, "top_p": 0.9, "max_new_tokens": 40}},
    "samples drawn among all tokens": {"sampling": {"temperature": 0.8}},
    "several prompts and whole splits": {
        "evaluation": {"eval_iter": None},
        "sampling": {"start_context": ["Every effort", "The dog"], "temperature": 0.9},
    },
    "samples by steps": {
        "training": {"max_steps": 11, "grad_accumulation": 2, "num_epochs": 30},
        "sampling": {"every_epochs": 2, "every_steps": 5},
    },
    "GPT-2's tokens": {
        "tokenizer": "gpt2",
        "model": GPT2,
        "training": {"batch_size": 2, "num_epochs": 3},
        "evaluation": {"eval_freq": 1},
    },
    "tokens of one's own": {
        "tokenizer": "tokenizer-0123456789abcdef",
        "training": {"batch_size": 2},
        "sampling": {"temperature": 0.8, "start_context": "Ana counted"},
    },
}
DOCUMENTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    f"{kind}, {sections.get('tokenizer', 'bytes')}": (
        {**sections, "training": {"batch_size": 2, "train_ratio": ratio, "numerics": "reference"}},
        documents,
    )
    for kind, ratio, documents in (
        (
            "the split falls between documents",
            0.6,
            [TEXT[start : start + 130] for start in range(0, 600, 130)],
        ),
        ("the last document is never trained on", 0.9, [TEXT[:90], TEXT]),
        ("a single document is split by characters", 0.7, [TEXT]),
    )
    for sections in (
        {},
        {"tokenizer": "gpt2", "model": {"tie_weights": True, "context_length": 4}},
        {"tokenizer": "tokenizer-0123456789abcdef", "model": {"context_length": 4}},
    )
}
LONG = {"num_epochs": 1_000, "max_steps": 50, "learning_rate": 1e-3}
CLOSE: dict[str, tuple[dict[str, Any], float]] = {
    f"{numerics}, {model}": (
        {"model": {**fields, "drop_rate": 0.0}, "training": {**LONG, "numerics": numerics, **training}},
        tolerance,
    )
    for numerics, tolerance in (("float32", 1e-3), ("bfloat16", 2e-2))
    for model, fields, training in (
        ("the lecture's model", {}, {}),
        ("GPT-2's model", GPT2, {"lr_schedule": "cosine", "grad_clip": 1.0, "grad_accumulation": 2}),
        ("Muon", {}, {"optimizer": "muon"}),
    )
}
DROPOUT = tiny_spec(training={**LONG, "numerics": "float32"}, evaluation={"eval_freq": 5, "eval_iter": 4})
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def spec_of(case: str) -> JobSpec:
    if case in CLOSE:
        return tiny_spec(**CLOSE[case][0])
    sections = EXACT[case]
    return tiny_spec(**{**sections, "training": {**sections.get("training", {}), "numerics": "reference"}})


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Printed]:
    """What the ejected files print, all in one process, since PyTorch takes seconds to be imported."""
    root = tmp_path_factory.mktemp("ejected")
    folders = {case: eject(spec_of(case), root / str(number)) for number, case in enumerate([*EXACT, *CLOSE])}
    folders |= {
        case: eject(tiny_spec(**sections), root / f"documents-{number}", text=joined(documents))
        for number, (case, (sections, documents)) in enumerate(DOCUMENTS.items())
    }
    folders["dropout"] = eject(DROPOUT, root / "dropout")
    folders["mark"] = eject(spec_of("without dropout"), root / "mark", before_text=BYTE_ORDER_MARK)
    return run_all(link_packages(root / "packages", "torch", "tiktoken"), folders)


@pytest.mark.parametrize("case", EXACT)
def test_in_reference_the_losses_and_samples_are_the_jobs_own_to_the_last_digit(
    printed: dict[str, Printed], tmp_path: Path, case: str
) -> None:
    recorded = trained(spec_of(case), tmp_path)
    assert len(recorded.rows) > 2
    if case == "patience":
        assert recorded.rows[-1][1] < 30, "it was to end early"
    assert printed[case].rows == recorded.rows
    assert printed[case].samples == recorded.samples


def joined(documents: list[str]) -> str:
    """As they are stored."""
    return "".join(document + DOCUMENT_END for document in documents)


@pytest.mark.parametrize("case", DOCUMENTS)
def test_of_documents_the_losses_are_the_jobs_own_to_the_last_digit(
    printed: dict[str, Printed], tmp_path: Path, case: str
) -> None:
    sections, documents = DOCUMENTS[case]
    recorded = trained(tiny_spec(**sections), tmp_path, joined(documents))
    assert len(recorded.rows) > 2
    assert printed[case] == recorded


@pytest.mark.parametrize("case", CLOSE)
def test_without_dropout_the_losses_are_close_over_50_steps(
    printed: dict[str, Printed], tmp_path: Path, case: str
) -> None:
    recorded, tolerance = trained(spec_of(case), tmp_path), CLOSE[case][1]
    assert recorded.rows[-1][0] == 49
    assert recorded.rows[-1][3] < recorded.rows[0][3] - 0.3, "there must be something learnt to differ in"
    for mine, its in zip(printed[case].rows, recorded.rows, strict=True):
        assert mine[:3] == its[:3]
        assert mine[3:] == pytest.approx(its[3:], abs=tolerance), f"step {mine[0]}"


def test_with_dropout_the_losses_differ_less_than_those_of_seeds(
    printed: dict[str, Printed], tmp_path: Path
) -> None:
    seeds = {seed: trained(DROPOUT, tmp_path / str(seed), seed=seed) for seed in (123, 124, 125)}
    spread = max(
        mean_difference(seeds[one], seeds[other]) for one, other in [(123, 124), (123, 125), (124, 125)]
    )
    assert mean_difference(printed["dropout"], seeds[123]) < spread


def mean_difference(one: Printed, other: Printed) -> float:
    """Of the validation losses."""
    assert len(one.rows) == len(other.rows)
    return sum(abs(mine[4] - its[4]) for mine, its in zip(one.rows, other.rows, strict=True)) / len(one.rows)


def test_a_byte_order_mark_is_no_part_of_the_text(printed: dict[str, Printed]) -> None:
    assert printed["mark"] == printed["without dropout"]


def test_bytes_need_torch_alone(tmp_path: Path, printed: dict[str, Printed]) -> None:
    folder = eject(spec_of("as in the lecture"), tmp_path / "job")
    alone = run_all(link_packages(tmp_path / "packages", "torch"), {"job": folder})
    assert alone["job"] == printed["as in the lecture"]
