# libxl, udevd and the listener, all of every vif: one result.
start_udev
listener_start
whole_life vif-vifd
