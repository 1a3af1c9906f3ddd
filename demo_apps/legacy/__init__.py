"""What not to do with signals, so that findings have something to find. Don't copy from here."""
