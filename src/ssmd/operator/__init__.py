"""Kubernetes: records at scale; reads configuration, renders pods, and never breaks coverage."""
