"""The one path from pixels to an aligned face: pictures, detection, alignment, quality."""
