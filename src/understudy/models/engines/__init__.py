"""What computes a local model: this process, or a server that is started for it.

In: a ``LocalConfig`` whose ``engine`` names a kind. Out: the same model, opened. ``kinds`` lists the engines,
``engine`` is what a class of another package implements, ``pool`` starts servers, shares them and stops them. Not
promised: that a server samples the same reply with the same seed as the model in this process; greedy replies are the
same up to noise.
"""
