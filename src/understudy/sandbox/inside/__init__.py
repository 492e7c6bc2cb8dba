"""What runs in the sandboxed processes: the zygote, the episode process, and the protocol of both sides.

In: one inherited socket. Out: frames. These modules import only the standard library and one another (relatively),
because the zygote loads them in a bare interpreter without this project's dependencies. The host
imports ``frames`` and ``seccomp`` from here too, so each fact of the protocol is written once.
"""
