"""Tests of the models and the migrations."""
