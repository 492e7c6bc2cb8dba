"""The texts behind the rows, a chunk at a time.

In: a run directory and the key of a collection. Out: ``Body`` records in the order of the file, as JSON lines in
chunks of ``CHUNK_ROWS``. Only the current chunk is in memory. Not here: compression, the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from understudy.records import Example, Trajectory
from understudy.report.as_json import as_json
from understudy.report.data import CHUNK_ROWS, Body, CollectionKind
from understudy.report.masks import character_mask, open_mask_maker
from understudy.report.rows import read_if_there, read_scores
from understudy.run_layout import EXAMPLES, SCORES, TRAJECTORIES

MAX_TOKEN_MASKS = 500
"""Examples of a curation that are shown in tokens; later ones are shown in characters, to limit the size and time of a
report."""


def bodies(run_dir: Path, key: str) -> Iterator[Body]:
    """Yield the body of every record of a collection. Raises ``BadRecordError`` like ``read_jsonl``."""
    folder = run_dir / key
    if key.startswith(f"{CollectionKind.CURATE}/") or not (folder / TRAJECTORIES).is_file():
        maker = open_mask_maker(run_dir, key)
        for number, example in enumerate(read_if_there(folder / EXAMPLES, Example)):
            masks = maker.masks(example) if number < MAX_TOKEN_MASKS else (character_mask(example),)
            yield Body(example=example, masks=masks)
        return
    scores = read_scores(folder / SCORES)
    for trajectory in read_if_there(folder / TRAJECTORIES, Trajectory):
        yield Body(trajectory=trajectory, scores=scores.get(trajectory.id, ()))


def chunks(run_dir: Path, key: str) -> Iterator[bytes]:
    """Yield the bodies of a collection as JSON lines, ``CHUNK_ROWS`` at a time."""
    source = bodies(run_dir, key)
    while lines := [as_json(body) for body in islice(source, CHUNK_ROWS)]:
        yield "\n".join(lines).encode()


def chunk(run_dir: Path, key: str, number: int) -> bytes:
    """Return one chunk; empty if the collection ends before it."""
    source = islice(bodies(run_dir, key), number * CHUNK_ROWS, (number + 1) * CHUNK_ROWS)
    return "\n".join(as_json(body) for body in source).encode()
