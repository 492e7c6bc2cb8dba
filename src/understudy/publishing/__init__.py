"""Publishing: what a run made, as repositories of the Hugging Face Hub that others can read, check and run again.

In: the facts of a run, its examples, attempts and student. Out: folders with cards written from these facts, a list of
what must not leave this machine, an upload, and the recipe that a card holds. Not here: selecting the student of a run
(``understudy.pipeline.publishing``). Nothing is sent unless ``upload`` is called.
"""

from understudy.publishing.facts import Base, Publication, Repository, Teacher
from understudy.publishing.reading import CardError, PublishedRun, read_card
from understudy.publishing.screening import Refusal, screen
from understudy.publishing.upload import UploadError, upload
from understudy.publishing.writing import write_data, write_model

__all__ = [
    "Base",
    "CardError",
    "Publication",
    "PublishedRun",
    "Refusal",
    "Repository",
    "Teacher",
    "UploadError",
    "read_card",
    "screen",
    "upload",
    "write_data",
    "write_model",
]
