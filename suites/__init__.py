"""The questions: what is measured. asv runs these classes, and so does ``harness run``."""
