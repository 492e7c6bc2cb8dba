"""The known call forms."""

from __future__ import annotations

from understudy.models.calls.form import CallForm
from understudy.models.calls.hermes import HermesForm
from understudy.models.calls.llama_json import LlamaJsonForm
from understudy.models.calls.phi4_mini import Phi4MiniForm
from understudy.models.calls.plain import PlainForm
from understudy.models.calls.qwen_xml import QwenXmlForm

PLAIN = PlainForm()
PHI4_MINI = Phi4MiniForm()
WRITTEN_BY_TEMPLATES: tuple[CallForm, ...] = (HermesForm(), QwenXmlForm(), LlamaJsonForm())
"""The forms that are tried on the text that a template writes for a call."""
CALL_FORMS: dict[str, CallForm] = {form.name: form for form in (*WRITTEN_BY_TEMPLATES, PHI4_MINI, PLAIN)}
"""By name."""
