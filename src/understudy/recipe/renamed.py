"""Keys of recipes that have other names now; CHANGELOG has the same table."""

RENAMED = {
    "warmup_share": "`warmup_ratio`",
    "decay_share": "`decay_ratio`",
    "published": "a section of its own: `imported: {name: {path: …}}`",
}
"""Old key → what an error says of it."""
