"""The command line: one command a file. Commands translate; the rooms behind them have the rules."""
