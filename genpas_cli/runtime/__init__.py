"""What every room stands on: errors, options, the machine, threads, signals, output that appears whole."""
