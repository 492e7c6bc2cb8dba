"""The recorder: a proxy before an OpenAI-compatible server that keeps what passes.

``agent → recorder → upstream``; beside it a folder of log lines, which ``understudy.curation.traces`` reads.

* ``proxy``: an ASGI application. Bytes pass unchanged, streamed or not. Chat completions and Responses are recorded;
  every other path passes unrecorded.
* ``store``: a folder of files that are only appended to, with a bound on its size. One line an exchange, written before
  the last byte of the answer goes out, so that a killed recorder has all that was answered.
* ``exchange``: what a line holds. Headers are never written, and keys are removed wherever they stand.
* ``upstream``: connections to the upstream.
* ``shadow``: a share of the conversations goes to a second model too, and both replies are kept.
* ``streams``: a streamed answer as the body that it stands for.

The client never suffers: if an exchange cannot be stored, or not in time, the answer goes out all the same, and it is
said on stderr and counted at ``/understudy/health``. A client names its conversation by the header
``x-understudy-conversation``; ``POST /understudy/feedback`` attaches a verdict, a reference answer or a comment later.

In: HTTP. Out: HTTP, and log lines. Not here: reading the lines; keys of the upstream, which clients send as before.
"""

from understudy.recorder.config import RecorderConfig, ShadowConfig
from understudy.recorder.serving import record, recording
from understudy.recorder.store import Store, StoreError

__all__ = ["RecorderConfig", "ShadowConfig", "Store", "StoreError", "record", "recording"]
