"""1 WHAT TO DO. TOML becomes a Spec and a Profile, or every problem at once. Pure: reads the files it is given, nothing else."""
