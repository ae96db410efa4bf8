"""The chapter on explanations of BatchNorm, from the tables of the mechanism study."""
