"""Makes the pages of the documentation's site. In: ``docs/*.md``, pages at the top of the repository, the code. Out: a
folder of Markdown that Zensical builds (``make docs``). Not here: the theme and the navigation (``zensical.toml``).
"""
