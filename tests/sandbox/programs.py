# ruff: noqa: E501 - one line a case is what lets the list be read
"""Ordinary programs, of the kind that models write: each a name and the actions of one episode. Plain CPython is the
oracle.
"""

from __future__ import annotations

PROGRAMS: dict[str, tuple[str, ...]] = {
    "arithmetic": ("x = 3\ny = x ** 5 - 7\ny", "y // 2, y % 5, -y / 3"),
    "from the future": (
        "from __future__ import annotations\ndef f(a: Missing) -> AlsoMissing: return a\nprint(f(1), f.__annotations__)",
    ),
    "big integers": ("2 ** 400", "import math\nmath.factorial(60)"),
    "floats": ("0.1 + 0.2", "1e308 * 10", "float('nan')", "round(2.675, 2)"),
    "nested loops": (
        "for i in range(3):\n    for j in range(3):\n        for k in range(2):\n            print(i, j, k)",
    ),
    "for else": (
        "for n in range(2, 20):\n    for d in range(2, n):\n        if n % d == 0:\n            break\n    else:\n        print(n)",
    ),
    "while else": ("n = 5\nwhile n:\n    n -= 1\nelse:\n    print('done', n)",),
    "and or values": ("a, b = 3, 0\nprint(a and b, a or b, not a, a and 'x')",),
    "chained comparison": ("x = 5\nprint(1 < x < 10, 1 < x > 7, x == 5 != 6)",),
    "walrus": ("print([y := 4, y ** 2])\nwhile (y := y - 1) > 0:\n    print(y)",),
    "match": (
        "def f(v):\n    match v:\n        case {'a': [x, *rest]}: return x, rest\n        case (1, y) | [2, y]: return y\n        case str() as s if s: return s\n        case _: return None",
        "f({'a': [1, 2, 3]}), f((1, 9)), f([2, 8]), f('q'), f(0)",
    ),
    "generators": (
        "def squares(n):\n    for i in range(n):\n        got = yield i * i\n        if got: print('got', got)\ng = squares(4)\nprint(next(g), g.send('hello'))",
        "list(g)",
    ),
    "yield from": (
        "def flat(x):\n    if isinstance(x, list):\n        for y in x: yield from flat(y)\n    else: yield x\nlist(flat([1, [2, [3, [4]], 5]]))",
    ),
    "nonlocal": (
        "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up\nc = counter()\nc(); c()",
        "c()",
    ),
    "global": ("total = 0\ndef add(n):\n    global total\n    total += n\nfor i in range(5): add(i)", "total"),
    "closures": (
        "fs = [lambda i=i: i * 10 for i in range(3)]\n[f() for f in fs]",
        "[f() for f in [lambda: i for i in range(3)]]",
    ),
    "recursion": (
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(17)",
        "def depth(n): return 0 if n == 0 else 1 + depth(n - 1)\ndepth(800)",
    ),
    "memo": (
        "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(n): return n if n < 2 else f(n - 1) + f(n - 2)\nf(80)",
        "f.cache_info()",
    ),
    "classes": (
        "class A:\n    count = 0\n    def __init__(self, x): self.x = x; A.count += 1\n    def __repr__(self): return f'A({self.x})'\n    def __eq__(self, o): return self.x == o.x\n    def __hash__(self): return hash(self.x)\nclass B(A):\n    def __init__(self, x): super().__init__(x + 1)\nA(1), B(1), A.count",
        "A(2) == B(1), {A(1), A(1)}",
    ),
    "properties": (
        "class C:\n    def __init__(self): self._v = 1\n    @property\n    def v(self): return self._v\n    @v.setter\n    def v(self, n): self._v = n * 2\n    @classmethod\n    def make(cls): return cls()\n    @staticmethod\n    def s(): return 's'\nc = C.make(); c.v = 4\nc.v, C.s()",
    ),
    "dataclass": (
        "from dataclasses import dataclass, field\n@dataclass(order=True, frozen=True)\nclass P:\n    x: int\n    y: list = field(default_factory=list, compare=False)\nsorted([P(3), P(1), P(2)])",
        "import dataclasses\ndataclasses.replace(P(1), x=9)",
    ),
    "enum": (
        "from enum import Enum, auto\nclass E(Enum):\n    A = auto()\n    B = auto()\nlist(E), E['B'].value, E(1)",
    ),
    "typing": (
        "from typing import NamedTuple, Optional\nclass T(NamedTuple):\n    a: int\n    b: Optional[str] = None\nT(1), T(1)._asdict()",
    ),
    "metaclass": (
        "class M(type):\n    def __new__(m, n, b, d): d['made'] = n; return super().__new__(m, n, b, d)\nclass X(metaclass=M): pass\nX.made",
    ),
    "decorators": (
        "def twice(f):\n    def g(*a, **k): return f(f(*a, **k), **k)\n    return g\n@twice\ndef inc(x, by=1): return x + by\ninc(3), inc(3, by=10)",
    ),
    "arguments": (
        "def f(a, /, b, *args, c=3, **kw): return a, b, args, c, kw\nf(1, 2, 3, 4, c=5, d=6), f(*[1, 2], **{'z': 1})",
    ),
    "unpacking": (
        "a, *b, c = range(6)\n(d, e), f = (1, 2), 3\nprint(a, b, c, d, e, f, *[7, 8], sep='-')\n{**{'x': 1}, 'y': 2}, [*range(3), *'ab']",
    ),
    "comprehensions": (
        "{k: v for k, v in zip('abc', range(3)) if v}, {x % 3 for x in range(10)}, [(i, j) for i in range(3) for j in range(i)]",
    ),
    "slices": ("s = list(range(10))\ns[2:8:2] = 'abc'\ndel s[0]\ns, s[::-1], s[-3:]",),
    "strings": (
        "s = 'The quick brown fox'\ns.split(), s.title(), s[::-1], s.replace('quick', 'slow'), s.find('fox'), s.center(30, '*')",
        "f'{3.14159:.2f}|{42:>8}|{255:#x}|{1e9:,.0f}|{s!r:.5}|{s=}'",
        "'%s %05d %.1f' % ('a', 7, 2.25), '{:^9}|{0}'.replace('0', '')",
    ),
    "unicode": (
        "import unicodedata\nunicodedata.normalize('NFD', 'é'), 'straße'.upper(), len('👩‍👧'), unicodedata.name('π')",
        "print('naïve Ω ≈ 漢字 🎉')",
    ),
    "bytes": ("b = 'h\\u00e9'.encode()\nb, b.hex(), bytearray(b)[::-1], int.from_bytes(b, 'big')",),
    "regex": (
        "import re\nre.findall(r'(\\w+)@(\\w+)', 'a@b, cc@dd'), re.sub(r'(\\d)', lambda m: str(int(m[1]) * 2), 'a1b2')",
        "re.match(r'(?P<y>\\d{4})-(?P<m>\\d\\d)', '2024-05').groupdict()",
    ),
    "exceptions": (
        "try:\n    1 / 0\nexcept (ValueError, ZeroDivisionError) as e:\n    print(type(e).__name__, e)\nelse:\n    print('no')\nfinally:\n    print('fin')",
        "try:\n    raise KeyError('k') from ValueError('v')\nexcept KeyError as e:\n    print(repr(e), repr(e.__cause__))",
    ),
    "exception group": (
        "try:\n    raise ExceptionGroup('g', [ValueError(1), TypeError(2)])\nexcept* ValueError as e:\n    print('v', e.exceptions)\nexcept* TypeError as e:\n    print('t', e.exceptions)",
    ),
    "errors keep state": ("a = 1\nb = 2\n1 / 0", "a + b", "undefined_name", "a"),
    "error after print": ("print('one')\nprint('two')\n[][1]\nprint('never')",),
    "syntax error": ("x = 1", "if x print(x)", "x"),
    "own exception": ("class Oops(Exception):\n    def __str__(self): return 'oops!'\nraise Oops()", "Oops.__name__"),
    "assert": ("assert 1 + 1 == 2\nassert [], 'empty'",),
    "context manager": (
        "from contextlib import contextmanager, suppress\n@contextmanager\ndef tag(t):\n    print('<' + t + '>')\n    try: yield t\n    finally: print('</' + t + '>')\nwith tag('a') as x, tag('b'):\n    print(x)\nwith suppress(ZeroDivisionError): 1 / 0",
    ),
    "combinations": (
        "import itertools\nlen(list(itertools.combinations(range(10), 3))), list(itertools.permutations('abc'))[:3], list(itertools.product([0, 1], repeat=3))[-1]",
        "list(itertools.accumulate([1, 2, 3])), list(itertools.islice(itertools.count(5, 2), 3)), [(k, len(list(g))) for k, g in itertools.groupby('aaabb')]",
    ),
    "collections": (
        "from collections import Counter, defaultdict, deque, OrderedDict, namedtuple, ChainMap\nCounter('mississippi').most_common(2)",
        "d = defaultdict(list)\nfor i in range(6): d[i % 2].append(i)\ndict(d), deque([1, 2, 3], maxlen=2)",
        "namedtuple('P', 'x y')(1, 2)",
    ),
    "queue": (
        "import queue\nq = queue.PriorityQueue()\nfor n in (3, 1, 2): q.put(n)\n[q.get() for _ in range(3)], q.empty()",
        "from queue import Queue, LifoQueue\ns = LifoQueue(); s.put('a'); s.put('b'); s.get()",
    ),
    "heap": (
        "import heapq, bisect\nh = [5, 1, 4]; heapq.heapify(h); heapq.heappush(h, 0)\n[heapq.heappop(h) for _ in range(4)], bisect.bisect([1, 3, 5], 3)",
    ),
    "dates": (
        "from datetime import date, datetime, timedelta\n(date(2024, 3, 1) - date(2024, 2, 1)).days, date(2000, 1, 1) + timedelta(weeks=3), date(2024, 2, 29).strftime('%A %d %B %Y')",
        "datetime.strptime('2020-05-17 13:45', '%Y-%m-%d %H:%M').isoformat()",
        "import calendar\ncalendar.isleap(1900), calendar.month_name[2]",
    ),
    "statistics": (
        "import statistics\nstatistics.mean([1, 2, 4]), statistics.median([3, 1, 2]), statistics.stdev([1, 2, 3, 4]), statistics.mode('aab')",
    ),
    "random is seeded": (
        "import random\nrandom.random(), random.randint(1, 100), random.sample(range(50), 5)",
        "random.shuffle(x := list(range(6)))\nx",
    ),
    "fractions": (
        "from fractions import Fraction\nfrom decimal import Decimal, getcontext\nFraction(1, 3) + Fraction(1, 6), Decimal('0.1') + Decimal('0.2')",
        "getcontext().prec = 30\nDecimal(2).sqrt()",
    ),
    "json": (
        "import json\njson.dumps({'b': [1, None, True], 'a': 'é'}, sort_keys=True), json.loads('[1.5, {\"x\": null}]')",
        "json.loads('{bad')",
    ),
    "cmath": (
        "import cmath, math\ncmath.sqrt(-2), math.isqrt(10 ** 20), math.gcd(84, 36), math.comb(10, 4), math.perm(5, 2), math.hypot(3, 4)",
    ),
    "sorting": (
        "words = 'pear fig apple kiwi'.split()\nsorted(words, key=lambda w: (len(w), w)), max(words, key=len), sorted(range(5), key=lambda n: -n)",
        "words.sort(reverse=True)\nwords",
    ),
    "map filter": (
        "list(map(lambda x, y: x * y, [1, 2], [3, 4])), list(filter(None, [0, 1, '', 'a'])), sum(x for x in range(10) if x % 2), any([]), all([])",
        "from functools import reduce\nreduce(lambda a, b: a * b, range(1, 6))",
    ),
    "enumerate zip": (
        "for i, (a, b) in enumerate(zip('ab', 'cd', strict=True), 1): print(i, a, b)",
        "list(zip(*[(1, 2), (3, 4)])), list(reversed('abc'))",
    ),
    "sieve": (
        "def sieve(n):\n    p = [True] * (n + 1); p[:2] = [False] * 2\n    for i in range(2, int(n ** .5) + 1):\n        if p[i]: p[i * i::i] = [False] * len(p[i * i::i])\n    return [i for i, v in enumerate(p) if v]\nprint(len(sieve(100000)))\nsieve(50)",
    ),
    "dynamic programming": (
        "def lcs(a, b):\n    t = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]\n    for i, x in enumerate(a):\n        for j, y in enumerate(b):\n            t[i + 1][j + 1] = t[i][j] + 1 if x == y else max(t[i][j + 1], t[i + 1][j])\n    return t[-1][-1]\nlcs('AGGTABQWERTY' * 5, 'GXTXAYBWER' * 5)",
    ),
    "n queens": (
        "def queens(n, row=0, cols=(), d1=(), d2=()):\n    if row == n: return 1\n    return sum(queens(n, row + 1, cols + (c,), d1 + (row - c,), d2 + (row + c,)) for c in range(n) if c not in cols and row - c not in d1 and row + c not in d2)\nqueens(6)",
    ),
    "graph search": (
        "from collections import deque\ng = {0: [1, 2], 1: [3], 2: [3], 3: [4], 4: []}\ndef bfs(s):\n    seen, q = {s: 0}, deque([s])\n    while q:\n        u = q.popleft()\n        for v in g[u]:\n            if v not in seen:\n                seen[v] = seen[u] + 1; q.append(v)\n    return seen\nbfs(0)",
    ),
    "numpy": (
        "import numpy as np\na = np.arange(12).reshape(3, 4)\na.sum(), a.mean(axis=0), a.T @ a",
        "np.linalg.solve(np.array([[3., 1], [1, 2]]), np.array([9., 8]))",
        "np.where(a > 5, a, -1)[1], np.float64(2.5), np.array(3)",
        "a.max()",
    ),
    "numpy linear algebra": (
        "import numpy as np\nnp.round(np.linalg.eigvalsh(np.array([[2., 1], [1, 2]])), 8), np.linalg.det(np.eye(3)), np.round(np.fft.fft([1, 2, 3, 4]), 6)",
        "np.polyfit([0, 1, 2], [1, 3, 7], 2).round(6)",
        "np.linalg.inv(np.zeros((2, 2)))",
    ),
    "numpy random is seeded": (
        "import numpy as np\nnp.random.rand(3), np.random.randint(0, 10, 5)",
        "np.random.default_rng(3).normal(size=2)",
    ),
    "sympy solve": (
        "from sympy import symbols, solve, Eq, sqrt, Rational, simplify\nx, y = symbols('x y')\nsolve(x ** 2 - 5 * x + 6, x)",
        "solve([Eq(x + y, 10), Eq(x - y, 2)], [x, y])",
        "simplify((x ** 2 - 1) / (x - 1)), sqrt(8), Rational(1, 3) + Rational(1, 6)",
    ),
    "sympy calculus": (
        "import sympy as sp\nx = sp.Symbol('x')\nsp.diff(sp.sin(x) * sp.exp(x), x), sp.integrate(x ** 2 * sp.cos(x), x), sp.limit(sp.sin(x) / x, x, 0)",
        "sp.series(sp.exp(x), x, 0, 5), sp.summation(x, (x, 1, 100))",
        "print(sp.pi.evalf(30))",
    ),
    "sympy number theory": (
        "from sympy import factorint, primerange, isprime, divisors, totient, mod_inverse, nextprime\nfactorint(360), list(primerange(10, 30)), isprime(97), divisors(28), totient(36), nextprime(100)",
        "from sympy.ntheory.modular import crt\ncrt([3, 5, 7], [2, 3, 2])",
    ),
    "sympy parsing": (
        "import sympy as sp\nsp.sympify('x**2 + 2*x + 1').factor(), sp.latex(sp.sqrt(2) / 2), sp.N('pi/4', 10)",
        "from sympy.parsing.sympy_parser import parse_expr\nparse_expr('2*x + 3').subs('x', 4)",
        "f = sp.lambdify(sp.Symbol('x'), sp.sin(sp.Symbol('x')) ** 2)\nround(float(f(1.0)), 10)",
    ),
    "sympy matrices": (
        "from sympy import Matrix, Symbol, eye\nm = Matrix([[1, 2], [3, 4]])\nm.det(), m.inv(), m.eigenvals(), (m * eye(2)).T",
        "m.rref()",
    ),
    "sympy equations": (
        "from sympy import *\nx = symbols('x', positive=True)\nsolveset(x ** 3 - 8, x, S.Reals), nsolve(cos(x) - x, 0.7), reduce_inequalities([x ** 2 < 9])",
        "dsolve(Function('f')(x).diff(x) - Function('f')(x))",
        "minimum((x - 2) ** 2, x, Interval(0, 5)), expand((x + 1) ** 4), apart(1 / (x * (x + 1)))",
    ),
    "sympy geometry": (
        "from sympy.geometry import Point, Triangle, Circle\nTriangle(Point(0, 0), Point(4, 0), Point(0, 3)).area, Circle(Point(0, 0), 2).circumference",
        "from sympy.combinatorics import Permutation\nPermutation([1, 2, 0]).job()",
        "from sympy.stats import Die, E\nE(Die('d', 6))",
    ),
    "redefinition": ("def f(): return 1\nf()", "def f(): return 2\nf()", "f = 3\nf"),
    "shadowed builtins": (
        "list = [1, 2]\nsum = 0\nfor v in list: sum += v\nsum",
        "str = 'text'\nprint(str, sum)",
        "max = 5\nmax",
    ),
    "deleting": ("a = 1; b = 2\ndel a", "a", "b"),
    "last expression": (
        "1; 2; 3",
        "'text'",
        "None",
        "x = 5",
        "if True:\n    7",
        "(lambda: 9)()",
        "...",
        "print('p') or 4",
    ),
    "async": (
        "async def f(n): return n * 2\nc = f(4)\ntry:\n    c.send(None)\nexcept StopIteration as e:\n    print(e.value)",
    ),
    "printing": (
        "print('a', 'b', sep='|', end='!\\n')\nprint()\nprint([1, 'x', None], {'k': (1,)})\nfor i in range(3): print(i, end=' ')",
        "import sys\n" if False else "print(*range(5), flush=True)",
    ),
    "string building": (
        "import string, textwrap\nstring.ascii_lowercase[:5], string.Template('$a!').substitute(a=1), textwrap.fill('a b c d e f', 5)",
        "print('\\n'.join('*' * n for n in range(1, 4)))",
    ),
    "copying": ("import copy\na = [[1], [2]]\nb = copy.deepcopy(a); c = a[:]\na[0].append(9)\na, b, c",),
    "introspection": (
        "def f(a: int, b='x') -> str:\n    'doc'\n    return b\nf.__doc__, f.__annotations__, f.__name__, callable(f), type(f).__name__",
        "hasattr(f, 'x'), getattr(f, 'x', 1), isinstance(f, object), __name__",
    ),
    "operators": (
        "from operator import itemgetter, mul\nsorted([{'a': 2}, {'a': 1}], key=itemgetter('a')), 5 ^ 3, 5 & 3, 5 | 3, ~5, 1 << 10, 7 // -2, -7 % 3, divmod(-7, 2)",
        "class V:\n    def __init__(s, x): s.x = x\n    def __add__(s, o): return V(s.x + o.x)\n    def __repr__(s): return f'V{s.x}'\n    def __getitem__(s, k): return s.x * k\n    def __contains__(s, k): return k == s.x\nV(1) + V(2), V(3)[4], 3 in V(3)",
    ),
    "sets": ("a, b = {1, 2, 3}, {2, 3, 4}\na & b, a | b, a - b, a ^ b, a <= b, frozenset(a)",),
    "time": ("import time\nt = time.time(); time.sleep(0.01)\ntime.time() > t, time.perf_counter() > 0",),
    "star imports": ("from math import *\nround(sin(pi / 6), 10), floor(2.7), inf",),
    "system exit": ("print('a')\nexit()\nprint('b')", "print('still here')"),
    "import forms": (
        "import numpy.linalg, collections.abc as cabc\nfrom itertools import chain as ch\nlist(ch([1], [2])), isinstance([], cabc.Sequence), numpy.linalg.norm([3, 4])",
    ),
    "calculator": (
        "def evaluate(tokens):\n    stack = []\n    for t in tokens.split():\n        if t in '+-*/':\n            b, a = stack.pop(), stack.pop()\n            stack.append({'+': a + b, '-': a - b, '*': a * b, '/': a / b if b else None}[t])\n        else:\n            stack.append(float(t))\n    return stack[0]\nevaluate('3 4 + 2 * 7 /')",
    ),
}
