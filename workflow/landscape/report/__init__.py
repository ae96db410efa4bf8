"""The report: captions, sentences chosen by the numbers, and the typeset PDF."""
