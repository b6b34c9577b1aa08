"""WHERE IT RESTS: raw segments, their manifests, and the proof that they are complete."""
