"""Serve a GGUF file with llama.cpp's own server code, which the package xllamacpp runs in this process.

In: some of the arguments of ``llama-server``. Out: its HTTP server, until the process is told to stop.
``llama_cpp_process`` runs this file by its path, so it imports nothing of the package.
"""

from __future__ import annotations

import argparse
import signal


def main() -> None:
    """Load the model, then wait."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    for name in ("--model", "--alias", "--host"):
        parser.add_argument(name, required=True)
    for name in ("--port", "--ctx-size", "--parallel"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args()

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = asked.model
    params.model_alias = {asked.alias}
    params.hostnames, params.port = [asked.host], asked.port
    params.n_ctx, params.n_parallel = asked.ctx_size, asked.parallel
    params.kv_unified = False  # each reply has its own part of the memory, so that no other one can fill it
    params.ui = False
    if asked.threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = asked.threads
    server = xllamacpp.Server(params)
    while server:
        signal.pause()


if __name__ == "__main__":
    main()
