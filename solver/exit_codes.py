"""The codes with which commands end.

A signal that ends it at once gives 128 and its number, as shells say it.
"""

EXIT_DONE = 0
EXIT_ERROR = 1  # of the program, or the system refuses (a full disk)
EXIT_BAD_INPUT = 2
EXIT_FAILED = 3  # the solve failed, the last checkpoint is valid; of a sweep: some points are not done
EXIT_INTERRUPTED = 4  # stopped early with a checkpoint
