"""Tests of the Kalshi venue."""
