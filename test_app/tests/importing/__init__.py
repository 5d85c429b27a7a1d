"""Tests of taking over devices from other packages."""
