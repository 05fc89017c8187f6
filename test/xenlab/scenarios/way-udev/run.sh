# udevd calls vifd by the rules of dist/; libxl is given a script that does nothing.
start_udev
whole_life /bin/true
