import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from models.siamese.memory import keep_freed_memory

torch.set_num_threads(1)
if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(5):
    torch.zeros(2**23).add_(1)  # 32 MiB: at first every page is new
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.zeros(2**23).add_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc's allocator can be told")
def test_memory_that_was_freed_is_not_asked_for_again() -> None:
    """The kernel itself counts the pages that it hands out."""
    assert page_faults("kept") < page_faults("given back") / 10
