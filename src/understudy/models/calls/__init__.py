"""Tool calls as text. Each file holds one *call form*: the way in which a model family writes calls.

In: calls, or a reply. Out: the text of the calls, or the calls in a reply and the rest of its text. Not here: servers
that parse calls themselves (``models/wire.py``), and how templates use schemas (``models/template.py``).
"""

from understudy.models.calls.form import CallForm, ParsedCalls, UnwritableCallError
from understudy.models.calls.forms import CALL_FORMS

__all__ = ["CALL_FORMS", "CallForm", "ParsedCalls", "UnwritableCallError"]
