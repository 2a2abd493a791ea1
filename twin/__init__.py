"""Twin: a digital twin of EV charging networks on a distribution feeder."""
