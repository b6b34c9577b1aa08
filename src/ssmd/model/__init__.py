"""THE WORDS: what every other room speaks about. Pure; imports nothing of ours."""
