"""The paper's eight test sets and three training sets, by name.

In: a name and a split. Out: its file, its address, its checksum and its licence. Not here: the questions (they are
fetched, not shipped) and reading them.

The files are the exact subsets that the authors of the paper drew (section 5 and their released code). The files' own
descriptions are partly wrong, so the facts are recorded here: MuSiQue is 3-hop with 499 distinct questions,
``math_hard`` is MATH levels 4-5 and ``math_medium`` levels 2-3, four training answers are empty.
"""

from __future__ import annotations

from dataclasses import dataclass

from understudy.records import TaskKind

SOURCE_URL = "https://raw.githubusercontent.com/Nardien/agent-distillation/8884b80ea3d22e53a2e1e4b9fd324600d13e0430"
"""The authors' public repository (Apache-2.0) at a fixed commit; the checksums verify the files."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One file of the paper's questions."""

    name: str
    split: str
    kind: TaskKind
    folder: str
    file: str
    sha256: str
    licence: str
    """Of the questions, as the data set that they were drawn from states it."""
    n_rows: int

    @property
    def url_path(self) -> str:
        return f"data_processor/{self.folder}/{self.split}/{self.file}"


class UnknownTaskSetError(ValueError):
    """No task set of that name, or none with that split."""


_QA, _MATH = "qa_dataset", "math_dataset"

_ALL = (
    Benchmark(
        "hotpotqa", "train", TaskKind.FACT, _QA, "hotpotqa_1000_20250402.json",
        "35ae8108e8cb856813dc4aeb7de261b794ec2424ddb19c81449d1007a71f1fb8", "CC-BY-SA-4.0", 1000,
    ),
    Benchmark(
        "math_hard", "train", TaskKind.MATH, _MATH, "math_1000_20250414.json",
        "71240de787bb08c59b09bbb5fa4daa2cb536849da29dfdd25bf9e27c7eff344b", "MIT", 1000,
    ),
    Benchmark(
        "math_medium", "train", TaskKind.MATH, _MATH, "math_medium_1000_20250430.json",
        "af3aaef02faf2264aa32e30ca9b531b26ca7662f6be87a718ef3f5eb139e31ba", "MIT", 1000,
    ),
    Benchmark(
        "hotpotqa", "test", TaskKind.FACT, _QA, "hotpotqa_500_20250422.json",
        "770b2740d2d5195f983dbeae3c770900edab776b5986b4cbff3194443a771b00", "CC-BY-SA-4.0", 500,
    ),
    Benchmark(
        "bamboogle", "test", TaskKind.FACT, _QA, "bamboogle_125_20250507.json",
        "f6c5f3dd17521cf33a1d597d75525d65673687b3219ffe0339eae21b28d69be4", "MIT", 125,
    ),
    Benchmark(
        "musique", "test", TaskKind.FACT, _QA, "musique_500_20250504.json",
        "683634bcc958a79b144cffb815d4f56002dc22ed7358e11b897f9ff03ba69110", "CC-BY-4.0", 500,
    ),
    Benchmark(
        "2wikimultihopqa", "test", TaskKind.FACT, _QA, "2wikimultihopqa_500_20250511.json",
        "5034d0e66b38f5e54f20934cbb02ff1d38f0b292efe81da05b5ebdeafcb1bb07", "Apache-2.0", 500,
    ),
    Benchmark(
        "math500", "test", TaskKind.MATH, _MATH, "math_500_20250414.json",
        "32ae376ee63aee4a1e59ea167afebffa0031250b154d1805d13522c60c6069cb", "MIT", 500,
    ),
    Benchmark(
        "gsm_hard", "test", TaskKind.MATH, _MATH, "gsm_hard_500_20250507.json",
        "970c69744216a75fe04eb86ff1adaf208df5191e2731c6ef0610bd2312266498", "MIT", 500,
    ),
    Benchmark(
        "aime", "test", TaskKind.MATH, _MATH, "aime_90_20250504.json",
        "445868439c6c88c8f3ac99c9aabae90606cac43ade63597936bec37a22d510c0", "MIT (AIME 2022-2024, MAA)", 90,
    ),
    Benchmark(
        "olymmath", "test", TaskKind.MATH, _MATH, "olymath_200_20250511.json",
        "dc105d5747a37031d1f981865dd5603d533488a435b8a2a0722fd167081912d1", "MIT", 200,
    ),
)  # fmt: skip

BENCHMARKS: dict[str, tuple[Benchmark, ...]] = {b.name: tuple(x for x in _ALL if x.name == b.name) for b in _ALL}
"""All splits of each named set."""

TRAINING_SETS = tuple((b.name, b.split) for b in _ALL if b.split == "train")
"""(name, split) of the paper's three training sets."""

TEST_SETS = tuple((b.name, b.split) for b in _ALL if b.split == "test")
"""(name, split) of the paper's eight test sets, over which its average is taken."""


def benchmark_named(name: str, split: str) -> Benchmark:
    """The benchmark file of that name and split; an empty split means the only one that there is.

    Raises ``UnknownTaskSetError`` that names the wrong key and what would be right.
    """
    if name not in BENCHMARKS:
        known = ", ".join(sorted(BENCHMARKS))
        raise UnknownTaskSetError(
            f"name: {name!r} is not a benchmark ({known}) and not 'toy'; your own questions need the key path or hub"
        )
    files = BENCHMARKS[name]
    fitting = files if not split else tuple(b for b in files if b.split == split)
    if len(fitting) != 1:
        got = repr(split) if split else "nothing"
        raise UnknownTaskSetError(f"split: {name} has {' and '.join(b.split for b in files)}; got {got}")
    return fitting[0]
