"""The one kind of error that is the user's to mend: shown as a sentence, never as a traceback."""


class UserError(Exception):
    """Names the file, key or run, the value found, and what is allowed."""
