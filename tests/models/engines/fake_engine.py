"""Stands in for ``vllm serve`` with adapters: its arguments, its paths, a worker process. No model.

A reply is the name of the asked model and the ids 5 and 6. ``FAKE_ENGINE_LOG`` names a file in which each start and
each loaded adapter is a line. ``FAKE_ENGINE_REFUSES`` is a part of the path of adapters that are refused. The model
``crash`` does not start, and ``stubborn`` does not end when it is asked to.
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

arguments = sys.argv[1:]
assert arguments[0] == "serve", arguments
options = dict(argument.lstrip("-").split("=", 1) for argument in arguments[2:] if "=" in argument)
adapters = arguments[arguments.index("--lora-modules") + 1 :] if "--lora-modules" in arguments else []
names = {options["served-model-name"], *(json.loads(one)["name"] for one in adapters if not one.startswith("--"))}
refused = os.environ.get("FAKE_ENGINE_REFUSES", "nothing")
if arguments[1] == "crash":
    sys.exit(print("no GPU found", file=sys.stderr) or 3)
if arguments[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def log(**what: object) -> None:
    with Path(os.environ.get("FAKE_ENGINE_LOG", os.devnull)).open("a") as file:
        file.write(json.dumps(what) + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        models = [{"id": name, "owned_by": "vllm"} for name in sorted(names)]
        self.answer(200, {"data": models, "arguments": arguments, "pid": os.getpid(), "worker_pid": worker.pid})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/load_lora_adapter":
            self.load(body)
        elif body["model"] in names:
            self.complete(body)
        else:
            self.answer(404, {"error": {"message": f"{body['model']} does not exist", "param": "model"}})

    def complete(self, body: dict[str, str]) -> None:
        time.sleep(0.05)
        logprobs = {"tokens": ["a", "b"], "token_logprobs": [-0.5, -0.5]} if body.get("logprobs") else None
        text = "JSON" if "response_format" in body else body["model"]
        choice = {"text": text, "token_ids": [5, 6], "finish_reason": "stop", "logprobs": logprobs}
        self.answer(200, {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})

    def load(self, body: dict[str, str]) -> None:
        if refused in body["lora_path"]:
            self.answer(400, {"error": {"message": "unsupported adapter"}})
        else:
            names.add(body["lora_name"])
            log(loaded=body["lora_name"], port=options["port"])
            self.answer(200, {})

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


log(
    pid=os.getpid(),
    worker=worker.pid,
    port=options["port"],
    arguments=arguments,
    gpus=os.environ.get("CUDA_VISIBLE_DEVICES"),
)
if any(refused in one for one in adapters):
    sys.exit(print("cannot read the adapter", file=sys.stderr) or 1)
ThreadingHTTPServer((options["host"], int(options["port"])), Handler).serve_forever()
