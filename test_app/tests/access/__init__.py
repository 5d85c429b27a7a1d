"""Tests of requiring verification."""
