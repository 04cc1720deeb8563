"""The Siamese network: backbones, losses, sampling and the training loop. The kiosk never imports this."""
