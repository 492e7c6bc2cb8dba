"""Stands in for ``vllm serve``: the same arguments, a worker process, the same health probe. No model."""

import json
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

arguments = sys.argv[1:]
assert arguments[0] == "serve", arguments
model = arguments[1]
options = dict(argument.lstrip("-").split("=", 1) for argument in arguments[2:] if "=" in argument)
if model == "crash":
    sys.exit(print("no GPU found", file=sys.stderr) or 3)
if model == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
names = [options["served-model-name"]]
if "--lora-modules" in arguments:
    names.append(arguments[arguments.index("--lora-modules") + 1].split("=")[0])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        if self.path == "/v1/models":
            body = {
                "data": [{"id": name, "owned_by": "vllm"} for name in names],
                "arguments": arguments,
                "worker_pid": worker.pid,
                "pid": __import__("os").getpid(),
            }
            self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


HTTPServer((options["host"], int(options["port"])), Handler).serve_forever()
