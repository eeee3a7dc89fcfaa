"""How often the detectors are right and wrong, measured; ``python -m benchmarks.accuracy`` renews ``docs/accuracy.md``.

Three kinds of data: real rows with injected defects (``mutants``), defects and hard negatives made here
(``generated``), and real data that nobody has broken (``clean_sets``).
"""

from benchmarks.accuracy.data import MUTANTS, SHARED, TARGET
from benchmarks.accuracy.mutants import CODES, broken, codes_by_line, truth

__all__ = ["CODES", "MUTANTS", "SHARED", "TARGET", "broken", "codes_by_line", "truth"]
