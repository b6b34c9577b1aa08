"""A kubelet, and the controllers beside it, that start real `ssmd` processes from pod templates.

It works on any API server, ours or a real one, by plain requests. What it starts are processes of
this machine without containers: paths below a mount are replaced by the folder that is mounted, in
arguments, variables, and the files of ConfigMaps. That needs no privileges; what it does not show
is that a file system is read-only, and that the user is another.
"""
