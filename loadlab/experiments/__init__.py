"""5 WHAT IS TRIED. `slow_down` takes a little capacity away from each candidate and records what throughput did; what
it means is judged in signals/elasticity.py, from the recording alone."""
