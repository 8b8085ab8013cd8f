"""The long run, `make fuzz`: coverage-guided by atheris, a process for each target.

    python -m tests.fuzz.engine SECONDS [TARGET]

Exit code 0 where nothing was found; else the input lies in tests/fuzz/found/ and its traceback
stands above: fix it, and keep the input in corpus/TARGET/. Where atheris is not installed (it has
wheels for Linux on x86-64 only), the same mutations are tried without its guidance.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from random import Random

from tests.fuzz.limits import MEMORY_BYTES, SECONDS, limited

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
FOUND = HERE / "found"
# Not imported from targets, which would import what atheris has yet to instrument.
NAMES = tuple(sorted(p.stem for p in (HERE / "targets").glob("*.py") if p.stem != "__init__"))
_MAX_BYTES = 65_536


def main() -> None:
    """Run one target here, or all of them one after another; exits the process."""
    seconds = float(sys.argv[1])
    if len(sys.argv) > 2:
        sys.exit(_run(sys.argv[2], seconds))
    failed = []
    for name in NAMES:
        print(f"{name}: {seconds:.0f} s", flush=True)
        if subprocess.run(
            [sys.executable, "-m", "tests.fuzz.engine", sys.argv[1], name]
        ).returncode:
            failed.append(name)
    print(f"found something in: {', '.join(failed)}" if failed else "nothing found")
    sys.exit(bool(failed))


def _run(name: str, seconds: float) -> int:
    if name not in NAMES:
        print(f"no target {name!r}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    seed = int.from_bytes(os.urandom(3), "big")
    FOUND.mkdir(exist_ok=True)
    try:
        import atheris
    except ImportError:
        print(f"{name}: atheris is not installed; mutations are not guided by coverage")
        _unguided(name, seconds, seed)
        return 0
    with atheris.instrument_imports(include=["streams", "yaml", "csv", "zipfile", "gzip"]):
        from tests.fuzz.targets import load

        target = load(name)
    from tests.fuzz.mutation import mutate

    learned = FOUND / f"{name}.corpus"
    learned.mkdir(exist_ok=True)
    for raw in target.samples():
        (learned / sha256(raw).hexdigest()).write_bytes(raw)

    def mutated(data: bytes, most: int, number: int) -> bytes:
        chance = Random(number)
        if chance.random() < 0.3:
            return bytes(atheris.Mutate(data, most))
        return mutate(data, chance, target.FORM)[:most]

    target.check(target.samples()[0])
    arguments = [
        *(sys.argv[0], str(learned), *map(str, CORPUS.glob(name))),
        *(f"-max_total_time={seconds:.0f}", f"-timeout={SECONDS}", f"-max_len={_MAX_BYTES}"),
        *(f"-rss_limit_mb={MEMORY_BYTES // 2**20}", f"-seed={seed}", "-print_final_stats=0"),
        *(f"-artifact_prefix={FOUND}/{name}-", "-verbosity=0", "-len_control=0"),
    ]
    atheris.Setup(arguments, target.check, custom_mutator=mutated)
    atheris.Fuzz()  # ends the process
    return 0


def _unguided(name: str, seconds: float, seed: int) -> None:
    from tests.fuzz.mutation import mutate
    from tests.fuzz.targets import load

    target, chance = load(name), Random(seed)
    samples = [*target.samples(), *(p.read_bytes() for p in (CORPUS / name).glob("*"))]
    until, tried = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        data = mutate(chance.choice(samples), chance, target.FORM)
        tried += 1
        try:
            with limited():
                target.check(data)
        except BaseException:
            path = FOUND / f"{name}-{sha256(data).hexdigest()[:16]}"
            path.write_bytes(data)
            print(f"{name}: found {path}")
            raise
    print(f"{name}: {tried} inputs, nothing found")


if __name__ == "__main__":
    main()
