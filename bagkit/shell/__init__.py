"""The shell command `bagkit`: bags from a command line. docs/shell.md says how it is used."""
