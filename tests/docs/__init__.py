"""Tests of the documents: what they show is true, and what is made from the code is up to date."""
