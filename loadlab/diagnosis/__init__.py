"""9 WHAT MATTERS MOST. Applies every rule, ranks what they found, and says it in one sentence. Pure."""
