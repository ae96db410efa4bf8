"""The error that a user can correct: shown as a sentence, never as a traceback."""

MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")


class UserError(Exception):
    """Its message names the file, key or run, the value found, and what is allowed."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out; Python, CUDA and torch's CPU allocator word it differently."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in MEMORY)
