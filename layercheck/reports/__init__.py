"""Reports: what a run says, as text for people and programs."""
