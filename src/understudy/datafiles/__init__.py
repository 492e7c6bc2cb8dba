"""Files that other people wrote, row by row: JSONL, JSON and Parquet, plain or gzipped, folders, Hub data sets.

In: a path or a Hub id. Out: a ``Row`` for each row, or a ``BadRow`` that says where and why it cannot be read, so that
the caller decides whether one odd row ends the reading. Nothing is skipped but blank lines.
Not here: what a row means; our own files, which are records (``understudy.runs``); corpora.
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
