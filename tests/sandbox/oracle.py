"""Plain CPython, for comparison: reads programs as JSON, runs each in a namespace of its own, writes what came of
every action.
"""

import ast
import contextlib
import io
import json
import random
import sys
import types


def main() -> None:
    """From standard input to standard output."""
    programs = json.load(sys.stdin)
    json.dump({name: run(actions) for name, actions in programs.items()}, sys.stdout)


def run(actions: list[str]) -> list[list[object]]:
    """Printed text, value and error of each action."""
    import numpy

    random.seed(7)
    numpy.random.seed(7)
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    return [one(code, module.__dict__) for code in actions]


def one(code: str, namespace: dict[str, object]) -> list[object]:
    """One action."""
    printed = io.StringIO()
    value: object = None
    error = ""
    with contextlib.redirect_stdout(printed):
        try:
            tree = ast.parse(code)
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "<a>", "exec"), namespace)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "<a>", "eval"), namespace)
        except SystemExit:
            pass
        except BaseException as raised:
            error = type(raised).__name__
    return [printed.getvalue(), show(value), error]


def show(value: object) -> object:
    """As the sandbox promises: text and numpy scalars by ``str``, the rest by ``repr``."""
    import numpy

    if value is None:
        return None
    if isinstance(value, (str, numpy.generic)) or (isinstance(value, numpy.ndarray) and value.ndim == 0):
        return str(value)
    return repr(value)


if __name__ == "__main__":
    main()
