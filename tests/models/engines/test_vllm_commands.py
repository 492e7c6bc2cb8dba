"""The commands of vLLM on machines with GPUs, and what vLLM's own parser reads in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from understudy.models import LocalConfig
from understudy.models.engines.engine import Adapter, EngineError, Launch, Weights
from understudy.models.engines.gpus import Memory
from understudy.models.engines.vllm import Vllm, VllmConfig

BASE = "org/base"
ADAPTERS = (Adapter("lr=0.1,a@12", "/runs/lr=0.1,b/checkpoint", 9), Adapter("b@34", "/b", 128))
PARSE = """
import json, sys
try:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
except ImportError:
    from vllm.entrypoints.openai.cli_args import make_arg_parser, validate_parsed_serve_args
try:
    from vllm.utils.argparse_utils import FlexibleArgumentParser
except ImportError:
    from vllm.utils import FlexibleArgumentParser
parser = make_arg_parser(FlexibleArgumentParser())
for command in json.load(sys.stdin):
    read = parser.parse_args(["--model", *command])
    validate_parsed_serve_args(read)
    loras = [[one.name, one.path] for one in read.lora_modules or []]
    named = [read.model, read.served_model_name, read.port, read.dtype, read.generation_config]
    memory = [read.tensor_parallel_size, read.gpu_memory_utilization]
    print("READ", json.dumps([*named, *memory, bool(read.enable_lora), read.max_lora_rank, loras]))
"""


def launches(n_gpus: int, adapters: tuple[Adapter, ...] = (), **settings: object) -> list[tuple[list[str], str]]:
    """Command and ``CUDA_VISIBLE_DEVICES`` of each server on a machine of so many GPUs."""
    engine = Vllm(VllmConfig.model_validate({"executable": sys.executable, **settings}))
    memory, config = Memory([str(number) for number in range(n_gpus)]), engine.config
    n_servers = memory.n_servers(config.replicas, config.gpus_per_replica)
    share = memory.share(config.memory_share, n_servers)
    places = memory.places(n_servers, config.gpus_per_replica, share)
    assert places is not None
    weights = Weights(LocalConfig(path=BASE), "", BASE)
    made = [Launch(BASE, adapters, 8000 + number, gpus, share) for number, gpus in enumerate(places)]
    return [(engine.command(weights, one), engine.environment(one).get("CUDA_VISIBLE_DEVICES", "")) for one in made]


@pytest.mark.parametrize(
    ("n_gpus", "settings", "visible", "parallel"),
    [
        (0, {}, [""], 1),
        (1, {}, ["0"], 1),
        (2, {}, ["0", "1"], 1),
        (2, {"gpus_per_replica": 2}, ["0,1"], 2),
        (4, {"gpus_per_replica": 2}, ["0,1", "2,3"], 2),
        (4, {"replicas": 1, "gpus_per_replica": 2}, ["0,1"], 2),
        (4, {"gpus_per_replica": 3}, ["0,1,2"], 3),
        (8, {}, list("01234567"), 1),
        (8, {"gpus_per_replica": 4}, ["0,1,2,3", "4,5,6,7"], 4),
        (8, {"gpus_per_replica": 8}, ["0,1,2,3,4,5,6,7"], 8),
    ],
)
def test_all_gpus_compute_and_none_twice(
    n_gpus: int, settings: dict[str, object], visible: list[str], parallel: int
) -> None:
    made = launches(n_gpus, **settings)
    assert [gpus for _, gpus in made] == visible
    for command, _ in made:
        share = 0.9 if n_gpus else 0.4
        assert f"--gpu-memory-utilization={share}" in command
        assert (f"--tensor-parallel-size={parallel}" in command) == (parallel > 1)
        assert f"--dtype={'auto' if n_gpus else 'float32'}" in command
    assert len({command[4] for command, _ in made}) == len(made), "each has a port of its own"


def test_adapters_in_float32_on_a_gpu_are_refused() -> None:
    """vLLM's kernels for adapters assert 16 bits there, at the first request."""
    weights = Weights(LocalConfig.model_validate({"path": BASE, "dtype": "float32"}), "", BASE)
    engine = Vllm(VllmConfig(executable=sys.executable))
    assert engine.command(weights, Launch(BASE, ADAPTERS, 8000, (), 0.4))
    assert engine.command(weights, Launch(BASE, (), 8000, ("0",), 0.4))
    with pytest.raises(EngineError, match="adapters in 16 bits only: expected dtype auto"):
        engine.command(weights, Launch(BASE, ADAPTERS, 8000, ("0",), 0.4))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_vllm_reads_in_the_commands_what_we_mean() -> None:
    """``UNDERSTUDY_VLLM_PYTHON=/path/to/python pytest -m slow tests/models/engines/test_vllm_commands.py``."""
    python = os.environ.get("UNDERSTUDY_VLLM_PYTHON")
    if not python:
        pytest.skip("UNDERSTUDY_VLLM_PYTHON names no interpreter that has vLLM")
    made = chain(
        launches(0, ADAPTERS),
        launches(8, ADAPTERS, gpus_per_replica=4, memory_share=0.45, extra_arguments=["--max-model-len=8k"]),
        launches(2),
    )
    commands = [command[2:] for command, _ in made]
    done = subprocess.run(
        [python, "-c", PARSE], input=json.dumps(commands), capture_output=True, text=True, check=False, cwd=Path("/")
    )
    assert done.returncode == 0, done.stderr[-2000:]
    read = [json.loads(line.removeprefix("READ ")) for line in done.stdout.splitlines() if line.startswith("READ ")]
    loras = [[one.name, one.path] for one in ADAPTERS]
    assert read == [
        [BASE, ["base"], 8000, "float32", "vllm", 1, 0.4, True, 128, loras],
        [BASE, ["base"], 8000, "auto", "vllm", 4, 0.45, True, 128, loras],
        [BASE, ["base"], 8001, "auto", "vllm", 4, 0.45, True, 128, loras],
        [BASE, ["base"], 8000, "auto", "vllm", 1, 0.9, False, 16, []],
        [BASE, ["base"], 8001, "auto", "vllm", 1, 0.9, False, 16, []],
    ]
