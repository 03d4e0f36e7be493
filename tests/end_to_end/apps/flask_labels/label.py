"""What is printed on a parcel: `python label.py NUMBER`, as it came from the printer's maker."""

import json
import sys


def made(number):
    """As a dictionary."""
    digits = f"{number:010d}"
    check = sum(int(each) * (1 + at % 7) for at, each in enumerate(digits)) % 97
    return {"number": digits, "check": check, "bars": [int(each) % 4 + 1 for each in digits]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(made(int(sys.argv[1]))))
