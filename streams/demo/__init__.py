"""The demo: the whole platform on this machine, sent real requests and watched from outside."""
