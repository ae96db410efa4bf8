"""The chapter on what explains BatchNorm, from the tables of the mechanism study."""
