"""What Doorward knows: people, faces, networks and numbers. Imports neither `access` nor `enrollment`."""
