"""1 WHAT TO DO. TOML becomes a Spec and a Profile, or every problem at once.

Pure but for reading: `read` opens the files it is given, and `checks/files` looks whether those they name exist.
"""
