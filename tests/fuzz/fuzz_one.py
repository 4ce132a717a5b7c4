"""Feeds one target with atheris: `python tests/fuzz/fuzz_one.py TARGET FOLDER [libFuzzer's...]`.

The inputs to begin with are written into FOLDER/corpus, which libFuzzer is to be told of. A finding
does not end the run: the first input of every kind is written into FOLDER/findings, with its
traceback beside it.
"""

import hashlib
import json
import resource
import sys
import traceback
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))

MORE_BYTES = 2 << 30  # what a target may take beyond what it has after its first inputs


def main(name: str, folder: Path, arguments: list[str]) -> None:
    """Feed a target until libFuzzer has had its time."""
    # Not the engine: it is large, and what it does is not what is looked for.
    with atheris.instrument_imports(
        include=["object2vec", "object2vec_container", "zipfile", "gzip", "json"]
    ):
        from tests.fuzz import targets

        target = targets.make(name)
        for seed, data in targets.seeds(name).items():
            (folder / "corpus" / f"seed-{seed}").write_bytes(data)
            targets.feed(target, data)
    taken = Path("/proc/self/statm").read_text().split()[0]
    limit = int(taken) * resource.getpagesize() + MORE_BYTES
    # Not the hard limit: a merge starts this program from itself, and it may be larger then.
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    findings = folder / "findings"
    counts = {"taken": 0, "refused": 0}
    seen: set[str] = set()

    def feed(data: bytes) -> None:
        try:
            counts["taken" if targets.feed(target, data) else "refused"] += 1
        except Exception as error:
            places = traceback.extract_tb(error.__traceback__)
            kind = f"{type(error).__name__} {[f'{each.filename}:{each.lineno}' for each in places]}"
            if kind in seen:
                return
            seen.add(kind)
            file = findings / f"{type(error).__name__}-{hashlib.sha256(data).hexdigest()[:8]}"
            file.write_bytes(data)
            file.with_suffix(".txt").write_text(traceback.format_exc())
            print(f"finding: {file}: {type(error).__name__}: {str(error)[:200]}", flush=True)
        total = sum(counts.values())
        if total % 1000 == 0:
            (findings / "counts.json").write_text(json.dumps(counts))

    # libFuzzer starts itself anew to merge, by the name that it is given.
    program = folder / "feed"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {name} {folder} "$@"\n')
    program.chmod(0o755)
    atheris.Setup([str(program), *arguments], feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).absolute(), sys.argv[3:])
