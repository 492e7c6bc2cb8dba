"""The recorder: a proxy in front of an OpenAI-compatible server that stores exchanges.

``agent → recorder → upstream``, and a folder of log lines, which ``understudy.curation.traces`` reads.

* ``proxy``: an ASGI application. It forwards all bytes unchanged, streamed or not. It records chat completions and
  Responses; requests to all other paths are forwarded without being recorded.
* ``store``: a folder of append-only files with a limit on its size. Each exchange is one line, written before the last
  byte of the answer is sent, so that a killed recorder has stored everything that was answered.
* ``exchange``: the content of a line. Headers are never stored, and keys are removed from the whole line.
* ``upstream``: connections to the upstream.
* ``shadow``: a share of the conversations is also sent to a second model, and both replies are stored.
* ``streams``: a streamed answer as the equivalent complete body.

Storing never affects the client: if an exchange cannot be stored, or not in time, the answer is sent nevertheless, and
the failure is reported on stderr and counted at ``/understudy/health``. A client names its conversation in the header
``x-understudy-conversation``; ``POST /understudy/feedback`` adds a verdict, a reference answer or a comment later.

In: HTTP. Out: HTTP, and log lines. Not here: reading the lines; keys of the upstream, which clients send as before.
"""

from understudy.recorder.config import RecorderConfig, ShadowConfig
from understudy.recorder.serving import record, recording
from understudy.recorder.store import Store, StoreError

__all__ = ["RecorderConfig", "ShadowConfig", "Store", "StoreError", "record", "recording"]
