"""What people do to a cluster from their terminal: look, deploy, and scale everything down and up."""
