"""A run directory: its manifest, its stages' folders, and the lock that keeps two processes from writing to it.

In: a path. Out: folders and records. Results are never deleted: if the settings of a stage change, its folder is moved
to ``archived/``, and it is restored if the old settings return.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue, ValidationError

from understudy.records import Manifest, StageRecord, StageRef, StageState, Target
from understudy.run_layout import ARCHIVE, MANIFEST, STAGE, stage_folder, stage_refs
from understudy.runs import LOCK_NAME, BadRecordError, RunLockedError, explain, write_atomic

_LOG = logging.getLogger(__name__)
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""Errors of ``flock`` on network and cluster file systems that cannot lock."""


class StageChangedError(Exception):
    """A half-done stage was begun with other settings, so it cannot be resumed."""


class RunDirectory:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def manifest_path(self) -> Path:
        return self.path / MANIFEST

    def folder(self, ref: StageRef) -> Path:
        """The folder of a stage."""
        return stage_folder(self.path, ref)

    def read_manifest(self) -> Manifest:
        """Raises ``FileNotFoundError`` if the folder is not a run, ``BadRecordError`` if it is a broken one."""
        try:
            return Manifest.model_validate_json(self.manifest_path.read_bytes())
        except ValidationError as error:
            raise BadRecordError(f"{self.manifest_path}: {explain(error, 'manifest')}") from None

    def write_manifest(self, manifest: Manifest) -> None:
        write_atomic(self.manifest_path, manifest.model_dump_json(indent=1) + "\n")

    def read_stage(self, ref: StageRef) -> StageRecord | None:
        """None if the stage never began."""
        path = self.folder(ref) / STAGE
        try:
            return StageRecord.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise BadRecordError(f"{path}: {explain(error, 'stage')}") from None

    def is_done(self, ref: StageRef) -> bool:
        record = self.read_stage(ref)
        return record is not None and record.state is StageState.DONE

    def write_stage(self, record: StageRecord) -> None:
        write_atomic(self.folder(record.ref) / STAGE, record.model_dump_json(indent=1) + "\n")

    def archive(self, record: StageRecord) -> Path:
        """Move a stage's folder to the archive and return its new path."""
        archived = self._archived(record.ref, record.fingerprint)
        archived.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while archived.exists():
            number += 1
            archived = archived.with_name(f"{record.name}-{record.fingerprint}.{number}")
        self.folder(record.ref).rename(archived)
        return archived

    def restore(self, ref: StageRef, fingerprint: str) -> bool:
        """Move an archived stage with these settings back; return whether there was one."""
        archived = self._archived(ref, fingerprint)
        if self.folder(ref).exists() or not archived.exists():
            return False
        self.folder(ref).parent.mkdir(parents=True, exist_ok=True)
        archived.rename(self.folder(ref))
        return True

    def _archived(self, ref: StageRef, fingerprint: str) -> Path:
        return self.path / ARCHIVE / ref.kind / f"{ref.name}-{fingerprint}"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for writing. Raises ``RunLockedError`` if another process holds it."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOCK_NAME).open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                raise RunLockedError(f"{self.path}: is being written to by {holder}") from None
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise OSError(error.errno, error.strerror, lock.name) from error
                _LOG.warning("%s: this file system has no locks; start no second run in this folder", self.path)
            lock.truncate(0)
            lock.write(f"process {os.getpid()}")
            lock.flush()
            yield


def list_stages(path: Path) -> list[StageRecord]:
    """All stages that a run has begun, by kind and name."""
    directory = RunDirectory(path)
    return [record for ref in stage_refs(path) if (record := directory.read_stage(ref)) is not None]


def changed_settings(old: dict[str, JsonValue], new: dict[str, JsonValue], prefix: str = "") -> list[str]:
    """One line for each setting that differs: ``agent.max_steps: was 5, is 6``."""
    lines: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            lines += changed_settings(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key}: was {before!r}, is {after!r}")
    return lines


def now() -> str:
    """UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()


def started(
    ref: StageRef, provides: Target | None, fingerprint: str, settings: dict[str, JsonValue], inputs: dict[str, str]
) -> StageRecord:
    """The record of a stage that starts now."""
    return StageRecord(
        kind=ref.kind,
        name=ref.name,
        provides=provides,
        state=StageState.RUNNING,
        fingerprint=fingerprint,
        settings=settings,
        inputs=inputs,
        started=now(),
    )
