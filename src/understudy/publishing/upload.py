"""Sends a repository to the Hub, and checks that every file arrived. In: a ``Repository``. Out: the address of its
commit. The Hub's own client does the work and finds the user's token. Not here: what may be sent (``screening``).
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.extras import require
from understudy.publishing.facts import RepoKind, Repository


class UploadError(RuntimeError):
    """The Hub refused the upload, or does not hold what was sent."""


def upload(
    repository: Repository, *, private: bool = True, message: str = "Upload by understudy push"
) -> Iterator[str]:
    """Make the repository if it does not exist, and send all its files in one commit; yield a sentence for each result.

    ``private``: of a new repository. Raises ``UploadError``.
    """
    require("hub", "publishing on the Hub", "huggingface_hub")
    import httpx
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    api, kind = HfApi(), str(repository.kind)
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=repository.folder / name) for name in repository.files()
    ]
    try:
        api.create_repo(repository.id, repo_type=kind, private=private, exist_ok=True)
        commit = api.create_commit(repository.id, operations, commit_message=message, repo_type=kind)
        found = api.get_paths_info(repository.id, list(repository.files()), repo_type=kind, revision=commit.oid)
    except OfflineModeIsEnabled:
        raise UploadError("HF_HUB_OFFLINE is set, so nothing can be sent: HF_HUB_OFFLINE=0 allows it") from None
    except (HfHubHTTPError, httpx.HTTPError, RuntimeError) as error:
        raise UploadError(f"{address(repository)}: {_reason(error)}") from error
    sizes = {one.path: getattr(one, "size", -1) for one in found}
    if wrong := [name for name, size in repository.files().items() if sizes.get(name) != size]:
        raise UploadError(f"{address(repository)}: the Hub does not hold what was sent: {', '.join(wrong)}")
    yield f"{address(repository)}: {len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB, commit {commit.oid[:8]}"


def address(repository: Repository) -> str:
    """The page of the repository."""
    from huggingface_hub import constants

    prefix = "datasets/" if repository.kind is RepoKind.DATASET else ""
    return f"{constants.ENDPOINT}/{prefix}{repository.id}"


def _reason(error: Exception) -> str:
    """The cause of an upload's error in one line."""
    cause: BaseException = error.__cause__ or error
    return " ".join(str(cause).split()) or type(cause).__name__
