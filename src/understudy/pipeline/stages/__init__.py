"""One module a kind of stage: its config, what it takes and provides, how it runs."""
