"""``understudy index``: parsing only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from understudy.cli.command_list import CommandList

index_app = typer.Typer(cls=CommandList, help="Build, serve and search an index of passages.", no_args_is_help=True)
out = Console(soft_wrap=True, highlight=False)

Dense = Annotated[bool, typer.Option("--dense", help="Search by an encoder's vectors instead of BM25.")]
Folder = Annotated[Path, typer.Argument(help="Folder of the index.")]
Corpus = Annotated[Path | None, typer.Option(help="Path of the corpus, if it was moved.")]
EncoderName = Annotated[str | None, typer.Option(help="Encoder: folder or Hub id, such as intfloat/e5-base-v2.")]
QueryPrefix = Annotated[str, typer.Option(help="Prefix that the encoder expects before a query.")]
PassagePrefix = Annotated[str, typer.Option(help="Prefix that the encoder expects before a passage.")]


@index_app.command()
def build(
    corpus: Annotated[Path, typer.Argument(help="JSONL, plain or gzipped: id, contents (or title, text).")],
    folder: Folder,
    encoder: EncoderName = None,
    query_prefix: QueryPrefix = "query: ",
    passage_prefix: PassagePrefix = "passage: ",
    recall: Annotated[float | None, typer.Option(help="Share of the exact best ten that dense search finds.")] = None,
    tuning_queries: Annotated[Path | None, typer.Option(help="Questions to tune on, one per line.")] = None,
) -> None:
    """Build a BM25 index and, with an encoder, a dense one. A killed build resumes."""
    from understudy.retrieval import BuildConfig, TransformerEncoderConfig, build_index

    settings = None
    if encoder is not None:
        settings = TransformerEncoderConfig(model=encoder, query_prefix=query_prefix, passage_prefix=passage_prefix)
    config = BuildConfig(corpus=corpus, folder=folder, encoder=settings, tuning_queries=tuning_queries)
    made = build_index(config if recall is None else config.model_copy(update={"recall": recall}))
    out.print_json(made.model_dump_json())


@index_app.command()
def download(
    folder: Folder,
    name: Annotated[str, typer.Option(help="Name of a public corpus.")] = "wiki-18",
    vectors: Annotated[bool, typer.Option("--vectors", help="Also download its e5 vectors (60 GB).")] = False,
) -> None:
    """Download a public corpus and build an index of it. A killed download resumes."""
    from understudy.retrieval import DownloadConfig, download_corpus

    out.print_json(
        download_corpus(
            DownloadConfig.model_validate({"name": name, "folder": folder, "vectors": vectors})
        ).model_dump_json()
    )


@index_app.command()
def info(
    folder: Folder,
    verify: Annotated[bool, typer.Option("--verify", help="Read every byte and refuse damaged files.")] = False,
    corpus: Corpus = None,
) -> None:
    """Show the contents of an index and how it was tuned."""
    from understudy.retrieval import index_info

    out.print_json(index_info(folder, verify=verify, corpus=corpus).model_dump_json())


@index_app.command()
def search(
    folder: Folder,
    query: str,
    k: Annotated[int, typer.Option(help="Number of passages.")] = 3,
    dense: Dense = False,
    corpus: Corpus = None,
) -> None:
    """Search an index, and print the passages as an agent reads them."""
    from contextlib import closing

    from understudy.retrieval import DenseConfig, LexicalConfig, open_retriever
    from understudy.tools import SearchShape, write_hits

    config = DenseConfig(folder=folder, corpus=corpus) if dense else LexicalConfig(folder=folder, corpus=corpus)
    with closing(open_retriever(config)) as retriever:
        out.print(write_hits(retriever.search([query], k)[0], SearchShape.FULL), markup=False)


@index_app.command()
def serve(
    folder: Folder,
    dense: Dense = False,
    corpus: Corpus = None,
    device: Annotated[str, typer.Option(help="cuda: compare every row on the GPU. Only with --dense.")] = "cpu",
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    token_env: Annotated[str | None, typer.Option(help="Environment variable with the clients' token.")] = None,
) -> None:
    """Serve an index over HTTP (POST /retrieve, as Search-R1's clients expect) until Ctrl-C."""
    from understudy.retrieval import DenseConfig, LexicalConfig, ServeConfig, ServiceConfig, serve_index

    if device != "cpu" and not dense:
        raise typer.BadParameter("only dense search runs on a GPU: add --dense", param_hint="--device")
    lexical = LexicalConfig(folder=folder, corpus=corpus)
    config = DenseConfig(folder=folder, corpus=corpus, device=device) if dense else lexical
    serve_index(ServeConfig(retrieval=config, service=ServiceConfig(host=host, port=port, token_env=token_env)))
