"""The gallery in memory: searches the templates of the register for the person most alike."""
