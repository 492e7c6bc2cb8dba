"""Tool calls as text: one file a *call form*, the way in which a model family writes them.

In: calls, or a reply. Out: the text of the calls, or the calls that a reply makes with the rest of it.
Not here: servers that read calls themselves (``models/wire.py``), and what templates do with schemas
(``models/template.py``).
"""

from understudy.models.calls.form import CallForm, ParsedCalls, UnwritableCallError
from understudy.models.calls.forms import CALL_FORMS

__all__ = ["CALL_FORMS", "CallForm", "ParsedCalls", "UnwritableCallError"]
