"""The suite: eight test sets in the shape of the paper's, small enough for a laptop, and two training sets.

In: a set and a split. Out: tasks, the pages of an encyclopedia, and a teacher that is a program. Four sets are factual
and need searches; four are mathematical and need code. Of each four, one is in domain and three are out of domain. Test
questions share no name, no number of two digits or more, and no phrasing with training questions.
"""

from understudy.tasks.suite.tasks import suite_tasks
from understudy.tasks.suite.teacher import suite_teacher
from understudy.tasks.suite.world import suite_passages

__all__ = ["suite_passages", "suite_tasks", "suite_teacher"]
