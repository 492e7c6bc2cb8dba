"""Files that other people wrote, row by row: JSONL, JSON and Parquet, plain or gzipped, folders of these, Hub data sets.

In: a path or a Hub id. Out: a ``Row`` for each row, or a ``BadRow`` that says where and why it cannot be read, so that
the caller decides whether one odd row ends the reading. Nothing is skipped but blank lines.
Not here: what a row means; our own files, whose torn last line is ignored (``understudy.runs``); corpora.
"""

from understudy.datafiles.files import read_records
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
    "read_records",
    "read_rows",
    "scalar_text",
    "texts",
]
