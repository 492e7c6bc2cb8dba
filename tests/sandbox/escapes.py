# ruff: noqa: E501 - one line a case is what lets the list be read
"""What hostile code tries. Each case is one action that ends in ``escaped(...)`` if it got what it came for.

``escaped`` prints a mark that nothing else prints. A case may raise, be killed or run to its end; it must not print
the mark, and it must not leave anything behind. ``PRELUDE`` gives the attacker what the import guard would have kept
from him: the guard is a courtesy, and the kernel is what is tested.
"""

from __future__ import annotations

import os
from pathlib import Path

VICTIM = Path(f"/tmp/understudy-victim-{os.getuid()}")
"""A file of the host, one a user: the suite runs as root and as nobody at once."""
MARK = "\N{BLACK FLAG} escaped"

PRELUDE = f"""
import random, math
sys_modules = random._os.sys.modules
def module(name):
    return sys_modules.get(name) or __import__(name, {{}})
def escaped(what=''):
    print({MARK!r}, what)
os = module('os'); sys = module('sys'); ctypes = module('ctypes'); socket = module('_socket'); signal = module('signal')
builtins = module('builtins')
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result >= 0: escaped(f'system call {{number}} gave {{result}}')
def works(function, *arguments):
    try: got = function(*arguments)
    except (OSError, ImportError, RuntimeError, ValueError): return
    escaped(repr(got)[:80])
"""

_FILES = {
    "open": "works(open, '/etc/passwd')",
    "open for writing": "works(open, '/tmp/understudy-escape', 'w')",
    "os.open": "works(os.open, '/etc/hostname', 0)",
    "io.FileIO": "works(module('_io').FileIO, '/etc/passwd')",
    "io.open_code": "works(module('io').open_code, '/etc/passwd')",
    "stat": "works(os.stat, '/')",
    "lstat": "works(os.lstat, '/etc')",
    "readlink": "works(os.readlink, '/proc/self/exe')",
    "listdir": "works(os.listdir, '/')",
    "scandir": "works(os.scandir, '/')",
    "access": "os.access('/', 0) and escaped()",
    "path exists": "module('posixpath').exists('/etc') and escaped()",
    "getcwd": "works(os.getcwd)",
    "chdir": "works(os.chdir, '/tmp')",
    "chroot": "works(os.chroot, '/')",
    "mkdir": "works(os.mkdir, '/tmp/understudy-escape-d')",
    "unlink": f"works(os.unlink, '{VICTIM}')",
    "rename": "works(os.rename, '/tmp', '/tmp2')",
    "symlink": "works(os.symlink, '/etc', '/tmp/understudy-escape-l')",
    "chmod": "works(os.chmod, '/tmp', 0o777)",
    "truncate": "works(os.truncate, '/tmp/x', 0)",
    "utime": "works(os.utime, '/tmp')",
    "mkfifo": "works(os.mkfifo, '/tmp/understudy-escape-f')",
    "statvfs": "works(os.statvfs, '/')",
    "proc mem": "works(open, '/proc/self/mem', 'r+b')",
    "proc environ": "works(open, '/proc/self/environ')",
    "parent's environment": "works(open, f'/proc/{os.getppid()}/environ')",
    "linecache": "module('linecache').getlines('/etc/passwd') and escaped()",
    "os.fwalk": "[escaped() for _ in os.walk('/')]",
    "inherited descriptors": "for n in range(4, 300): works(os.read, n, 1)",
}
_ENVIRONMENT = {
    "environ": "any(k not in ('LC_ALL', 'LC_CTYPE', 'PYTHONHASHSEED', 'ARROW_DEFAULT_MEMORY_POOL') and 'THREADS' not in k for k in os.environ) and escaped(dict(os.environ))",
    "secrets of the host": "'UNDERSTUDY_SECRET' in str(os.environ) and escaped()",
    "getlogin": "works(os.getlogin)",
    "uname": "works(os.uname)",
    "argv": "any('/' in a and 'sandbox' not in a for a in sys.argv) and escaped(sys.argv)",
}
_PROCESSES = {
    "os.system": "os.system('true') == 0 and escaped()",
    "popen": "works(lambda: os.popen('id').read())",
    "fork": "works(os.fork)",
    "forkpty": "works(os.forkpty)",
    "vfork": "call(58)",
    "clone thread": "works(module('_thread').start_new_thread, int, ())",
    "clone3": "call(435, ctypes.create_string_buffer(88), 88)",
    "execv": "works(os.execv, '/bin/true', ['true'])",
    "execveat": "call(322, 3, b'', None, None, 0x1000)",
    "posix_spawn": "works(os.posix_spawn, '/bin/true', ['true'], {})",
    "memfd and exec": "works(os.memfd_create, 'x')",
    "subprocess": "works(module('_posixsubprocess').fork_exec, *([[b'/bin/true'], [b'/bin/true'], True, (), None, None, -1, -1, -1, -1, -1, -1, 0, 1, False, False, 0, None, None, None, -1, None, False]))",
    "Popen through the class hierarchy": "[escaped(c) for c in object.__subclasses__() if c.__name__ == 'Popen' and not works(c, ['true'])]",
    "kill the parent": "works(os.kill, os.getppid(), 0)",
    "kill the group": "works(os.killpg, 0, 0)",
    "kill everybody": "works(os.kill, -1, 0)",
    "tgkill": "call(234, os.getppid(), os.getppid(), 0)",
    "rt_sigqueueinfo": "call(129, os.getppid(), 0, ctypes.create_string_buffer(128))",
    "pidfd_open": "works(os.pidfd_open, os.getppid())",
    "pidfd_getfd": "call(438, 0, 0, 0)",
    "ptrace": "call(101, 16, os.getppid(), 0, 0)",
    "process_vm_readv": "call(310, os.getppid(), None, 0, None, 0, 0)",
    "process_vm_writev": "call(311, os.getppid(), None, 0, None, 0, 0)",
    "kcmp": "call(312, os.getpid(), os.getppid(), 0, 0, 0)",
    "prlimit of the parent": "works(module('resource').prlimit, os.getppid(), 0)",
    "raise own limits": "works(module('resource').setrlimit, module('resource').RLIMIT_NOFILE, (9999, 9999))",
    "setsid": "works(os.setsid)",
    "setpgid": "works(os.setpgid, 0, 0)",
    "setpriority": "works(os.setpriority, 0, 0, -5)",
    "sched_setaffinity": "works(os.sched_setaffinity, os.getppid(), {0})",
    "sched_setscheduler": "works(os.sched_setscheduler, 0, 1, os.sched_param(1))",
    "waitid on strangers": "works(os.waitid, 0, 0, 4)",
    "subreaper": "call(157, 36, 1, 0, 0, 0)",
    "outlive the parent": "call(157, 1, 1, 0, 0, 0)",
    "become dumpable": "call(157, 4, 1, 0, 0, 0)",
}
_NETWORK = {
    "tcp": "works(socket.socket, 2, 1)",
    "udp": "works(socket.socket, 2, 2)",
    "ipv6": "works(socket.socket, 10, 1)",
    "unix": "works(socket.socket, 1, 1)",
    "abstract socket": "works(lambda: socket.socket(1, 1).connect(chr(0) + 'x'))",
    "raw": "works(socket.socket, 2, 3)",
    "netlink": "works(socket.socket, 16, 3)",
    "vsock": "works(socket.socket, 40, 1)",
    "socketpair": "works(socket.socketpair)",
    "getaddrinfo": "works(socket.getaddrinfo, 'example.org', 80)",
    "gethostname": "works(socket.gethostname)",
    "bind the line": "s = socket.socket(1, 1, 0, fileno=3)\nworks(s.bind, chr(0) + 'understudy')",
    "pipe": "works(os.pipe)",
    "eventfd": "works(os.eventfd, 0)",
    "dup": "works(os.dup, 0)",
    "dup2": "works(os.dup2, 0, 77)",
    "fcntl owner": "call(72, 0, 8, os.getppid())",
    "ioctl": "call(16, 0, 0x5401, 0)",
    "sendmsg with rights": "call(46, 3, ctypes.create_string_buffer(56), 0)",
}
_KERNEL = {
    "io_uring": "call(425, 4, ctypes.create_string_buffer(120))",
    "bpf": "call(321, 0, ctypes.create_string_buffer(120), 120)",
    "perf_event_open": "call(298, ctypes.create_string_buffer(120), 0, -1, -1, 0)",
    "userfaultfd": "call(323, 0)",
    "keyctl": "call(250, 0, -3, 0)",
    "add_key": "call(248, b'user', b'x', b'y', 1, -3)",
    "unshare user namespace": "call(272, 0x10000000)",
    "setns": "call(308, 0, 0)",
    "mount": "call(165, None, None, None, 0, None)",
    "seccomp": "call(317, 2, 0, None)",
    "personality": "call(135, 0x0040000)",
    "setuid": "works(os.setuid, 0)",
    "setgroups": "works(os.setgroups, [0])",
    "capset": "call(126, ctypes.create_string_buffer(8), ctypes.create_string_buffer(24))",
    "x32 numbers": "call(0x40000000 + 39)",
    "executable memory": "libc.mmap.restype = ctypes.c_long\nlibc.mmap(None, 4096, 7, 0x22, -1, 0) > 0 and escaped()",
    "make memory executable": "libc.mmap.restype = ctypes.c_long\na = libc.mmap(None, 4096, 3, 0x22, -1, 0)\nlibc.mprotect(ctypes.c_void_p(a), 4096, 5) == 0 and escaped()",
    "pkey_mprotect": "call(329, 0, 0, 0, 0)",
    "shm": "call(29, 0, 4096, 0o1600)",
    "posix message queue": "call(240, b'/x', 0o102, 0o600, None)",
    "inotify": "call(294, 0)",
    "fanotify": "call(300, 0, 0)",
    "timer_create": "call(222, 0, None, None)",
    "setitimer": "works(signal.setitimer, 0, 1)",
    "clock_settime": "works(module('time').clock_settime, 0, 0)",
    "sysinfo": "call(99, ctypes.create_string_buffer(128))",
    "syslog": "call(103, 10, None, 0)",
    "reboot": "call(169, 0, 0, 0, None)",
    "open_by_handle_at": "call(304, 0, None, 0)",
    "name_to_handle_at": "call(303, -100, b'/', None, None, 0)",
    "openat2": "call(437, -100, b'/etc/passwd', ctypes.create_string_buffer(24), 24)",
    "openat": "call(257, -100, b'/etc/passwd', 0)",
    "creat": "call(85, b'/tmp/understudy-escape', 0o600)",
    "statx": "call(332, -100, b'/', 0, 0, ctypes.create_string_buffer(256))",
    "landlock again": "call(444, None, 0, 1)",
}
_PYTHON = {
    "import os": "works(lambda: exec('import os as o\\no.listdir(\"/\")', {'__name__': '__main__'}))",
    "computed dunder names": "g = getattr((lambda: 0), '__glo' + 'bals__')\nworks(g['__builtins__'].open, '/etc/passwd')",
    "random._os": "works(random._os.listdir, '/')",
    "class hierarchy": "[works(c.__init__.__globals__['open'], '/etc/passwd') for c in object.__subclasses__() if hasattr(c.__init__, '__globals__') and 'open' in c.__init__.__globals__]",
    "str.format path": "escaped() if 'root' in '{0.__init__.__globals__}'.format(random.Random()) and 'root:x' in '{0}'.format(random._os.environ) else None",
    "format_map": "'{a.__class__.__mro__[1]}'.format_map({'a': 1})\nworks(open, '/etc/passwd')",
    "traceback frames": "try:\n    1 / 0\nexcept Exception as e:\n    f = e.__traceback__.tb_frame\n    while f.f_back: f = f.f_back\n    works(f.f_builtins['open'], '/etc/passwd')",
    "generator frames": "g = (i for i in [1])\nworks(g.gi_frame.f_builtins['open'], '/etc/passwd')",
    "bring back the import hook": "builtins.__import__ = module('importlib._bootstrap').__import__\nimport posix\nworks(posix.open, '/etc/passwd', 0)",
    "path hooks": "sys.path.append('/tmp'); sys.path_hooks.append(module('zipimport').zipimporter)\nsys.meta_path.append(module('importlib.machinery').PathFinder)\nworks(__import__, 'pip', {})",
    "source of foreign modules": "works(__import__, 'understudy', {})",
    "dotted tricks to the broker": "[works(__import__, n, {}) for n in ('..etc.passwd', 'os/../../etc', 'json.../x', 'random\\x00', '', 'site-packages')]",
    "extension loading": "works(module('_imp').create_dynamic, module('importlib.machinery').ModuleSpec('x', None, origin='/tmp/x.so'))",
    "ctypes dlopen": "works(ctypes.CDLL, 'libcrypt.so.1')",
    "ctypes open": "libc.open(b'/etc/passwd', 0) >= 0 and escaped()",
    "pickle to open": "works(module('pickle').loads, b\"cbuiltins\\nopen\\n(S'/etc/passwd'\\ntR.\")",
    "marshal and code": "works(eval(compile(\"lambda: open('/etc/passwd')\", 'x', 'eval')))",
    "atexit": "module('atexit').register(escaped)",
    "finalizer bomb": "class D:\n    def __del__(self): works(os.listdir, '/')\nd = D()\ndel d",
    "audit hook": "sys.addaudithook(lambda *a: None)\nworks(open, '/etc/passwd')",
    "breakpoint": "works(breakpoint)",
    "input": "try: input()\nexcept EOFError: pass",
    "gc for the host's objects": "[escaped(o) for o in module('gc').get_objects() if type(o).__name__ in ('Zygote', 'Popen') and getattr(o, '_process', None)]",
    "deep recursion": "sys.setrecursionlimit(10 ** 9)\ndef f(): return f()\nf()",
    "deep nesting": "eval('(' * 5000 + ')' * 5000)",
    "segfault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "exit": "os._exit(0)",
    "hostile repr": "class R:\n    def __repr__(self): return open('/etc/passwd').read()\nR()",
    "hostile str": "class S(str):\n    def __str__(self): works(os.listdir, '/'); return 'x'\nfinal_answer(S())",
    "hostile exception": "class E(Exception):\n    def __str__(self): works(os.listdir, '/'); raise E()\nraise E()",
    "close the line": "os.close(3)",
    "close everything": "os.closerange(0, 300)",
    "new main": "sys.modules['__main__'] = None\nsys.modules.clear()",
    "tear out the runner": "f = sys._getframe()\nwhile f:\n    for v in list(f.f_locals.values()):\n        if hasattr(v, '_pipe'): v._pipe = None\n    f = f.f_back",
}
_LIBRARIES = {
    "numpy.fromfile": "import numpy as np\nworks(np.fromfile, '/etc/passwd')",
    "numpy.load": "import numpy as np\nworks(np.load, '/etc/passwd')",
    "numpy.save": "import numpy as np\nworks(np.save, '/tmp/understudy-escape.npy', np.arange(3))",
    "numpy.loadtxt": "import numpy as np\nworks(np.loadtxt, '/etc/passwd')",
    "numpy.genfromtxt": "import numpy as np\nworks(np.genfromtxt, '/etc/passwd')",
    "numpy.memmap": "import numpy as np\nworks(np.memmap, '/etc/passwd')",
    "ndarray.tofile": "import numpy as np\nworks(np.arange(3).tofile, '/tmp/understudy-escape')",
    "numpy pickle": "import numpy as np\nworks(np.load, module('io').BytesIO(b\"\\x80cos\\nsystem\\n(S'true'\\ntR.\"), None, True)",
    "sympify": "import sympy\nsympy.sympify(\"__import__('os').system('true')\") == 0 and escaped()",
    "parse_expr": "from sympy.parsing.sympy_parser import parse_expr\nparse_expr(\"__import__('os').listdir('/')\")\nescaped()",
    "lambdify": "import sympy\nx = sympy.Symbol('x')\nsympy.lambdify(x, \"__import__('os').listdir('/')\", modules=[])(1)\nescaped()",
    "sympy preview": "import sympy\nworks(sympy.preview, sympy.Symbol('x'), 'file', '/tmp/understudy-escape.png')",
    "sympy codegen": "from sympy.utilities.autowrap import autowrap\nimport sympy\nworks(autowrap, sympy.Symbol('x'))",
    "eval in Symbol": "import sympy\nsympy.S(\"[c for c in ().__class__.__base__.__subclasses__()]\")\nworks(open, '/etc/passwd')",
}
_FORGERY = {
    "forged frame on the line": 'os.write(3, (30).to_bytes(4, \'big\') + b\'{"t":"done","status":"great"}  \')',
    "forged length": "os.write(3, b'\\xff\\xff\\xff\\xff' + b'x' * 100)",
    "forged done": 'b = b\'{"t":"done","status":"ok","value":"forged","dropped":0}\'\nos.write(3, len(b).to_bytes(4, \'big\') + b)',
    "forged call": 'b = b\'{"t":"call","name":"eval","args":["1"],"kwargs":[]}\'\nos.write(3, len(b).to_bytes(4, \'big\') + b)',
    "forged hello": "b = b'{\"t\":\"hello\"}'\nos.write(3, len(b).to_bytes(4, 'big') + b)",
    "nested json": "b = b'{\"t\":' + b'[' * 100000 + b']' * 100000 + b'}'\nos.write(3, len(b).to_bytes(4, 'big') + b)",
    "huge number": "b = b'{\"t\":\"done\",\"dropped\":' + b'9' * 100000 + b'}'\nos.write(3, len(b).to_bytes(4, 'big') + b)",
    "half a frame": "os.write(3, b'\\x00\\x00\\x01\\x00{\"t\":')\nos._exit(0)",
    "all descriptors": "for n in range(1, 30):\n    try: os.write(n, b'\\x00\\x00\\x00\\x02{}')\n    except OSError: pass",
    "answers before questions": '[os.write(3, b\'\\x00\\x00\\x00\\x0e{"t":"return"}\') for _ in range(1000)]',
}

GROUPS = {
    "files": _FILES,
    "environment": _ENVIRONMENT,
    "processes": _PROCESSES,
    "network": _NETWORK,
    "kernel": _KERNEL,
    "python": _PYTHON,
    "libraries": _LIBRARIES,
    "forgery": _FORGERY,
}
CASES = {f"{group}: {name}": code for group, cases in GROUPS.items() for name, code in cases.items()}
