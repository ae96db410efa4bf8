"""How fast it is, against what a plain program and the hardware do: measured in one run."""
