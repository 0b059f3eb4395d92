"""`python -m worker.preparation.import_process PARENT_PID UPLOAD DIRECTORY`: makes a checkpoint of a model
from outside.

Prints how many thousandths of its weights are converted, and last a JSON object: `imported`, or `bad_model`
with what is wrong with the files, or `os_error` with its number and words.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs.files.model_files import CONFIG, INDEX, TOKENIZER, is_weights
from jobs.process.parent_death import die_with_parent
from model.estimate.parameters import parameter_count
from model.imports.bad_model import BadModel
from model.imports.conversion import ModelFiles, import_gpt2
from model.manifest import WEIGHTS
from worker.preparation.model_preparer import IMPORT_TOTAL


def main() -> None:
    parent_pid, upload, directory = sys.argv[1:]
    die_with_parent(int(parent_pid))
    outcome = attempt(
        Path(upload), Path(directory), lambda share: print(int(IMPORT_TOTAL * share), flush=True)
    )
    print(json.dumps(outcome), flush=True)


def attempt(upload: Path, directory: Path, on_progress: Callable[[float], object]) -> dict[str, Any]:
    try:
        return {"imported": import_model(upload, directory, on_progress)}
    except BadModel as error:
        return {"bad_model": str(error)}
    except OSError as error:
        return {"os_error": [error.errno, error.strerror or str(error)]}


def import_model(upload: Path, directory: Path, on_progress: Callable[[float], object]) -> dict[str, Any]:
    """What is recorded of the checkpoint. raises BadModel, OSError"""
    if not upload.is_dir():
        raise BadModel("the files that were sent are gone; send them again")
    index, tokenizer = upload / INDEX, upload / TOKENIZER
    files = ModelFiles(
        config=upload / CONFIG,
        weights=sorted(file for file in upload.iterdir() if is_weights(file.name)),
        index=index if index.exists() else None,
        tokenizer=tokenizer if tokenizer.exists() else None,
    )
    manifest = import_gpt2(files, directory, on_progress)
    return {
        "bytes": sum(file.stat().st_size for file in directory.iterdir()),
        "sha256": manifest.files[WEIGHTS]["sha256"],
        "tokenizer": manifest.run.tokenizer,
        "config": manifest.run.model.model_dump(mode="json"),
        "parameters": parameter_count(manifest.run.gpt),
    }


if __name__ == "__main__":
    main()
