"""The routes, a file for each subject; `parts` lists them."""
