"""SIMULATED VENUES and stand-ins, shipped: servers, generators, faults, playback, a manual clock."""
