"""A small site, walked from its gate through the kit and back, under the settings that sites really have."""
