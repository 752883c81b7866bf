"""Every executor of ours passes the suite that any must pass."""

from ragflow.executors.inline import Inline
from ragflow.executors.processes.executor import ProcessExecutor
from ragflow.executors.threads import Threads
from ragflow.interfaces.execution import Executor
from ragflow.testing.executor import BOOTSTRAP, ExecutorSuite
from ragflow.testing.executor_processes import ProcessExecutorSuite


class TestInline(ExecutorSuite):
    is_concurrent = False

    def make(self, slots: int) -> Executor:
        return Inline(slots)


class TestThreads(ExecutorSuite):
    def make(self, slots: int) -> Executor:
        return Threads(slots)


class TestProcesses(ProcessExecutorSuite):
    program = f"""
from ragflow.executors.processes.executor import ProcessExecutor
executor = ProcessExecutor(2, bootstrap={BOOTSTRAP!r})
"""

    def make(self, slots: int) -> Executor:
        return ProcessExecutor(slots, bootstrap=BOOTSTRAP)
