"""The coupled step: it joins physics, domain and case."""
