"""Parts of a user: what a recipe names as ``tests.parts.…:name``."""
