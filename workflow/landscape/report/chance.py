"""Accuracies that cannot be told from guessing."""

import math

CRITICAL = 1.96  # standard errors: 95 %, two-sided


def at_chance(accuracy: float, images: int, classes: int) -> bool:
    """Whether an accuracy on so many images is within the error of guessing, or below it.

    Guessing is right with p = 1 / classes; its standard error is √(p (1 − p) / images).
    """
    guess = 1 / classes
    return accuracy <= guess + CRITICAL * math.sqrt(guess * (1 - guess) / images)


def differ(one: float, other: float, images: int) -> bool:
    """Whether two accuracies differ by more than their sampling error over so many images each."""
    error = math.sqrt((one * (1 - one) + other * (1 - other)) / images)
    return abs(one - other) > CRITICAL * error
