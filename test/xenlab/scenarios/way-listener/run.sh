# The listener alone; libxl is given a script that does nothing.
listener_start
whole_life /bin/true
