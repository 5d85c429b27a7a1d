"""What an attacker would try, each through the front door."""
