"""Twenty faults, each written into a copy of the source, and the tests that must find it.

`python -m tests.mutations` prints which were caught and which were missed, and fails if any was; words after
it choose the faults that have one of them in their name. A fault is known by what stands in the source, once
in its room: whoever rewrites that line hears of it here.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info")
SEED = "1"
TIMEOUT_S = 1200
"""For the tests of one fault: what takes so long has hung."""
FAILED = 1
"""pytest's exit status when tests have failed; higher ones say that it could not run them."""


@dataclass(frozen=True)
class Mutation:
    """A fault: in one of the files of `room`, `source` becomes `mutant`."""

    fault: str
    room: str
    source: str
    mutant: str
    tests: tuple[str, ...]
    """Files, of which at least one test must fail."""


MUTATIONS = [
    Mutation(
        "a token attends to the one after it",
        "model",
        ".triu(diagonal=T - t + 1)",
        ".triu(diagonal=T - t + 2)",
        ("tests/model/layers/test_attention.py",),
    ),
    Mutation(
        "the last window lacks its last target",
        "model",
        "range(0, n_tokens - context_length, stride)",
        "range(0, n_tokens - context_length + 1, stride)",
        ("tests/model/test_data.py",),
    ),
    Mutation(
        "the gradient is not clipped",
        "model",
        "clip_grads_with_norm_(self.model.parameters(), limit, norm)",
        "clip_grads_with_norm_(self.model.parameters(), 1e9, norm)",
        ("tests/model/test_training.py",),
    ),
    Mutation(
        "a resume forgets the generator's state",
        "model",
        'torch.set_rng_state(state["generator.cpu"])',
        "pass",
        ("tests/model/test_resume.py",),
    ),
    Mutation(
        "an evaluation leaves dropout on",
        "model",
        "        model.eval()\n",
        "        pass\n",
        ("tests/model/test_training.py",),
    ),
    Mutation(
        "a checkpoint's files are not checked before a resume",
        "model",
        "check_file(directory / name, manifest.files[name])",
        "pass",
        ("tests/chaos/test_checkpoints.py",),
    ),
    Mutation(
        "an attempt that lost its job may write",
        "jobs",
        "Job.attempt == attempt, Job.status == Status.RUNNING",
        "Job.status == Status.RUNNING",
        ("tests/jobs/test_state_machine.py",),
    ),
    Mutation(
        "the best checkpoint is the worst",
        "jobs",
        "(checkpoint.val_loss, -checkpoint.step)",
        "(-checkpoint.val_loss, -checkpoint.step)",
        ("tests/jobs/lifecycle/test_history.py",),
    ),
    Mutation(
        "the newest losses are swapped",
        "jobs",
        '"latest_train_loss": train_loss, "latest_val_loss": val_loss',
        '"latest_train_loss": val_loss, "latest_val_loss": train_loss',
        ("tests/e2e/test_service.py",),
    ),
    Mutation(
        "a high priority comes last",
        "jobs",
        "(Job.priority.desc(), running",
        "(Job.priority, running",
        ("tests/jobs/store/test_queue_order.py",),
    ),
    Mutation(
        "a full disk is not told from other errors",
        "jobs",
        "error.errno in (errno.ENOSPC, errno.EDQUOT)",
        "error.errno in (errno.EDQUOT,)",
        ("tests/chaos/test_disk.py",),
    ),
    Mutation(
        "a transaction that writes begins as a reader",
        "jobs",
        'begin="BEGIN IMMEDIATE"',
        'begin="BEGIN"',
        ("tests/chaos/test_sqlite.py",),
    ),
    Mutation(
        "a trainer runs on after its deadline",
        "worker",
        "if left_s is not None and left_s <= 0:",
        "if False:",
        ("tests/worker/training/test_fence.py",),
    ),
    Mutation(
        "a superseded checkpoint's optimizer state stays",
        "worker",
        "            drop_training_state(path)\n",
        "            pass\n",
        ("tests/chaos/test_crash_points.py",),
    ),
    Mutation(
        "a worker that trains counts as hung",
        "worker",
        "still_s > self.silence_limit_s and not trains",
        "still_s > self.silence_limit_s",
        ("tests/worker/test_heartbeat.py",),
    ),
    Mutation(
        "what the keeper took away is not committed",
        "worker",
        "if not self._has_watched_for_a_lease():",
        "if self._has_watched_for_a_lease() is not None:",
        ("tests/worker/test_keeper.py",),
    ),
    Mutation(
        "a page of another origin may use the service",
        "api",
        "or parse_origin(origin) != parse_origin(request.host_url)",
        "or not origin",
        ("tests/api/http/test_access.py",),
    ),
    Mutation(
        "a name may stand twice in an object",
        "api",
        "        if name in members:\n",
        "        if False:\n",
        ("tests/api/http/test_bodies.py",),
    ),
    Mutation(
        "a field may be set twice",
        "client",
        "if is_set(assigned, path):",
        "if False:",
        ("tests/client/spec/test_assignments.py",),
    ),
    Mutation(
        "a job that came to its last step has stopped early",
        "migrations",
        "sa.and_(stopped_early, jobs.c.step < jobs.c.total_steps)",
        "stopped_early",
        ("tests/migrations/test_upgrade.py",),
    ),
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("words", nargs="*", help="only faults with one of these in their name or room")
    words = parser.parse_args().words
    chosen = [m for m in MUTATIONS if not words or any(word in f"{m.room}: {m.fault}" for word in words)]
    for mutation in chosen:
        file_of(mutation, ROOT)  # all are found, or nothing is begun
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        files = sorted({file for mutation in chosen for file in mutation.tests})
        if run_tests(copy, files) == FAILED:
            sys.exit("tests fail without a fault, so they can't be said to find any")
        missed = [mutation for mutation in chosen if not is_caught(mutation, copy)]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} caught")
    return int(bool(missed))


def is_caught(mutation: Mutation, copy: Path) -> bool:
    file = file_of(mutation, copy)
    sound = file.read_text()
    file.write_text(sound.replace(mutation.source, mutation.mutant))
    try:
        caught = run_tests(copy, mutation.tests) == FAILED
    finally:
        file.write_text(sound)
    print(f"{'caught' if caught else 'MISSED'}  {mutation.room}: {mutation.fault}", flush=True)
    return caught


def file_of(mutation: Mutation, root: Path) -> Path:
    """The file that the fault is written into; exits if that is not one, or not one place of it."""
    counts = {file: file.read_text().count(mutation.source) for file in (root / mutation.room).rglob("*.py")}
    found = [file for file, count in counts.items() for _ in range(count)]
    if len(found) != 1:
        sys.exit(f"{mutation.fault!r}: {mutation.source!r} stands {len(found)} times in {mutation.room}/")
    return found[0]


def run_tests(copy: Path, files: Sequence[str]) -> int:
    """0 if all pass, FAILED if one fails; exits if they can't be run."""
    in_chaos = any(file.startswith("tests/chaos/") for file in files)
    seeds = ["--hypothesis-seed", SEED, *(["--seed", SEED] if in_chaos else [])]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *seeds, *files],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    if ran.returncode not in (0, FAILED):
        sys.exit(f"pytest could not run {' '.join(files)}:\n{ran.stdout}{ran.stderr}")
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
