"""The one kind of error that is the user's to mend: shown as a sentence, never as a traceback."""

MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")


class UserError(Exception):
    """Names the file, key or run, the value found, and what is allowed."""


def is_out_of_memory(error: BaseException) -> bool:
    """Python, CUDA and torch's CPU allocator each say it in their own way."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in MEMORY)
