"""A shop whose clerk is an agent: tools over a database, questions, a grader, a teacher. The recipe names them."""
