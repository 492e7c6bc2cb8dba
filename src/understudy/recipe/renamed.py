"""Renamed keys of recipes; CHANGELOG has the same table."""

RENAMED = {
    "warmup_share": "`warmup_ratio`",
    "decay_share": "`decay_ratio`",
    "probe": "`eval_callback`",
    "search_tools": "`is_search` of the tool itself",
    "judge": "`grading: {kind: judge, model: NAME}`, where its other keys are too,",
    "math": "`grading: {kind: math, rel_tol: 1e-4}`, with all keys next to `kind`,",
    "published": "a section of its own: `imported: {name: {path: …}}`",
}
"""Old key → the text of its error."""
