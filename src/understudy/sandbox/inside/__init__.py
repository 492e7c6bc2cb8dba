"""What runs on the far side: the zygote, the episode process, and the words both sides speak.

In: one inherited socket. Out: frames. These modules import only the standard library and one another (relatively),
because the zygote loads them from a bare interpreter that has never heard of this project's dependencies. The host
imports ``frames`` and ``seccomp`` from here too, so each fact of the protocol is written once.
"""
