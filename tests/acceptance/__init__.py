"""Tests of the installed program from outside: processes, signals, kills, terminals."""
