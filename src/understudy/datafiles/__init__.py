"""Foreign files, row by row: JSONL, JSON and Parquet, plain or gzipped, folders, Hub data sets.

In: a path or a Hub id. Out: a ``Row`` for each row, or a ``BadRow`` that names the place and the reason why it cannot
be read; the caller decides whether to continue. Only blank lines are skipped. Not here: the meaning of a row; our own
files, which contain records (``understudy.runs``); corpora.
"""

from understudy.datafiles.folders import hub_rows, read_rows
from understudy.datafiles.rows import BadRow, DataFileError, Row, Rows
from understudy.datafiles.values import parse_json, scalar_text, texts

__all__ = [
    "BadRow",
    "DataFileError",
    "Row",
    "Rows",
    "hub_rows",
    "parse_json",
    "read_rows",
    "scalar_text",
    "texts",
]
